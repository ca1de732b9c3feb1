"""Small techniques, for a task's author: two passes, an early backward, altered texts, copies."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ft.contract.plugin import Plugin, hookimpl
from ft.contract.results import Evaluation, Loss, Predictions
from ft.contract.schema import EXAMPLE_ID, TaskData

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ft.contract.run import Run

Columns = Mapping[str, list[Any]]


class Twice(Plugin):
    """Two passes over each batch, whose mean is the loss: needs the graphs of both."""

    name = "kit-twice"
    needs_graph = True

    def forwards(self, inner: int) -> int:
        """Twice those of what it wraps."""
        return 2 * inner

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """The mean of two passes with different dropout."""
        first, second = inner(run, model, batch), inner(run, model, batch)
        return replace(first, total=(first.total + second.total) / 2)


class Early(Plugin):
    """Two passes over each batch, the first of them back-propagated at once."""

    name = "kit-early"
    early_backward = True

    def forwards(self, inner: int) -> int:
        """Twice those of what it wraps."""
        return 2 * inner

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """What is left: the second pass, with the items of both."""
        first = inner(run, model, batch)
        run.backward(first)
        second = inner(run, model, batch)
        return replace(second, items=first.items + second.items)


class Rewrite(Plugin):
    """Alters what is encoded for training: swaps two words of every text or sentence."""

    name = "kit-rewrite"

    @hookimpl
    def encode(
        self, inner: Callable[..., Columns], run: Run, examples: Columns, training: bool
    ) -> Columns:
        """Swap words, for a sentence with their tags, by numbers that the example's id gives."""
        assert run.data is not None
        if not training:
            return inner(run, examples, training)
        schema, new = run.data.schema, dict(examples)
        words = [schema.words.tokens, schema.words.tags] if schema.words else []
        for i, row in enumerate(examples[EXAMPLE_ID]):
            rng = self.rng_at(run.epoch, row)
            seed = int(rng.integers(2**32))
            for column in words:
                if column is not None and new[column][i] is not None:
                    new[column] = _with(new[column], i, _swap(new[column][i], seed))
            for text in schema.texts:
                if text.editable and isinstance(new[text.column][i], str):
                    swapped = " ".join(_swap(new[text.column][i].split(), seed))
                    new[text.column] = _with(new[text.column], i, swapped)
        return inner(run, new, training)


def _swap(words: list[Any], seed: int) -> list[Any]:
    if len(words) < 2:
        return list(words)
    i, j = random.Random(seed).sample(range(len(words)), 2)
    swapped = list(words)
    swapped[i], swapped[j] = words[j], words[i]
    return swapped


def _with(column: list[Any], i: int, value: Any) -> list[Any]:
    return [*column[:i], value, *column[i + 1 :]]


class Repeat(Plugin):
    """Trains on the first half of the training split twice."""

    name = "kit-repeat"

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Run) -> TaskData:
        """The training split with its first half again at its end."""
        from datasets import DatasetDict

        data = inner(run)
        train = data.splits["train"]
        rows = [*range(len(train)), *range(len(train) // 2)]
        return replace(data, splits=DatasetDict({**data.splits, "train": train.select(rows)}))


class Idle(Plugin):
    """Changes nothing, and draws random numbers wherever it can.

    From its own generator and from the global ones of Python and NumPy, which a plugin must not
    depend on; not from torch's, which dropout uses.
    """

    name = "kit-idle"

    def _draw(self) -> None:
        self.rng.random(3)
        random.random()
        np.random.random(2)

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Run) -> TaskData:
        """The data as it is."""
        self._draw()
        return inner(run)

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Draw."""
        self._draw()

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """The loss as it is."""
        self._draw()
        return inner(run, model, batch)

    @hookimpl
    def evaluate(
        self, inner: Callable[..., Evaluation], run: Run, predictions: Predictions
    ) -> Evaluation:
        """The evaluation as it is."""
        self._draw()
        return inner(run, predictions)
