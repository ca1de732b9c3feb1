"""What the comparison of two runs on the same examples says: tables, sentences, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ft import Intervals, Metric, Table
from ft_study.compare.items import Flip
from ft_study.compare.on_data import NEW, OLD, OnData, Score, corrected
from ft_study.gains import ALPHA, Gain, p_text
from ft_study.results import Results

SHOWN = 10
"""Flipped examples that are printed; JSON has all."""

WIDE = 70
"""Characters of a text or an answer that are printed."""


def results_on(found: Sequence[OnData], paths: Sequence[Path], *, texts: bool = True) -> Results:
    """The comparison, for print and page.

    Args:
        found: what was compared, source by source.
        paths: of the two runs.
        texts: show and keep what the examples say.
    """
    names = dict(zip((OLD, NEW), map(str, paths), strict=True))
    said = [f"{OLD}: {names[OLD]}", f"{NEW}: {names[NEW]}"]
    for one in found:
        said += [f"{one.source}: {sentence}" for sentence in _sentences(one)]
    charts = [
        Intervals(
            f"{one.source}: F1 of {NEW} less {OLD} by class, with its 95 % interval",
            [(each.name, *_ends(each.difference)) for each in one.classes],
        )
        for one in found
        if one.classes
    ]
    return Results(
        "Runs compared on the same examples",
        " and ".join(names.values()),
        [table for one in found for table in _tables(one, texts)],
        {
            **{name: {"path": path} for name, path in names.items()},
            "data": [_as_json(one, texts) for one in found],
        },
        said,
        charts,
    )


def _sentences(found: OnData) -> Iterator[str]:
    for name, labels in found.unknown.items():
        if labels:
            shown = ", ".join(f"{label!r} ({count:,})" for label, count in labels.items())
            yield f"{name} does not know {shown}: it misses all of them, and that counts"
    yield from found.notes
    yield (
        f"{found.examples:,} examples; the intervals are of a paired bootstrap over them, and do not "
        "hold what another seed of the training would change"
    )


def _tables(found: OnData, texts: bool) -> Iterator[Table]:
    head = ("metric", OLD, NEW, "difference", "95 % interval", "p", "")
    yield Table(
        f"{found.source}: {found.examples:,} examples",
        head,
        tuple((one.metric, *_row(one)) for one in found.scores),
    )
    if found.classes:
        ps = corrected([one.difference for one in found.classes])
        yield Table(
            f"{found.source}: F1 by class",
            ("class", "examples", OLD, NEW, "difference", "95 % interval", "corrected p", ""),
            tuple(
                (
                    one.name,
                    one.gold,
                    f"{one.old:.4f}",
                    f"{one.new:.4f}",
                    *_difference(one.difference, p, True),
                )
                for one, p in zip(found.classes, ps, strict=True)
            ),
            f"p corrected for {len(found.classes)} classes (Holm)",
        )
    for column, scores in found.slices.items():
        ps = corrected([one.difference for one in scores.values()])
        yield Table(
            f"{found.source}: {found.main} by {column}",
            (column, "examples", OLD, NEW, "difference", "95 % interval", "corrected p", ""),
            tuple(
                (value, one.examples, *_row(one, p))
                for (value, one), p in zip(scores.items(), ps, strict=True)
            ),
            f"p corrected for {len(scores)} slices (Holm)",
        )
    if found.flips is not None:
        yield from _flip_tables(found, texts)


def _flip_tables(found: OnData, texts: bool) -> Iterator[Table]:
    flips = found.flips or ()
    lost = [one for one in flips if one.lost]
    won = [one for one in flips if not one.lost]
    yield Table(
        f"{found.source}: answers that flipped",
        ("right to wrong", "wrong to right", "p"),
        ((len(lost), len(won), p_text(found.flip_p)),),
        "an example is right where all of its answer is; p: exact McNemar test",
    )
    for name, some in (("right to wrong", lost), ("wrong to right", won)):
        if some:
            yield Table(
                f"{found.source}: {name}",
                ("example", "right", OLD, NEW, *(("text",) if texts else ())),
                tuple(_flip(found, one, texts) for one in some[:SHOWN]),
                f"the first {SHOWN} of {len(some)}; --json has all" if len(some) > SHOWN else "",
            )


def _flip(found: OnData, one: Flip, texts: bool) -> tuple[str, ...]:
    answers = (_short(_answer(value)) for value in (one.gold, one.old, one.new))
    text = (_short(found.texts[one.row]),) if texts else ()
    return (found.places[one.row], *answers, *text)


def _answer(values: Mapping[str, Any]) -> str:
    if len(values) == 1:
        (value,) = values.values()
        return _plain(value)
    return "; ".join(f"{name}: {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    """An answer in words: of tags those that mark something, with the position of their word."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        if any(one == "O" or one[1:2] == "-" for one in value):
            marked = [f"{k + 1}:{tag}" for k, tag in enumerate(value) if tag != "O"]
            return " ".join(marked) or "(none)"
        return ", ".join(value) or "(none)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def _row(one: Score, p: float | None = None) -> tuple[str, ...]:
    found = one.difference
    p = found.p if p is None else p
    return (
        _score(one.old),
        _score(one.new),
        *_difference(found, p, one.old.higher_is_better),
    )


