"""What the learning curves show, from the lines of ``metrics.jsonl``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ft.page.draw import Chart, Series
from ft.reporters.text import number

OWN = ("step", "epoch", "learning_rate", "loss", "split", "metrics")
POINTS = 400
"""Points of a curve that are drawn; of a longer one every so many-th, and the last."""

SERIES = 5
"""Curves that one chart can tell apart."""

LOGGED = 6
"""Charts of what plugins log."""


def charts(log: Sequence[Mapping[str, Any]], main: str | None, best: int | None) -> list[Chart]:
    """The charts of a run.

    Args:
        log: the lines of ``metrics.jsonl``.
        main: the name of the metric that chose the best model.
        best: the step of the best evaluation.
    """
    steps = [line for line in log if "split" not in line]
    scored = [line for line in log if line.get("split") == "validation"]
    names = dict.fromkeys(key for line in steps for key in line if key not in OWN)
    logged = [name for name in names if "/" in name]
    loss = [_curve("train", steps, "loss"), _scores("validation", scored, "loss")]
    parts = _some(_curve(name, steps, name) for name in names if "/" not in name)
    part = f"Part of the loss: {parts[0].name}" if len(parts) == 1 else "Parts of the loss"
    shown = _main_first(scored, main)
    drawn = [_scores(name, scored, name) for name in shown]
    flat = [one for one in drawn if one.name != main and _is_flat(one)]
    plain = [
        Chart("Loss", _some(loss), best),
        Chart(part, parts[:SERIES], note=_left_out(parts, SERIES)),
        Chart(
            f"{shown[0]} on validation" if len(shown) == 1 else "Metrics on validation",
            _some(one for one in drawn if one not in flat),
            best,
            _the_same(flat),
        ),
        Chart("Learning rate", _some([_curve("learning rate", steps, "learning_rate")])),
        *(
            Chart(name, _some([_curve(name, steps, name)]), note=_rest(logged, name))
            for name in logged[:LOGGED]
        ),
    ]
    return [chart for chart in plain if chart.series]


def _main_first(scored: Sequence[Mapping[str, Any]], main: str | None) -> list[str]:
    """The main metric, and others of the whole that lie between 0 and 1 as it does."""
    last: Mapping[str, Any] = scored[-1]["metrics"] if scored else {}
    whole = [name for name in last if "/" not in name and name != "loss"]
    if main is None or main not in last:
        return whole[:1] or [""]
    values = [
        metric.get("value")
        for line in scored
        for name, metric in line["metrics"].items()
        if name in whole
    ]
    if all(_finite(value) and 0 <= value <= 1 for value in values):
        return [main, *(name for name in whole if name != main)][: SERIES - 1]
    return [main]


def _curve(name: str, lines: Iterable[Mapping[str, Any]], key: str) -> Series:
    points = [(line["step"], line[key]) for line in lines if _finite(line.get(key))]
    kept = _thin(points)
    return Series(name, [step for step, _ in kept], [value for _, value in kept])


def _scores(name: str, lines: Iterable[Mapping[str, Any]], key: str) -> Series:
    found = [(line["step"], line["metrics"].get(key) or {}) for line in lines]
    kept = _thin([(step, metric) for step, metric in found if _finite(metric.get("value"))])
    ends = [(metric.get("low"), metric.get("high")) for _, metric in kept]
    known = bool(ends) and all(_finite(low) and _finite(high) for low, high in ends)
    return Series(
        name,
        [step for step, _ in kept],
        [metric["value"] for _, metric in kept],
        [low for low, _ in ends] if known else None,
        [high for _, high in ends] if known else None,
    )


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _thin(points: Sequence[Any]) -> list[Any]:
    stride = -(-len(points) // POINTS) or 1
    kept = list(points[::stride])
    if points and (len(points) - 1) % stride:
        kept.append(points[-1])
    return kept


def _some(series: Iterable[Series]) -> list[Series]:
    return [one for one in series if one.steps]


def _is_flat(series: Series) -> bool:
    """The same value at every evaluation, such as a coverage of 1: it would flatten the others."""
    return len(series.values) > 1 and len(set(series.values)) == 1


def _the_same(flat: Sequence[Series]) -> str:
    told = [f"{one.name} {number(one.values[0])}" for one in flat]
    return f"the same at every evaluation: {', '.join(told)}" if told else ""


def _left_out(series: Sequence[Series], most: int) -> str:
    names = [one.name for one in series[most:]]
    return f"not drawn: {', '.join(names)}" if names else ""


def _rest(logged: Sequence[str], name: str) -> str:
    """Under the last chart of what plugins log: what else they logged."""
    last = len(logged) > LOGGED and name == logged[LOGGED - 1]
    return f"not drawn: {', '.join(logged[LOGGED:])}" if last else ""
