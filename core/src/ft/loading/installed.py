"""What installed distributions offer ft, read from their metadata alone: nothing is imported."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ft.contract.errors import PluginError
from ft.contract.version import __version__

PLUGINS = "ft.plugins"
"""The entry-point group of plugins."""

COMMANDS = "ft.commands"
"""The entry-point group of commands, ``ft NAME``."""

PRESETS = "ft.presets"
"""The entry-point group of techniques that a preset brings: its name, then the technique's."""

KINDS = {"ft-task", "ft-technique"}
"""Keywords by which a distribution says of what kind its plugins are."""

CORE = "ft-core"

LIBRARIES = ("site-packages", "dist-packages")
"""Names of the folders that installers write to."""

NAMELESS = "a distribution without a name"

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
    """Everything that is offered in an entry-point group, by name; a clash gives both.

    Of a distribution that is there in several folders of the path the first counts.
    """
    found: dict[tuple[str, str, str], Installed] = {}
    places = list(dict.fromkeys(sys.path))
    for i, place in enumerate(places):
        for where, one in _offers(place):
            if where == group and not _before(one.distribution, places[:i]):
                found.setdefault((one.name, one.distribution, one.target), one)
    return [found[key] for key in sorted(found)]


def _before(distribution: str, places: list[str]) -> bool:
    """Whether a distribution of this name is in one of some folders."""
    if distribution == NAMELESS:
        return False
    return any(True for _ in metadata.distributions(name=distribution, path=places))


def _offers(place: str) -> tuple[tuple[str, Installed], ...]:
    """What the distributions in a folder of the path offer ft, each with its group.

    A library folder, with hundreds of distributions, is read again once an installer has changed it.
    """
    folder = Path(place)
    if folder.name not in LIBRARIES:
        return _read(place)
    try:
        return _read_once(place, folder.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=8)
def _read_once(place: str, changed: int) -> tuple[tuple[str, Installed], ...]:
    return _read(place)


def _read(place: str) -> tuple[tuple[str, Installed], ...]:
    return tuple(
        (point.group, _described(point, dist.metadata))
        for dist in metadata.distributions(path=[place])
        for point in dist.entry_points
        if point.group.startswith("ft.")
    )


def _described(point: metadata.EntryPoint, about: Any) -> Installed:
    words = [word.strip() for word in (about.get("Keywords") or "").split(",")]
    kinds = KINDS & set(words)
    return Installed(
        name=point.name,
        distribution=about.get("Name") or NAMELESS,
        version=about.get("Version") or "without a version",
        summary=about.get("Summary") or "",
        target=point.value.partition("[")[0].strip(),
        kind=kinds.pop().removeprefix("ft-") if len(kinds) == 1 else None,
        uses=tuple(word for word in words if word and word not in KINDS),
    )


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
