"""What is wrong with a configuration, one plain message for each setting, with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ft.config.describe import expected, shown
from ft.contract.errors import ConfigError, FtError
from ft.contract.messages import did_you_mean, nearest
from ft.contract.plugin import Config, fields_by_key

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

# Errors whose whole content the type and the limits of the field say better.
_BY_FIELD = re.compile(
    r".*_(type|parsing|parsing_size|from_float|error)|enum|finite_number|multiple_of"
    r"|(greater|less)_than(_equal)?|none_required"
)
_FROM_VALIDATOR = ("value_error", "assertion_error")
_INTRODUCTION = re.compile(r"^(Input|Value|String|List|Dictionary|Tuple|Set) should ")


@dataclass(frozen=True)
class Scope:
    """The configuration that messages are about.

    Attributes:
        tables: the settings' types by table.
        places: where each setting was given, by dotted key.
        file: the configuration file, if there is one.
    """

    tables: Mapping[str, type[Config]]
    places: Mapping[str, str]
    file: str | None

    def place(self, key: str) -> str:
        """Where a setting, or what it is a part of, was given; else the key itself."""
        parts = key.split(".")
        for end in range(len(parts), 0, -1):
            found = self.places.get(".".join(parts[:end]))
            if found:
                return found
        return key

    def table_place(self, table: str) -> str:
        """Where a table as a whole was given: what was typed for it goes before the file."""
        inside = [at for key, at in self.places.items() if key.startswith(f"{table}.")]
        typed = [at for at in inside if not (self.file and at.startswith(self.file))]
        return ", ".join(dict.fromkeys(typed)) or self.place(table)

    def suggest(self, table: str, key: str) -> str | None:
        """The known setting that was probably meant by an unknown one."""
        own = list(fields_by_key(self.tables[table])) if table in self.tables else []
        if near := nearest(key, own):
            return f"{table}.{near[0]}"
        others = {
            other: list(fields_by_key(model))
            for other, model in self.tables.items()
            if other != table
        }
        for other, keys in others.items():
            if key in keys:
                return f"{other}.{key}"
        for other, keys in others.items():
            if near := nearest(key, keys, cutoff=0.75):
                return f"{other}.{near[0]}"
        return None


def complaints(
    table: str, values: Mapping[str, Any], error: ValidationError, scope: Scope
) -> list[FtError]:
    """One message for each setting of a table that does not fit.

    Args:
        table: the table's name.
        values: what was given in it.
        error: what pydantic says about it.
        scope: the whole configuration.
    """
    # A union gives one error for each of its types: they are one complaint.
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        found.setdefault(_path(detail, values), []).append(detail)
    # Where one of the types is the value's, what is wrong inside of it is the complaint.
    for path in [path for path in found if any(_inside(other, path) for other in found)]:
        if all(_BY_FIELD.fullmatch(detail["type"]) for detail in found[path]):
            del found[path]
    return [_complaint(table, path, details, scope) for path, details in found.items()]


def _inside(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(path) > len(other) and path[: len(other)] == other


def _path(detail: ErrorDetails, values: Any) -> tuple[str, ...]:
    """The keys that lead to what an error is about, without pydantic's names for types."""
    path: list[str] = []
    steps = detail["loc"]
    for position, step in enumerate(steps):
        is_key = isinstance(values, Mapping) and step in values
        is_item = isinstance(values, list) and isinstance(step, int) and step < len(values)
        if is_key or is_item:
            values = values[step]
        elif not (detail["type"] == "missing" and position == len(steps) - 1):
            continue
        path.append(str(step))
    return tuple(path)


def _complaint(
    table: str, path: tuple[str, ...], details: list[ErrorDetails], scope: Scope
) -> ConfigError:
    key = ".".join((table, *path))
    kinds = {detail["type"] for detail in details}
    first = details[0]
    fields = fields_by_key(scope.tables[table])
    field = fields.get(path[0]) if path else None
    if kinds == {"extra_forbidden"}:
        return _unknown_setting(table, path, fields, scope)
    if kinds == {"missing"}:
        under = f"under [{table}] in {scope.file}" if scope.file else "on the command line"
        return ConfigError(
            f"the setting '{key}' is missing{_help(field)}",
            hint=f"give it {under}, or with -o {key}=...",
        )
    if not path:
        return ConfigError(f"[{table}]: {_reason(first)}", where=scope.table_place(table))
    got = shown(first["input"])
    described = field is not None and len(path) == 1
    if described and all(
        kind not in _FROM_VALIDATOR and _BY_FIELD.fullmatch(kind) for kind in kinds
    ):
        reason = f", but must be {expected(field)}"  # type: ignore[arg-type]
    else:
        reason = f": {' or '.join(dict.fromkeys(_reason(detail) for detail in details))}"
    return ConfigError(
        f"{key} is {got}{reason}{_help(field)}",
        where=scope.place(key),
        hint=_near_value(first, expected(field) if described else reason),  # type: ignore[arg-type]
    )


def _unknown_setting(
    table: str, path: tuple[str, ...], fields: Mapping[str, FieldInfo], scope: Scope
) -> ConfigError:
    key = ".".join((table, *path))
    near = scope.suggest(table, path[0]) if len(path) == 1 else None
    if path == ("plugins",):
        hint = "write it above the first [table] of the file"
    elif near:
        hint = f"did you mean '{near}'?"
    elif fields:
        hint = f"the settings of [{table}] are {', '.join(fields)}"
    else:
        hint = f"[{table}] has no settings"
    return ConfigError(f"there is no setting '{key}'", where=scope.place(key), hint=hint)


def _reason(detail: ErrorDetails) -> str:
    """Pydantic's own words, as the end of a sentence about the setting."""
    message = detail["msg"]
    if detail["type"] in _FROM_VALIDATOR:
        return message.partition(", ")[2] or message
    return _INTRODUCTION.sub("it must ", message)


def _help(field: FieldInfo | None) -> str:
    return f" ({field.description})" if field is not None and field.description else ""


def _near_value(detail: ErrorDetails, words: str) -> str | None:
    """The allowed word that was probably meant."""
    if not isinstance(detail["input"], str):
        return None
    return did_you_mean(detail["input"], re.findall(r"'([^']*)'", words), 3)
