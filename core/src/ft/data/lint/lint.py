"""A look at the data before training, in the spirit of ``spacy debug data``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ft.contract.schema import TaskData
from ft.data.lint.duplicates import Duplicates
from ft.data.lint.finding import Check, Finding, Severity
from ft.data.lint.labels import Labels
from ft.data.lint.lengths import Lengths
from ft.data.lint.strings import Strings
from ft.data.rows.hashing import tables

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ORDER: tuple[Severity, ...] = ("warning", "info")


SMALL = 30
"""With fewer examples, a score has an interval of a third of the whole scale or more."""


def lint(
    data: TaskData, tokenizer: PreTrainedTokenizerBase | None = None, max_length: int | None = None
) -> list[Finding]:
    """Look for what makes training or its scores worse than they need be.

    Knows the task by the schema alone. One pass over the rows; what is kept of a row is its hash.

    Args:
        data: what `load_data` returned.
        tokenizer: the model's, to tell lengths and what it does not know; left out without.
        max_length: tokens per window; default: the tokenizer's own limit.

    Returns:
        The findings, warnings first.
    """
    checks: list[Check] = [Labels(data), Duplicates(data), Strings(data)]
    if tokenizer is not None:
        checks.append(Lengths(data, tokenizer, max_length))
    for split, rows in data.splits.items():
        first = 0
        for table in tables(rows):
            for check in checks:
                check.see(split, first, table)
            first += table.num_rows
    found = [*(finding for check in checks for finding in check.findings()), *_small(data)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))


def _small(data: TaskData) -> Iterator[Finding]:
    """Splits that are too small to score a model on."""
    what = {"validation": "which epoch is best", "test": "what is scored on it"}
    for split, told in what.items():
        rows = len(data.splits[split]) if split in data.splits else SMALL
        if rows < SMALL:
            yield Finding(
                "warning",
                f"small-{split}",
                f"{split} has {rows:,} example{'' if rows == 1 else 's'}: "
                f"with fewer than {SMALL}, {told} is mostly chance",
                count=rows,
            )
