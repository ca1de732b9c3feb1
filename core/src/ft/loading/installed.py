"""What installed distributions offer ft, read from their metadata alone: nothing is imported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from ft.contract.errors import PluginError
from ft.contract.version import __version__

PLUGINS = "ft.plugins"
"""The entry-point group of plugins."""

COMMANDS = "ft.commands"
"""The entry-point group of commands, ``ft NAME``."""

KINDS = {"ft-task", "ft-technique"}
"""Keywords by which a distribution says of what kind its plugins are."""

CORE = "ft-core"

_CORE = re.compile(r"ft[-_.]core(?![\w.-])", re.IGNORECASE)


@dataclass(frozen=True)
class Installed:
    """A plugin or a command that some installed distribution offers.

    Attributes:
        name: what ``--plugins`` calls it, or what is typed behind ``ft``.
        distribution: the distribution that offers it.
        version: of the distribution.
        summary: of the distribution, one line.
        kind: ``task`` or ``technique``, where the distribution says one of them among its keywords,
            as ``ft-task`` or ``ft-technique``.
        target: where it is, ``package.module:Class`` or ``package.module:function``.
        uses: what people do with it, such as ``route tickets``: the other keywords.
    """

    name: str
    distribution: str
    version: str
    summary: str
    target: str
    kind: str | None = None
    uses: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """How to name who offers it, e.g. ``ft-ner 0.1.0``."""
        return f"{self.distribution} {self.version}"


def installed(group: str = PLUGINS) -> list[Installed]:
    """Everything that is offered in an entry-point group, by name; a clash gives both."""
    found = []
    for point in metadata.entry_points(group=group):
        about: Any = point.dist.metadata if point.dist else {}
        words = [word.strip() for word in (about.get("Keywords") or "").split(",")]
        kinds = KINDS & set(words)
        found.append(
            Installed(
                name=point.name,
                distribution=about.get("Name") or "a distribution without a name",
                version=about.get("Version") or "without a version",
                summary=about.get("Summary") or "",
                target=point.value.partition("[")[0].strip(),
                kind=kinds.pop().removeprefix("ft-") if len(kinds) == 1 else None,
                uses=tuple(word for word in words if word and word not in KINDS),
            )
        )
    return sorted(found, key=lambda one: (one.name, one.distribution))


def duplicates(plugins: Sequence[Installed]) -> dict[str, list[Installed]]:
    """The names that more than one distribution offers, with all of those that do."""
    by_name: dict[str, list[Installed]] = {}
    for one in plugins:
        by_name.setdefault(one.name, []).append(one)
    return {name: offers for name, offers in by_name.items() if len(offers) > 1}


def require_this_ft(distribution: str, who: str) -> None:
    """Refuse a plugin whose distribution requires another ft, before anything of it is imported.

    Installers see to it that requirements hold; one that was told not to look (``--no-deps``), or a
    checkout whose version moved on, can leave a plugin beside an ft that it cannot work with.

    Args:
        distribution: its name.
        who: the plugin, for messages.

    Raises:
        PluginError: this ft is not among the versions that it requires, or what it requires
            cannot be read.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    for text in metadata.requires(distribution) or ():
        if not _CORE.match(text):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise PluginError(
                f"its distribution requires '{text}', which cannot be read",
                who=who,
                hint="install another version of it, and tell its author",
            ) from error
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(__version__, prereleases=True):
            raise PluginError(
                f"it needs {CORE} {requirement.specifier}, and this is {__version__}",
                who=who,
                hint=f"`pip install '{CORE}{requirement.specifier}'`, or install a version of "
                f"{distribution} that is made for ft {__version__}",
            )
