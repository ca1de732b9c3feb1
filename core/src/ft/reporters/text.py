"""Numbers, metrics and tables as plain text."""

from __future__ import annotations

import math
import shutil
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from ft.contract.results import Metric, Table

_MOST_LABELS = 8

NARROWEST = 16
"""Characters that a column of a table keeps where the terminal is narrow."""


def number(value: float) -> str:
    """Four significant places at least: ``0.4312``, ``1532``, ``3.2e-05``."""
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 0.001 <= abs(value) < 100:
        return f"{value:.4f}"
    return f"{value:.0f}" if 100 <= abs(value) < 1e9 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: ``3:07``, ``1:02:40``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def metrics_text(metrics: Mapping[str, Metric]) -> str:
    """Metrics on one line, each with its interval: ``f1 0.4312 [0.4100, 0.4510]  loss 0.2130``."""
    overall = {name: metric for name, metric in metrics.items() if "/" not in name}
    return "  ".join(f"{name} {_metric(metric)}" for name, metric in overall.items())


def scored(split: str, epoch: int, step: int) -> str:
    """What was scored, and when in training if it was in training."""
    return f"{split}, epoch {epoch}, step {step}" if epoch else split


def _metric(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return number(metric.value)
    return f"{number(metric.value)} [{number(metric.low)}, {number(metric.high)}]"


def table_text(table: Table, width: int | None = None) -> str:
    """A table with its title and note; ``width`` is that of `aligned`."""
    lines = [table.title, *aligned(table.columns, table.rows, width)]
    return "\n".join([*lines, table.note] if table.note else lines)


def cost_table(costs: Sequence[Mapping[str, Any]]) -> Table:
    """What each plugin cost; of the extras those columns in which there is anything."""
    extras = {
        f"extra_{what}": f"extra {what}"
        for what in ("forwards", "backwards", "examples")
        if any(cost.get(f"extra_{what}") for cost in costs)
    }
    columns = {"plugin": "plugin", "hook": "hook", "calls": "calls", "seconds": "seconds", **extras}
    rows = tuple(tuple(cost.get(key) for key in columns) for cost in costs)
    return Table("what each plugin cost", tuple(columns.values()), rows)


def terminal_width(stream: Any) -> int | None:
    """How many characters a line of the terminal has; ``None`` for a file, a pipe or nothing."""
    try:
        return shutil.get_terminal_size().columns if stream.isatty() else None
    except (AttributeError, ValueError):
        return None


def folded(text: str, width: int | None) -> list[str]:
    """The lines of a text, those beyond the width broken between words, what follows indented.

    A word that is longer than a line stays whole, so that a path can be copied.
    """
    found: list[str] = []
    for line in text.split("\n"):
        if width is None or _width(line) <= width:
            found.append(line)
            continue
        indent = " " * min(len(line) - len(line.lstrip()) + 2, width // 2)
        found += textwrap.wrap(
            line,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
    return found


def aligned(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None = None
) -> Iterator[str]:
    """Lines of a table in columns: numbers to the right, everything else to the left.

    Args:
        columns: their names.
        rows: a value for each column.
        width: characters of a line; where the table is wider, its widest column of text is broken
            between words. ``None``: as wide as it is.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    right = [
        bool(rows) and all(isinstance(row[i], int | float) or row[i] is None for row in rows)
        for i in range(len(columns))
    ]
    widths = [
        max(_width(text) for text in (column, *(row[i] for row in cells)))
        for i, column in enumerate(columns)
    ]
    lines = [[[text] for text in row] for row in (list(columns), *cells)]
    over = 0 if width is None else sum(widths) + 2 * (len(widths) - 1) - width
    wide = max(range(len(widths)), key=lambda i: (not right[i], widths[i]), default=0)
    if over > 0 and not right[wide] and widths[wide] - over >= NARROWEST:
        widths[wide] -= over
        for row in lines:
            row[wide] = folded(row[wide][0], widths[wide])
    for row in lines:
        for parts in zip_longest(*row, fillvalue=""):
            padded = [
                (pad + text) if to_right else (text + pad)
                for text, space, to_right in zip(parts, widths, right, strict=True)
                for pad in [" " * (space - _width(text))]
            ]
            yield "  ".join(padded).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number(value)
    return " ".join(str(value).split())


def _width(text: str) -> int:
    """Columns that a text takes on a terminal: Chinese characters take two."""
    return sum(
        0
        if unicodedata.combining(character)
        else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def read_lines(shown: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What was read of each split, see `Reporter.read`."""
    for split in shown:
        of = f" of {split['task']}" if split.get("task") else ""
        yield f"{split['split']}{of}: {split['rows']:,} examples"
        for file in split["files"]:
            columns = ", ".join(
                ours if ours == theirs else f"{ours} from {theirs!r}"
                for ours, theirs in file["columns"].items()
            )
            yield f"  {file['file']} ({file['layout']}){f': {columns}' if columns else ''}"
            for reason, count in file["left_out"].items():
                yield f"  {count:,} row{'' if count == 1 else 's'} left out: {reason}"
        if split["example"]:
            yield f"  first: {split['example']}"
        if split["labels"]:
            counts = list(split["labels"].items())
            shown_counts = ", ".join(f"{name} {count:,}" for name, count in counts[:_MOST_LABELS])
            more = f" and {len(counts) - _MOST_LABELS:,} more" if len(counts) > _MOST_LABELS else ""
            yield f"  labels: {shown_counts}{more}"
        for column, (first, last) in split["times"].items():
            yield f"  {column}: {first} to {last}"
