"""A new plugin's package: its names, and its files from templates."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from ft.contract.errors import UserError

Kind = Literal["task", "technique"]

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_LONGEST = 40

FILES = {
    "common/pyproject.toml": "pyproject.toml",
    "common/gitignore": ".gitignore",
    "common/workflow.yml": ".github/workflows/test.yml",
    "common/init.py": "src/__PACKAGE__/__init__.py",
    "common/py.typed": "src/__PACKAGE__/py.typed",
    "common/test_contract.py": "tests/test_contract.py",
    "__KIND__/README.md": "README.md",
    "__KIND__/plugin.py": "src/__PACKAGE__/plugin.py",
    "__KIND__/test_plugin.py": "tests/test_plugin.py",
}
"""The templates, each a ``.txt`` below ``templates``, and the file that it becomes."""


@dataclass(frozen=True)
class Package:
    """What was written.

    Attributes:
        folder: the package's folder.
        files: its files, relative to it.
    """

    folder: Path
    files: tuple[str, ...]


def write_package(name: str, kind: Kind, folder: Path | None = None) -> Package:
    """Write the package of a plugin.

    Args:
        name: what ``--plugins`` shall call it.
        kind: of plugin.
        folder: the folder to make; ``ft-NAME`` in the current one by default.

    Raises:
        UserError: the name or the folder is taken, or cannot be used.
    """
    check_new_name(name)
    words = marks(name, kind)
    folder = folder or Path(words["__DISTRIBUTION__"])
    if folder.exists():
        raise UserError(
            "there is something of that name already",
            where=str(folder),
            hint="give another --folder, or another name",
        )
    written = []
    for template, target in FILES.items():
        source = files("ft_kit.new") / "templates" / f"{_fill(template, words)}.txt"
        path = _fill(target, words)
        _write(folder / path, _fill(source.read_text(encoding="utf-8"), words))
        written.append(path)
    return Package(folder, tuple(written))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(path)) from error


def check_new_name(name: str) -> None:
    """Refuse a name that is no good name for a plugin.

    Raises:
        UserError: it has other characters than a name has, or is taken.
    """
    from ft.api import run
    from ft.builtin import HOMES
    from ft.loading.installed import installed
    from ft.loading.load import check_name

    who = f"plugin '{name}'"
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("ft-")).strip("-0123456789")
        raise UserError(
            f"'{name}' is no name for a plugin: small letters and digits, words parted by - or _",
            where="NAME",
            hint=f"such as '{plain[:_LONGEST] or 'relations'}'",
        )
    if name.startswith(("ft-", "ft_")):
        raise UserError(
            f"the name '{name}' would make the distribution ft-{name}",
            where="NAME",
            hint=f"'{name[3:]}' is enough",
        )
    check_name(name, who)
    if name in inspect.signature(run).parameters:
        raise UserError(
            f"ft.run has an argument '{name}', which the settings of the plugin would clash with",
            where="NAME",
            hint="choose another name",
        )
    taken = {one.name: one.owner for one in installed()}
    taken |= dict.fromkeys(HOMES, "ft itself")
    if name in taken:
        raise UserError(
            f"there is a plugin '{name}' already, from {taken[name]}",
            where="NAME",
            hint="choose another name",
        )


def marks(name: str, kind: Kind) -> dict[str, str]:
    """What stands for each mark of the templates."""
    from ft.contract.version import __version__

    package = f"ft_{name.replace('-', '_')}"
    major, minor, *_ = __version__.split(".")
    versions = f">={major}.{minor},<{major}.{int(minor) + 1}"
    return {
        "__NAME__": name,
        "__KIND__": kind,
        "__PACKAGE__": package,
        "__DISTRIBUTION__": package.replace("_", "-"),
        "__CLASS__": "".join(word.capitalize() for word in re.split("[-_]", name))
        + kind.capitalize(),
        "__NEEDS__": f"ft-core{versions}",
        "__KIT__": f"ft-kit{versions}",
    }


def _fill(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text
