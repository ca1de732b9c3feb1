"""Whether an installed plugin was made for this ft: what its distribution says that it requires."""

from __future__ import annotations

import re
from importlib import metadata

from ft.contract.errors import PluginError
from ft.contract.version import __version__

CORE = "ft-core"

_CORE = re.compile(r"ft[-_.]core(?![\w.-])", re.IGNORECASE)


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
