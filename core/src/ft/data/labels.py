"""What a cell of a label column means, once it is known how the labels are written."""

from __future__ import annotations

import ast
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ft.contract.settings import DataConfig

from ft.data.spelled import NO_COMMAS

Kind = Literal["auto", "single", "multi", "ordinal", "number"]

MISSING = ("nan", "NaN", "NAN", "<NA>", "NaT", "None", "null", "NULL", "NA", "N/A", "n/a", "#N/A")
"""Cells of text that programs write where there is no value."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_WHOLE = re.compile(r"([+-]?\d+)\.0*")
_BITS = re.compile(r"\[\s*[01]\.?0?(\s+[01]\.?0?)+\s*\]")


@dataclass(frozen=True)
class LabelForm:
    """How the labels of a task are written.

    Attributes:
        kind: see `Label`.
        shape: a label a cell (``plain``), a list, a list of 0 and 1 by class (``vector``), or a
            mapping of classes to scores (``scores``).
        separator: between the labels of a cell of text; empty: a cell is one label.
        decimal_comma: whether numbers are written as ``0,5``.
        names: of the classes, where the data has their positions.
        missing: cells of text that mean no label.
    """

    kind: Kind
    shape: Literal["plain", "list", "vector", "scores"] = "plain"
    separator: str = ""
    decimal_comma: bool = False
    names: tuple[str, ...] = ()
    missing: tuple[str, ...] = MISSING

    def options(self) -> dict[str, Any]:
        """Everything that decides what a cell means, as JSON values."""
        return asdict(self)


def label_text(value: Any) -> str:
    """A label as text: composed characters, no white space around it, whole numbers without ``.0``.

    Raises:
        ValueError: it is missing, or neither a text nor a number nor a truth value.
    """
    if isinstance(value, str) and value.strip():
        text = unicodedata.normalize("NFC", value).strip()
        if text.lower() in ("true", "false"):
            return text.lower()
        whole = _WHOLE.fullmatch(text)
        return whole[1] if whole else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if value is None or isinstance(value, str | float):
        raise ValueError("has no label")
    raise ValueError(f"has {value!r} for a label, neither text nor number")


def converter(
    form: LabelForm, known: Sequence[str] | None, owner: str, note: Callable[[str], None]
) -> Callable[[Any], Any]:
    """What makes a label of a cell; it raises `ValueError` with the reason where there is none.

    Args:
        form: how labels are written.
        known: the labels, if any other is malformed.
        owner: the plugin, for the names of settings.
        note: is told how labels were changed.
    """
    allowed = None if known is None else set(known)

    def single(value: Any) -> str:
        _refuse_missing(value, form, owner)
        text = label_text(value)
        if isinstance(value, str) and text != value:
            note(
                "labels are read without white space around them, in composed characters, 'True' as "
                "'true', '1.0' as '1'"
            )
        if form.names and re.fullmatch(r"\d+", text) and text not in form.names:
            if int(text) >= len(form.names):
                raise ValueError(
                    f"has the label {text}; {owner}.label_names has {len(form.names)} names, from 0"
                )
            text = form.names[int(text)]
        if allowed is not None and text not in allowed:
            raise ValueError(
                f"has the label {text!r}, which is none of {', '.join(sorted(allowed))}"
            )
        return text

    def multi(value: Any) -> list[str]:
        return list(dict.fromkeys(map(single, _parts(value, form, owner))))

    def number(value: Any) -> float:
        _refuse_missing(value, form, owner)
        return _number(value, form.decimal_comma)

    if form.kind == "number":
        return number
    if form.kind == "multi":
        return multi
    if form.shape != "plain":
        return lambda value: _only(multi(value))
    return single


def label_reader(
    config: DataConfig, owner: str, note: Callable[[str], None]
) -> Callable[[Any], str]:
    """What makes a class of a cell, as `read_texts` does where an example has one label.

    Composed characters, no white space around it, ``1.0`` as ``1``, ``True`` as ``true``; numbers as the
    ``label_names`` that are given for them. It raises `ValueError` with the reason, to be read after
    ``file:line:``, where a cell has none: it is empty, is one of ``missing_labels``, or no text or number.

    Args:
        config: the settings.
        owner: the plugin's name, for the names of settings.
        note: is told how labels were changed.
    """
    missing = MISSING if config.missing_labels is None else config.missing_labels
    form = LabelForm("single", names=config.label_names, missing=missing)
    return converter(form, config.label_names or None, owner, note)


def _only(labels: list[str]) -> str:
    if len(labels) != 1:
        raise ValueError(f"has {len(labels)} labels where each row has one")
    return labels[0]


def _refuse_missing(value: Any, form: LabelForm, owner: str) -> None:
    if isinstance(value, str) and value.strip() in form.missing:
        raise ValueError(
            f"has no label: {value.strip()!r} is what programs write for a missing value (if it "
            f"is a class, set {owner}.missing_labels = [])"
        )


def _parts(value: Any, form: LabelForm, owner: str) -> list[Any]:
    """The labels of a cell."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise ValueError("has no label; write [] for none of the labels")
    if form.shape == "scores":
        if not isinstance(value, dict):
            raise ValueError(f"has {value!r} for a label, where other rows have scores by class")
        return [name for name, score in value.items() if score is not None and score >= 0.5]
    if isinstance(value, str):
        _refuse_missing(value, form, owner)
        bracketed = value.strip().startswith("[")
        if form.shape in ("list", "vector") or bracketed:
            if not bracketed:
                raise ValueError(f"has the label {value!r}, where other rows have lists")
            value = parse_list(value)
        elif not value.strip():
            return []
        else:
            return value.split(form.separator) if form.separator else [value]
    if not isinstance(value, list):
        return [value]
    for part in value:
        _refuse_span(part)
    if form.shape == "vector":
        return _of_vector(value, form.names)
    return value


