"""Where settings come from: a TOML file, ``-o`` overrides, flags and arguments; each with its place."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ft.contract.errors import ConfigError, FtError

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' + r"'''.*?'{3,5}|"
    r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'|#[^\n]*|[\[\]{}\n]",
    re.DOTALL,
)
_AT_LINE = re.compile(r"\(at line (\d+), column (\d+)\)$")


DEEPEST = 50
"""Tables within tables that a value may hold."""


@dataclass(frozen=True)
class Setting:
    """One value that somebody gave.

    Attributes:
        path: table, key and, for a value inside a table, the keys below.
        value: the value; an empty mapping for a table as a whole (a path of one part).
        place: where it was given: ``file:line``, the override as typed, the flag.
        text: an override's value as typed, for settings that are text whatever it looks like.
    """

    path: tuple[str, ...]
    value: Any
    place: str
    text: str | None = None

    @property
    def is_table(self) -> bool:
        """Whether it only says that a table is there."""
        return len(self.path) == 1 and self.value == {}


def read_file(path: Path) -> list[Setting]:
    """The settings of a TOML file.

    Raises:
        ConfigError: it cannot be read or is not TOML; says the line.
    """
    source = _read_text(path)
    try:
        tree = tomllib.loads(source)
    except RecursionError as error:
        raise ConfigError("the values are nested too deeply", where=str(path)) from error
    except ValueError as error:
        at = _AT_LINE.search(str(error))
        where = f"{path}:{at[1]}" if at else str(path)
        message = _AT_LINE.sub("", str(error)).strip()
        raise ConfigError(
            f"not valid TOML: {message}" + (f" (column {at[2]})" if at else ""),
            where=where,
            hint='a line is `key = value` under a [table]; text stands in "quotes"',
        ) from error
    if _is_deep(tree):
        raise ConfigError("the values are nested too deeply", where=str(path))
    lines = dict(_key_lines(source))
    return [
        Setting(path_, value, f"{path}:{lines[path_]}" if path_ in lines else str(path))
        for path_, value in _flatten(tree)
    ]


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "there is no such file" if not path.exists() else f"{error.strerror}"
        raise ConfigError(
            f"the configuration cannot be read: {reason}",
            where=str(path),
            hint=f"paths are looked up from {Path.cwd()}",
        ) from error
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "the file is not UTF-8", where=f"{path}:{line}", hint="save it as UTF-8"
        ) from error


def _flatten(tree: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for table, values in tree.items():
        if isinstance(values, Mapping):
            yield (table,), {}
            for key, value in values.items():
                yield (table, key), value
        else:
            yield (table,), values


def _key_lines(source: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """The line of every key of a valid TOML text, tables and keys in tables of tables included."""
    header: tuple[str, ...] = ()
    seen: set[tuple[str, ...]] = set()
    for line, statement in _statements(source):
        is_header = statement.startswith("[")
        tree = tomllib.loads(statement)
        for path in _paths(tree, ()):
            full = path if is_header else header + path
            if is_header:
                header = full
            if full not in seen:
                seen.add(full)
                yield full, line


def _statements(source: str) -> Iterator[tuple[int, str]]:
    """The statements of a valid TOML text, which may span lines, each with its first line."""
    begin, first, line, depth = 0, 1, 1, 0
    for token in _TOKEN.finditer(source + "\n"):
        text = token.group()
        if text in "[{":
            depth += 1
        elif text in "]}":
            depth -= 1
        line += text.count("\n")
        if text == "\n" and depth == 0:
            statement = source[begin : token.start()].strip()
            if statement and not statement.startswith("#"):
                yield first, statement
            begin, first = token.end(), line


def _paths(tree: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    while isinstance(tree, list) and tree:
        tree = tree[0]
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield (*above, key)
            yield from _paths(value, (*above, key))


def read_overrides(overrides: Sequence[str]) -> tuple[list[Setting], list[FtError]]:
    """The settings of ``-o table.key=value`` and what is wrong with the others."""
    settings: list[Setting] = []
    errors: list[FtError] = []
    for override in overrides:
        key, equals, text = override.partition("=")
        path = _key_path(key.strip())
        place = f"-o {override}"
        if not equals or path is None:
            what = "an override is table.key=value"
            errors.append(ConfigError(what, where=place, hint="e.g. -o ner.train=data/train.conll"))
        elif len(path) > DEEPEST or _is_deep(_value(text.strip())):
            errors.append(ConfigError("the values are nested too deeply", where=place[:200]))
        elif not _is_unicode(override):
            errors.append(ConfigError("the value is not valid text (UTF-8)", where=place))
        else:
            value, text = _value(text.strip()), text.strip()
            if len(path) == 1 and isinstance(value, Mapping):
                settings += [Setting(*pair, place) for pair in _flatten({path[0]: value})]
            else:
                settings.append(Setting(path, value, place, text))
    return settings, errors


def _key_path(key: str) -> tuple[str, ...] | None:
    parts: list[str] = []
    try:
        node: Any = tomllib.loads(f"{key} = 0") if "\n" not in key else None
    except (ValueError, RecursionError):
        node = None
    while isinstance(node, dict) and len(node) == 1:
        part, node = next(iter(node.items()))
        parts.append(part)
    if node == 0 and parts:
        return tuple(parts)
    plain = tuple(key.split("."))
    return plain if all(plain) else None


def _value(text: str) -> Any:
    """A TOML value if the text is one from end to end, else the text itself."""
    try:
        # The mark behind it keeps a comment or a second value from being cut off unseen.
        tree = tomllib.loads(f"v = [{text}, 'end']")
    except (ValueError, RecursionError):
        return text
    values = tree.get("v")
    return values[0] if len(tree) == 1 and isinstance(values, list) and len(values) == 2 else text


def _is_deep(value: Any) -> bool:
    """Whether a value holds more tables within tables than anybody writes."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (
                one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else ()
            )
        ]
        if not level:
            return False
    return True


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_values(
    values: Mapping[str, Any], labels: Mapping[str, str]
) -> tuple[list[Setting], list[FtError]]:
    """The settings given as flags or keyword arguments, and what is wrong with them.

    Args:
        values: by dotted key (``{"run.epochs": 3}``) or a mapping a table (``{"ner": {...}}``).
        labels: by dotted key, what the user typed to give it, such as ``--epochs``.
    """
    settings: list[Setting] = []
    errors: list[FtError] = []
    for name, value in values.items():
        if "." not in name and isinstance(value, Mapping):
            pairs = list(_flatten({name: value}))
        else:
            pairs = [(tuple(name.split(".")), value)]
        for path, inner in pairs:
            key = ".".join(map(str, path))
            place = labels.get(key, f"argument {key}")
            try:
                settings.append(Setting(tuple(map(str, path)), _plain(inner), place))
            except ValueError as error:
                errors.append(ConfigError(str(error), where=place))
    return settings, errors


def _plain(value: Any) -> Any:
    """A copy of a value with paths as text."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and not _is_unicode(value):
        raise ValueError("the value is not valid text (UTF-8)")
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
