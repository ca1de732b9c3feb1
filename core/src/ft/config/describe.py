"""What a setting may be, in plain words, from the type and the limits of its field."""

from __future__ import annotations

import datetime
import enum
import types
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_PLAIN: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    bytes: "text",
    datetime.date: "a date",
    datetime.datetime: "a date and time",
    datetime.time: "a time",
    type(None): "none",
}
_LIMITS = (
    ("gt", "greater than {}"),
    ("ge", "at least {}"),
    ("lt", "less than {}"),
    ("le", "at most {}"),
    ("multiple_of", "a multiple of {}"),
    ("min_length", "at least {} long"),
    ("max_length", "at most {} long"),
    ("pattern", "matching {}"),
)
_LONGEST = 80


def expected(field: FieldInfo) -> str:
    """What a setting must be, e.g. ``a number greater than 0, or none``."""
    return _words(field.annotation, field.metadata)


def admits_none(annotation: Any) -> bool:
    """Whether ``None`` is among the values of a type."""
    if get_origin(annotation) is Annotated:
        return admits_none(get_args(annotation)[0])
    if _is_union(annotation):
        return any(admits_none(option) for option in get_args(annotation))
    return annotation is None or annotation is type(None)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model that a type is or, as one of several, holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if _is_union(annotation) or get_origin(annotation) is Annotated:
        for option in get_args(annotation):
            if model := model_of(option):
                return model
    return None


def shown(value: Any) -> str:
    """A value as one would write it in TOML, cut to a readable length."""
    if value is None:
        text = "none"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, datetime.date | datetime.time):
        text = value.isoformat()
    elif isinstance(value, enum.Enum):
        text = repr(value.value)
    elif isinstance(value, PurePath):
        text = repr(str(value))
    elif isinstance(value, BaseModel):
        text = shown(value.model_dump(mode="json"))
    else:
        text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _words(annotation: Any, limits: Sequence[Any]) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        nested = [part for one in more if isinstance(one, FieldInfo) for part in one.metadata]
        return _words(inner, [*limits, *more, *nested])
    if _is_union(annotation):
        options = get_args(annotation)
        parts = [_words(option, limits) for option in options if not admits_none(option)]
        text = " or ".join(dict.fromkeys(parts))
        return f"{text}, or none" if admits_none(annotation) else text
    if origin is Literal:
        return _either([shown(option) for option in get_args(annotation)])
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _either([shown(option.value) for option in annotation])
    bounds = " and ".join(_bounds(limits))
    text = _kind(annotation, origin)
    return f"{text} {bounds}" if bounds else text


def _kind(annotation: Any, origin: Any) -> str:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    kind = origin or annotation
    if not isinstance(kind, type):
        return "any value" if annotation is Any else str(annotation)
    if issubclass(kind, BaseModel | Mapping):
        return "a table"
    if issubclass(kind, PurePath):
        return "a path"
    if issubclass(kind, Sequence | set | frozenset):
        items = [item for item in get_args(annotation) if item is not Ellipsis]
        if len(items) == 1:
            return f"a list, each item {_words(items[0], ())}"
        return "a list"
    return kind.__name__


def _bounds(limits: Sequence[Any]) -> list[str]:
    return [
        words.format(shown(value))
        for limit in limits
        for name, words in _LIMITS
        if (value := getattr(limit, name, None)) is not None
    ]


def _either(options: Sequence[str]) -> str:
    return options[0] if len(options) == 1 else f"{', '.join(options[:-1])} or {options[-1]}"
