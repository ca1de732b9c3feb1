"""What the hooks hand each other: a loss, predictions, an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from ft.contract.errors import FtError, PluginError

if TYPE_CHECKING:
    from pathlib import Path

    from datasets import Dataset
    from torch import Tensor

    from ft.contract.draws import Draws
    from ft.contract.schema import Schema


@dataclass(frozen=True)
class Loss:
    """The loss of one micro-batch, as a *sum* that the run normalises.

    The run divides the gradient of a whole optimizer step by the items of that step, so that
    accumulating micro-batches equals the large batch exactly.

    Attributes:
        total: scalar, the sum of the loss over the items; what is back-propagated.
        items: how many items (tokens, examples, or their summed weights) the sum runs over.
        outputs: the model's outputs by name, such as ``logits``: (batch, ...).
        parts: named sums, for the log alone: a tensor over the same items, or a `Loss` over items of
            its own (see `Run.join`).
        each: the loss of every item, with its graph: (batch,) or (batch, tokens), 0 where there is no
            item; their sum is ``total`` without what `plus` added. ``None`` where the task does not
            say.
    """

    total: Tensor
    items: Tensor | float
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    parts: Mapping[str, Tensor | Loss] = field(default_factory=dict)
    each: Tensor | None = None

    def plus(self, term: Tensor, name: str) -> Loss:
        """This loss with ``term`` (a sum over the same items) added, logged under ``name``."""
        parts = {**self.parts, name: term.detach()}
        return replace(self, total=self.total + term, parts=parts)

    def times(self, weight: float) -> Loss:
        """This loss, which counts as so many: its sum and that of every item, not the items."""
        if weight == 1:
            return self
        each = None if self.each is None else self.each * weight
        return replace(self, total=self.total * weight, each=each)

    def weighed(self, weights: Tensor) -> Loss:
        """This loss with every item's loss times its weight; the items stay as many as they are.

        Args:
            weights: of the shape of ``each``, or one that broadcasts to it; 0 leaves an item out.

        Raises:
            PluginError: the task does not say the loss of every item, or the shapes do not fit.
        """
        if self.each is None:
            raise PluginError(
                "the task's loss does not say the loss of every item",
                hint="let its loss_of return Loss(..., each=...), the loss of every item, or leave "
                "out the technique that weighs items",
            )
        shape = tuple(getattr(weights, "shape", ()))
        own = tuple(self.each.shape)
        if len(shape) > len(own) or any(
            n not in (1, m) for n, m in zip(reversed(shape), reversed(own), strict=False)
        ):
            raise PluginError(
                f"weights of the shape {shape} were given to items of the shape {own}",
                hint="give a number, a tensor of that shape, or one that broadcasts to it, such as "
                "(batch, 1) to (batch, tokens)",
            )
        each = self.each * weights
        return replace(self, total=self.total + (each - self.each).sum(), each=each)


@dataclass(frozen=True)
class Metric:
    """A score with its confidence interval; ``low`` and ``high`` are ``None`` where none is known.

    ``Metric(value, *interval)`` takes an interval of `bootstrap_items` or `bootstrap_sums`.

    Attributes:
        value: the score.
        low: the lower end of its interval.
        high: the upper end.
        draws: what the interval was made of, so that runs can be compared by this metric.
        higher_is_better: tells early stopping which way is up.
    """

    value: float
    low: float | None = None
    high: float | None = None
    draws: Draws | None = field(default=None, repr=False, compare=False)
    higher_is_better: bool = True

    def to_json(self) -> dict[str, Any]:
        """The metric as a record holds it: all but the draws."""
        return {key: value for key, value in vars(self).items() if key != "draws"}


@dataclass(frozen=True)
class Table:
    """A table for people: a row is one value a column; ``note`` says how to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` returns.

    Attributes:
        metrics: by name, e.g. ``{"f1": Metric(0.43, 0.41, 0.45)}``.
        main: the name of the metric that chooses the best model unless the user names another.
        tables: for people, printed and kept in the run folder.
        titles: what the ids in predictions, such as those of ranked items, are called; the
            report shows them to people.
    """

    metrics: Mapping[str, Metric]
    main: str
    tables: Sequence[Table] = ()
    titles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Predictions:
    """Decoded predictions for one split, beside the gold examples.

    Attributes:
        split: ``validation`` or ``test``.
        examples: the raw examples, in the order of the source.
        items: one decoded prediction an example, in the same order (see `decode`).
        schema: what the columns are.
        loss: the mean loss an item, ``None`` where the split carries no labels.
    """

    split: str
    examples: Dataset
    items: Sequence[Mapping[str, Any]]
    schema: Schema
    loss: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a trained model answers to one request.

    Attributes:
        prediction: the request and what is predicted for it; ``None`` where it is wrong.
        error: what is wrong with the request; ``None`` where it is answered.
        tokens: of all its features; 0 where it is not answered.
        cut: a text of it is longer than what the model read. Where the schema's texts are not
            columns of the request, such as lists of candidates: one of them fills the model's length.
    """

    prediction: Mapping[str, Any] | None
    error: FtError | None = None
    tokens: int = 0
    cut: bool = False


def scores(prefix: str, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """The values of metrics as they are logged, such as ``validation/f1``."""
    return {f"{prefix}/{name}": metric.value for name, metric in metrics.items()}


@dataclass
class Result:
    """What a run gives back.

    Attributes:
        output: its folder.
        metrics: of each scored split, by name.
        tables: of the last scored split, for people.
        record: what ``record.json`` holds.
        main: the name of the metric that chooses the best model; ``None`` before a split is scored.
    """

    output: Path
    metrics: dict[str, dict[str, Metric]]
    tables: list[Table] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)
    main: str | None = None


class Features(Protocol):
    """The features of a split, in the order of its examples."""

    def __len__(self) -> int:
        """How many examples there are."""

    def fetch(self, ids: Sequence[int]) -> list[list[Mapping[str, Any]]]:
        """The features of each example, a mapping of columns each."""
