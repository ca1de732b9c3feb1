"""What the model's tokenizer makes of the texts: too long ones, and scripts it does not know."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ft.contract.schema import TaskData
from ft.data.lint.finding import Finding, places

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

SAMPLE = 5000
"""Examples of a split that are tokenized, evenly spread over it."""

UNKNOWN = 0.05
"""Share of unknown pieces above which a model does not fit the texts."""

_NO_LIMIT = 100_000


class Lengths:
    """Tokenizes a sample of each split."""

    def __init__(
        self, data: TaskData, tokenizer: PreTrainedTokenizerBase, max_length: int | None
    ) -> None:
        self._data = data
        self._tokenizer: Any = tokenizer
        limit = max_length or tokenizer.model_max_length
        self._limit: int | None = limit if limit < _NO_LIMIT else None
        self._steps = {split: -(-len(rows) // SAMPLE) for split, rows in data.splits.items()}
        self._seen: Counter[str] = Counter()
        self._long: dict[str, list[int]] = defaultdict(list)
        self._longest = 0
        self._pieces = self._unknown = 0

    def see(self, split: str, first: int, table: pa.Table) -> None:
        """Tokenize the rows that are of the sample."""
        step = self._steps[split]
        picked = list(range(-first % step, table.num_rows, step))
        columns = self._columns(table)
        if not picked or not columns:
            return
        rows = table.select(columns).take(picked)
        inputs: list[list[Any]] = [rows.column(column).to_pylist() for column in columns]
        if self._data.schema.words:
            inputs = [[" ".join(words or ()) for words in inputs[0]]]
        kept = [i for i, values in enumerate(zip(*inputs, strict=True)) if all(values)]
        if not kept:
            return
        encoded = self._tokenizer(
            *[[values[i] for i in kept] for values in inputs],
            verbose=False,
            return_attention_mask=False,
        )
        self._seen[split] += len(picked)
        unknown = self._tokenizer.unk_token_id
        for i, pieces in zip(kept, encoded["input_ids"], strict=True):
            self._pieces += len(pieces)
            self._unknown += pieces.count(unknown) if unknown is not None else 0
            self._longest = max(self._longest, len(pieces))
            if self._limit is not None and len(pieces) > self._limit:
                self._long[split].append(first + picked[i])

    def _columns(self, table: pa.Table) -> list[str]:
        """The columns that are encoded together."""
        schema, names = self._data.schema, table.column_names
        if schema.words:
            return [schema.words.tokens] if schema.words.tokens in names else []
        return [text.column for text in schema.texts if text.column in names][:2]

    def findings(self) -> Iterator[Finding]:
        """What the sample shows."""
        long = sum(map(len, self._long.values()))
        if long:
            seen = sum(self._seen.values())
            of = "" if all(step == 1 for step in self._steps.values()) else " looked at"
            rows = ((split, row) for split, found in self._long.items() for row in found)
            yield Finding(
                "info" if self._data.schema.words else "warning",
                "over-length",
                f"{long:,} of {seen:,} examples{of} are longer than the model's window of "
                f"{self._limit} tokens, the longest {self._longest:,}",
                places(self._data, rows),
                long,
            )
        if self._pieces and self._unknown > UNKNOWN * self._pieces:
            yield Finding(
                "warning",
                "unknown-pieces",
                f"{self._unknown / self._pieces:.0%} of the pieces are unknown to the model's "
                "tokenizer: is it a model for this language?",
                count=self._unknown,
            )