def _refuse_span(part: Any) -> None:
    nested = part
    if isinstance(part, str) and part[:1] == "[" and part[-1:] == "]":
        try:
            nested = json.loads(part)
        except (ValueError, RecursionError):
            return
    if isinstance(nested, dict | list):
        raise ValueError(
            f"has {part!r} among its labels: a class is a text; spans with offsets are for a task "
            "that finds entities"
        )


def _of_vector(value: list[Any], names: tuple[str, ...]) -> list[str]:
    if len(value) != len(names) or any(part not in (0, 1) for part in value):
        raise ValueError(f"has {value!r} for a label, not {len(names)} times 0 or 1")
    return [name for name, part in zip(names, value, strict=True) if part]


def parse_list(text: str) -> list[Any]:
    """A list that was written as text by JSON, by Python, or by NumPy where it holds 0 and 1.

    Raises:
        ValueError: it is none.
    """
    text = text.strip()
    if _BITS.fullmatch(text):
        return [int(float(part)) for part in text[1:-1].split()]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        if NO_COMMAS.search(text):
            raise ValueError(
                f"has {text!r} for a label: a list without commas, as NumPy prints one"
            ) from None
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found = None
    if not isinstance(found, list):
        raise ValueError("has a label that begins with [ and is no list of JSON or Python")
    return found


def _number(value: Any, decimal_comma: bool) -> float:
    text = value.strip().replace(",", ".") if decimal_comma and isinstance(value, str) else value
    try:
        number = float(text)
    except (TypeError, ValueError):
        what = "no label" if value is None or value == "" else f"{value!r} for a label, no number"
        raise ValueError(f"has {what}") from None
    if not math.isfinite(number):
        raise ValueError(f"has {value!r} for a label, which is no finite number")
    return number


def sort_labels(names: Iterable[str]) -> tuple[str, ...]:
    """Labels in order: as numbers if all of them are, else as text."""
    names = set(names)
    if names and all(map(_NUMBER.fullmatch, names)):
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    return tuple(sorted(names))
