"""The metrics of a run, each with its interval."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ft.contract.results import Table
from ft.reporters.text import number

CARDS = 12
"""Metrics that stand at the top of the page."""

Metrics = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Card:
    """One metric.

    Attributes:
        name: of the metric.
        value: as text.
        interval: its 95 % interval as text; empty where none is known.
        bar: where the interval begins, how long it is and where the value stands, in percent of a
            scale from 0 to 1; ``None`` where the metric is not on that scale.
    """

    name: str
    value: str
    interval: str
    bar: tuple[float, float, float] | None


def headline_split(metrics: Mapping[str, Metrics]) -> str | None:
    """The split whose scores count: the test split if there is one."""
    return next((split for split in ("test", "validation") if split in metrics), None)


def cards(metrics: Metrics, main: str | None) -> list[Card]:
    """The metrics of the whole split, the main one first; those of single classes are left out."""
    names = sorted((name for name in metrics if "/" not in name), key=lambda name: name != main)
    return [_card(name, metrics[name]) for name in names[:CARDS]]


def _card(name: str, metric: Mapping[str, Any]) -> Card:
    value, low, high = (metric.get(key) for key in ("value", "low", "high"))
    if low is None or high is None:
        return Card(name, _text(value), "", None)
    bar = None
    if all(isinstance(end, int | float) and 0 <= end <= 1 for end in (value, low, high)):
        bar = (100 * low, max(100 * (high - low), 0.5), 100 * float(value or 0))
    return Card(name, _text(value), f"{_text(low)} to {_text(high)}", bar)


def model_name(path: str) -> str:
    """What a pre-trained model is called: of a folder ``model``, as runs have it, the one above."""
    parts = [part for part in re.split(r"[/\\]", path) if part]
    if len(parts) > 1 and parts[-1] == "model":
        return parts[-2]
    return parts[-1] if parts else ""


def every_metric(metrics: Mapping[str, Metrics]) -> Table:
    """All metrics of all scored splits."""
    names = dict.fromkeys(name for scores in metrics.values() for name in scores)
    rows = tuple(
        (name, *(_cell(scores.get(name)) for scores in metrics.values())) for name in names
    )
    return Table("All metrics", ("metric", *metrics), rows, "in brackets: 95 % intervals")


def _cell(metric: Mapping[str, Any] | None) -> str:
    if metric is None:
        return ""
    card = _card("", metric)
    return f"{card.value} [{card.interval}]" if card.interval else card.value


def _text(value: Any) -> str:
    return "none" if value is None else number(value)


def facts(record: Mapping[str, Any], split: str | None) -> Sequence[str]:
    """What was done, in a few phrases."""
    from ft.reporters.text import duration

    found = []
    sizes = {name: row["examples"] for name, row in record.get("data", {}).items()}
    if "train" in sizes:
        found.append(f"{sizes['train']:,} training examples")
    if split in sizes:
        found.append(f"{sizes[split]:,} {split} examples")
    if record.get("steps") is not None:
        found.append(f"{record['steps']:,} steps in {duration(record['train_seconds'])}")
    if record.get("parameters"):
        frozen = record.get("frozen_parameters") or 0
        share = f", {frozen / record['parameters']:.0%} frozen" if frozen else ""
        found.append(f"{record['parameters'] / 1e6:,.1f} M parameters{share}")
    known = record.get("baselines") or {}
    found += [
        f"{known['metric']} {number(value)} on {known['split']}: {name}"
        for name, value in known.get("values", {}).items()
    ]
    if best := record.get("best"):
        found.append(
            f"weights kept: step {best['step']:,}, {best['metric']} "
            f"{number(best['value'])} on validation"
        )
    found += [
        f"stopped early by {one['plugin']}: {one['reason']}" for one in record.get("stops", ())
    ]
    return found
