"""How the labels of a task are written, found from all values of a column."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from ft.contract.errors import ConfigError
from ft.contract.settings import DataConfig
from ft.data.labels import MISSING, Kind, LabelForm, parse_list

_SURE, _LIKELY, _POSSIBLE = "|", ";,", "/&+"
_COMMA = re.compile(r"[+-]?\d+(,\d+)?")
_WRITTEN = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+,\d+|\d{1,3}(,\d{3})+\.\d+|\d+([.,]\d+)? ?%)")
"""Numbers that Python does not read: ``1.100,50``, ``1,100.50``, ``12,5 %``."""


def find_form(
    values: Collection[Any],
    kind: Kind,
    config: DataConfig,
    owner: str,
    where: str,
    layout: str = "",
    known: Sequence[str] = (),
) -> tuple[LabelForm, list[str]]:
    """How labels are written, from the different values that a column has.

    Args:
        values: each once, as `hashable` gives them.
        kind: what the task wants; ``auto``: found here, ``number``, ``multi`` or ``single``.
        config: settles what the values leave open.
        owner: the plugin, for the names of settings.
        where: the file and column, for messages.
        layout: how the file is written.
        known: labels that a trained model has.

    Returns:
        The form, and notes on what was decided.

    Raises:
        ConfigError: the values can be read in two ways; says which setting decides.
    """
    missing = MISSING if config.missing_labels is None else config.missing_labels
    cells = [value for value in values if not _is_missing(value, missing)]
    texts = [value.strip() for value in cells if isinstance(value, str)]
    form = LabelForm(kind, names=config.label_names, missing=missing)
    maps = [value for value in cells if isinstance(value, frozenset)]
    if maps and all(isinstance(score, int | float | None) for one in maps for _, score in one):
        return _scores(maps, form)
    lists = [value for value in cells if isinstance(value, tuple)]
    written = [text for text in texts if text.startswith("[") and text.endswith("]")]
    if len(written) == len(texts):
        lists += [tuple(found) for text in written if (found := _try_list(text)) is not None]
    if lists and kind in ("auto", "multi", "single") and (names := _vector(lists, config, owner)):
        note = f"the labels are vectors of 0 and 1, a position a class: {', '.join(names[:8])}"
        if not config.label_names:
            note += f"; name them with {owner}.label_names"
        return _with(
            form, kind="single" if kind == "single" else "multi", shape="vector", names=names
        ), [note]
    if lists and kind in ("auto", "single") and set(map(len, lists)) == {1}:
        note = f"each list of labels has one; set {owner}.kind = 'multi' if there may be more"
        return _with(form, kind="single", shape="list"), [note]
    if lists and kind in ("auto", "multi"):
        return _with(form, kind="multi", shape="list"), ["the labels are lists"][: kind == "auto"]
    split = bool(config.label_separator) and kind in ("auto", "multi")
    if kind == "number" or (kind == "auto" and not split and _spell_numbers(cells)):
        return _numbers(texts, form, owner, where, layout)
    if kind == "auto" and not split:
        _no_numbers(cells, owner, where)
    if kind in ("auto", "multi"):
        plain = {text for text in texts if text not in written}
        return _separated(plain, form, config, owner, where, known)
    return form, []


def hashable(value: Any) -> Any:
    """A value that a set can hold: a list as a tuple, a mapping as the set of its pairs."""
    if isinstance(value, dict):
        return frozenset((name, hashable(part)) for name, part in value.items())
    return tuple(map(hashable, value)) if isinstance(value, list) else value


def _with(form: LabelForm, **changes: Any) -> LabelForm:
    return LabelForm(**{**form.options(), **changes})


def _is_missing(value: Any, missing: Sequence[str]) -> bool:
    if isinstance(value, str):
        return not value.strip() or value.strip() in missing
    return value is None or (isinstance(value, float) and math.isnan(value))


def _scores(maps: list[Any], form: LabelForm) -> tuple[LabelForm, list[str]]:
    """Mappings of classes to scores, such as ``cats`` of spaCy."""
    kind = form.kind
    if kind == "auto":
        chosen = {sum((score or 0) >= 0.5 for _, score in one) for one in maps}
        kind = "single" if chosen == {1} else "multi"
    note = f"the labels are scores by class, of which those of 0.5 or more are read ({kind})"
    return _with(form, kind=kind, shape="scores"), [note]


def _try_list(text: str) -> list[Any] | None:
    try:
        return parse_list(text)
    except ValueError:
        return None


def _vector(lists: list[Any], config: DataConfig, owner: str) -> tuple[str, ...] | None:
    """The names of the positions, if the lists are vectors of 0 and 1."""
    lengths = set(map(len, lists))
    if len(lengths) != 1 or max(lengths) < 2:
        return None
    if any(isinstance(part, str) or part not in (0, 1) for value in lists for part in value):
        return None
    (length,) = lengths
    names = config.label_names or tuple(map(str, range(length)))
    if len(names) != length:
        raise ConfigError(
            f"there are {len(names)} names for vectors of {length} classes",
            where=f"{owner}.label_names",
        )
    return names


def _spell_numbers(cells: list[Any]) -> bool:
    """Whether all values are numbers, and some of these are not whole."""
    fractions = False
    for value in cells:
        if isinstance(value, bool | tuple | frozenset):
            return False
        text = str(value).strip()
        if _COMMA.fullmatch(text) and "," in text:
            fractions = True
            continue
        try:
            fractions |= not float(text).is_integer()
        except (ValueError, OverflowError):
            return False
    return fractions


def _no_numbers(cells: list[Any], owner: str, where: str) -> None:
    """Numbers as people write them are never taken for classes without a word."""
    texts = [str(value).strip() for value in cells]
    odd = [text for text in texts if _WRITTEN.fullmatch(text)]
    if odd and _spell_numbers([0.5, *(text for text in texts if not _WRITTEN.fullmatch(text))]):
        raise ConfigError(
            f"the labels are such as {min(odd)!r}: numbers, or classes of these names?",
            where=where,
            hint=f"write numbers as 1100.5, or set {owner}.kind = 'single' for classes",
        )


def _numbers(
    texts: list[str], form: LabelForm, owner: str, where: str, layout: str
) -> tuple[LabelForm, list[str]]:
    notes = [] if form.kind == "number" else ["the labels are numbers with fractions"]
    commas = [text for text in texts if "," in text]
    if not commas:
        return _with(form, kind="number"), notes
    shown = min(commas)
    decimals = all(map(_COMMA.fullmatch, texts))
    if not decimals or all(re.search(r",\d{3}$", text) for text in commas):
        raise ConfigError(
            f"the labels are such as {shown!r}, and the comma may stand for the decimal point or "
            "between thousands",
            where=where,
            hint="write the numbers without commas",
        )
    if form.kind == "auto" and "semicolon" not in layout:
        raise ConfigError(
            f"the labels are such as {shown!r}: numbers with a decimal comma, or several classes?",
            where=where,
            hint=f"set {owner}.kind = 'number' or 'multi'",
        )
    notes.append(f"the comma of labels such as {shown!r} is read as the decimal point")
    return _with(form, kind="number", decimal_comma=True), notes


def _separated(
    texts: Collection[str],
    form: LabelForm,
    config: DataConfig,
    owner: str,
    where: str,
    known: Sequence[str],
) -> tuple[LabelForm, list[str]]:
    """Whether cells hold several labels with something between, and what."""
    auto, given = form.kind == "auto", config.label_separator
    if given is not None:
        kind: Kind = "multi" if given or not auto else "single"
        return _with(form, kind=kind, separator=given), []
    marks = _SURE + _LIKELY + _POSSIBLE + ("" if auto else " ")
    names = (*known, *config.label_names)
    found = {mark: _evidence(mark, texts, names) for mark in marks}
    likely = [mark for mark in _SURE + _LIKELY if found[mark] is not None]
    taken = [m for m in likely if m in _SURE or found[m] == 1 or not auto]
    if len(likely) == 1 and taken:
        note = (
            f"labels such as {_with_mark(texts, taken[0])} are several, with {taken[0]!r} between"
        )
        return _with(form, kind="multi", separator=taken[0]), [note]
    # With part of the evidence either reading may be meant.
    least = {mark: 1.0 if auto and mark in _POSSIBLE else 0.01 for mark in marks}
    asked = [mark for mark in marks if (found[mark] or 0) >= least[mark]] or taken
    if asked:
        one = f"{owner}.label_separator = ''" if not auto else f"{owner}.kind = 'single'"
        raise ConfigError(
            f"labels such as {_with_mark(texts, asked[0])}: one class each, or several with "
            f"{asked[0]!r} between?",
            where=where,
            hint=f"set {owner}.label_separator = {asked[0]!r} for several, or {one} for one",
        )
    notes = [
        f"labels such as {_with_mark(texts, mark)} are one class each; if they are several, set "
        f"{owner}.label_separator = {mark!r}"
        for mark in likely[:1]
    ]
    return _with(form, kind="single" if auto else "multi"), notes


def _with_mark(texts: Collection[str], mark: str) -> str:
    return repr(min(text for text in texts if mark in text))


def _evidence(mark: str, texts: Collection[str], names: Sequence[str]) -> float | None:
    """The share of parts that stand in another cell too; ``None`` where no cell has such parts."""
    cells = {text: [part.strip() for part in text.split(mark)] for text in texts}
    several = {
        text: parts
        for text, parts in cells.items()
        if len(parts) > 1 and (all(parts) or mark in _SURE)
    }
    if not several:
        return None
    seen = Counter(part for parts in cells.values() for part in set(parts))
    seen.update(names)
    parts = {part for parts in several.values() for part in parts}
    return sum(seen[part] > 1 for part in parts) / len(parts)
