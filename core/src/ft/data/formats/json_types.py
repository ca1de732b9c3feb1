"""The Arrow types of JSON values: one type a column, found from all rows, never guessed from some."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Kind = str | tuple[Any, ...]
"""``"null"``, ``"bool"``, ``"int"``, ``"float"``, ``"text"``, ``("list", kind)``,
``("object", {name: kind})``, or ``"json"``: a list of mixed kinds, ``[0, 5, "PER"]``, kept as its
JSON text."""

MOST_FIELDS, DEEPEST = 1000, 16
_INT64 = 1 << 63

_NAMES = {
    "null": "nothing",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "json": "a list",
}


class Misfit(ValueError):
    """A value that does not fit the column; the message is to be read after ``file:line:``."""


def kind_of(value: object, depth: int = 0) -> Kind:
    """The kind of a JSON value.

    Raises:
        Misfit: an integer beyond 64 bits, one list in another too often, or a name with a NUL.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise Misfit("holds a number that is too large")
        return "int"
    if isinstance(value, float):
        return "float"
    if depth > DEEPEST:
        raise Misfit("is nested too deeply")
    if isinstance(value, dict):
        if any("\0" in name for name in value):
            raise Misfit("has a name with a NUL character in it")
        return "object", {name: kind_of(part, depth + 1) for name, part in value.items()}
    assert isinstance(value, list)
    inner: Kind = "text" if value and set(map(type, value)) == {str} else "null"
    if inner == "null":
        kinds = [kind_of(part, depth + 1) for part in value]
        try:
            for kind in kinds:
                inner = merge(inner, kind)
        except Misfit:
            return "json"
    return "list", inner


def merge(one: Kind, other: Kind) -> Kind:
    """The kind that holds both.

    Raises:
        Misfit: there is none.
    """
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    if (one, other) in (("int", "float"), ("float", "int")):
        return "float"
    if isinstance(one, tuple) and isinstance(other, tuple) and one[0] == other[0]:
        if one[0] == "list":
            return "list", merge(one[1], other[1])
        fields = dict(one[1])
        for name, kind in other[1].items():
            fields[name] = merge(fields.get(name, "null"), kind)
        if len(fields) > MOST_FIELDS:
            raise Misfit(f"holds an object; the rows' objects have over {MOST_FIELDS:,} names")
        return "object", fields
    if "json" in (one, other) and describe(one) == describe(other):
        return "json"
    raise Misfit(f"holds {describe(other)}, other rows hold {describe(one)}")


def has_json(kind: Kind) -> bool:
    """Whether a kind has a part that is kept as JSON text."""
    if isinstance(kind, tuple):
        return any(map(has_json, [kind[1]] if kind[0] == "list" else kind[1].values()))
    return kind == "json"


def fit(value: Any, kind: Kind) -> Any:
    """A value with the parts that are kept as JSON text turned into it."""
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False)
    if isinstance(kind, tuple) and kind[0] == "list":
        return [fit(part, kind[1]) for part in value]
    if isinstance(kind, tuple):
        return {name: fit(value.get(name), part) for name, part in kind[1].items()}
    return value


def describe(kind: Kind) -> str:
    """A kind in words."""
    if isinstance(kind, tuple):
        return "a list" if kind[0] == "list" else "an object"
    return _NAMES.get(kind, kind)


def arrow_type(kind: Kind) -> pa.DataType:
    """The Arrow type of a kind; nothing but nulls becomes text."""
    import pyarrow as pa

    if isinstance(kind, tuple):
        if kind[0] == "list":
            return pa.list_(arrow_type(kind[1]))
        fields = [pa.field(name, arrow_type(part)) for name, part in kind[1].items()]
        return pa.struct(fields)
    plain = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    return plain.get(kind, pa.string())
