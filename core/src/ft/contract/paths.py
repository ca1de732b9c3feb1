"""Names of files as everybody may read them: without the folders of the machine they lie on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_FULL = re.compile(r"(?:[~/\\]|\.\.[/\\]|[A-Za-z]:[/\\])[^\n]*")


def public(path: str | Path) -> str:
    """The name of a file or folder for pages and records, which others than the user read.

    Below the current folder it is the path from there, and anywhere else the last part alone, so
    that it names no user and no folder of the machine. ``org/model``, a path that is not a full
    one, stays as it is.
    """
    text = str(path)
    if not _FULL.fullmatch(os.path.normpath(text) if text else text):
        return text
    full, here = os.path.abspath(os.path.expanduser(text)), os.path.abspath(".")  # noqa: PTH100, PTH111
    if os.path.commonpath([full, here]) == here and full != here:
        return Path(full).relative_to(here).as_posix()
    return Path(full).name


def without_folders(value: Any, paths: Iterable[str | Path]) -> Any:
    """JSON values in which each of these paths is written as `public` does, also inside a text.

    Whatever else lies below the current folder is written as the path from there, and whatever lies
    below the user's own folder with ``~``.
    """
    names = {str(path): public(path) for path in paths}
    for folder, short in ((Path.home(), "~/"), (Path.cwd(), "")):
        if folder.name:
            names[f"{folder}/"] = short
    names = {path: name for path, name in names.items() if len(name) < len(path)}
    found = sorted(names, key=len, reverse=True)
    parts = (re.escape(path) + ("" if path.endswith("/") else r"(?!\w)") for path in found)
    return _replaced(value, re.compile(rf"(?<![\w/.])(?:{'|'.join(parts)})"), names)


def _replaced(value: Any, pattern: re.Pattern[str], names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(lambda found: names[found[0]], value)
    if isinstance(value, Mapping):
        found: dict[Any, Any] = {}
        for key, inner in value.items():
            name, number = _replaced(key, pattern, names), 1
            while name in found:  # two folders with a file of one name: both are kept
                number += 1
                name = f"{_replaced(key, pattern, names)} ({number})"
            found[name] = _replaced(inner, pattern, names)
        return found
    if isinstance(value, list | tuple):
        return [_replaced(inner, pattern, names) for inner in value]
    return value


def full_paths(value: Any) -> list[str]:
    """The texts among JSON values, keys included, that are full paths, or lead out of a folder."""
    if isinstance(value, str):
        return [value] if len(value) > 1 and _FULL.fullmatch(value) else []
    if isinstance(value, Mapping):
        return [path for pair in value.items() for part in pair for path in full_paths(part)]
    if isinstance(value, list | tuple):
        return [path for inner in value for path in full_paths(inner)]
    return []