def _score(metric: Metric) -> str:
    return f"{metric.value:.4f}"


def _difference(found: Gain, p: float | None, up: bool) -> tuple[str, ...]:
    low, high = found.low, found.high
    return (
        f"{found.value:+.4f}",
        "" if low is None or high is None else f"{low:+.4f} to {high:+.4f}",
        p_text(p),
        "" if p is None or p > ALPHA else "better" if (found.value > 0) == up else "worse",
    )


def _ends(found: Gain) -> tuple[float, float | None, float | None]:
    return found.value, found.low, found.high


def _as_json(found: OnData, texts: bool) -> dict[str, Any]:
    ps = corrected([one.difference for one in found.classes])
    return {
        "data": found.source,
        "examples": found.examples,
        "main": found.main,
        "metrics": [{"metric": one.metric, **_score_json(one)} for one in found.scores],
        "classes": [
            {
                "class": one.name,
                "gold": one.gold,
                OLD: one.old,
                NEW: one.new,
                **_gain_json(one.difference),
                "corrected_p": p,
            }
            for one, p in zip(found.classes, ps, strict=True)
        ],
        "slices": [
            {
                "column": column,
                "value": value,
                "metric": one.metric,
                **_score_json(one),
                "corrected_p": p,
            }
            for column, scores in found.slices.items()
            for (value, one), p in zip(
                scores.items(),
                corrected([each.difference for each in scores.values()]),
                strict=True,
            )
        ],
        "unknown": {name: dict(labels) for name, labels in found.unknown.items()},
        "flips": None
        if found.flips is None
        else {
            "right_to_wrong": [_flip_json(found, one, texts) for one in found.flips if one.lost],
            "wrong_to_right": [
                _flip_json(found, one, texts) for one in found.flips if not one.lost
            ],
            "p": found.flip_p,
        },
        "notes": list(found.notes),
    }


def _score_json(one: Score) -> dict[str, Any]:
    return {
        "examples": one.examples,
        OLD: one.old.value,
        NEW: one.new.value,
        "higher_is_better": one.old.higher_is_better,
        **_gain_json(one.difference),
    }


def _gain_json(found: Gain) -> dict[str, Any]:
    return {"difference": found.value, "low": found.low, "high": found.high, "p": found.p}


def _flip_json(found: OnData, one: Flip, texts: bool) -> dict[str, Any]:
    text = {"text": found.texts[one.row]} if texts else {}
    return {"place": found.places[one.row], "gold": one.gold, OLD: one.old, NEW: one.new, **text}
