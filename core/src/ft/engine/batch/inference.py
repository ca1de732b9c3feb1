"""Predictions: batches sorted by length, outputs gathered by example, decoded pool by pool."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from ft.contract.errors import PluginError
from ft.contract.results import Evaluation, Loss, Metric, Predictions
from ft.contract.schema import EXAMPLE_ID
from ft.engine.batch.batches import (
    IDS,
    LABELS,
    Feature,
    by_columns,
    collate,
    lengths,
    micro_batches,
)
from ft.engine.batch.by_word import by_word
from ft.engine.batch.features import encode, examples_at
from ft.engine.batch.lanes import lanes_for, side_by_side
from ft.engine.batch.memory import out_of_memory
from ft.engine.collector import paused
from ft.engine.randomness import undisturbed
from ft.engine.run import PREDICT, TRAIN

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.contract.run import Edit, ModelContext
    from ft.engine.run import LiveRun

POOL = 2048
"""Examples encoded and sorted by length together; their outputs are all that is kept at a time."""

IMAGES = 256
"""The same of images, whose pixels take a thousand times the room of a text."""


def predict_split(
    run: LiveRun,
    split: str,
    *,
    context: ModelContext | None = None,
    edit: Edit | None = None,
    rows: Dataset | None = None,
) -> Predictions:
    """Predict every example of a split, in the order of the source; or ``rows``, under that name.

    Several processes take every so many-th example each, and all get all predictions.

    Raises:
        PluginError: there is no such split, or ``edit`` changed the number of examples.
    """
    assert run.data is not None
    data = run.data.splits.get(split) if rows is None else rows
    if data is None:
        raise PluginError(
            f"a plugin asks for predictions of the split '{split}', which the data does not have",
            hint=f"the splits are {', '.join(run.data.splits)}",
        )
    items: list[Mapping[str, Any]] = []
    tally = Tally()
    # In training, `train` is the stage of every step.
    with run.answering(PREDICT if split == TRAIN else split):
        pool = IMAGES if run.data.schema.images else POOL
        for begin in range(0, len(data), pool):
            end = min(begin + pool, len(data))
            examples: Mapping[str, list[Any]] = examples_at(data, range(begin, end))
            if edit is not None:
                examples = _edited(edit, examples, end - begin)
            with paused():
                items.extend(_predict_shared(run, examples, tally, context))
            run.reporter.progress(f"predict {split}", end, len(data))
    return Predictions(split, data, items, run.data.schema, tally.mean(run))


def _edited(edit: Edit, examples: Mapping[str, list[Any]], count: int) -> Mapping[str, list[Any]]:
    """The examples as ``edit`` changes them; there must be as many as before."""
    examples = edit(examples)
    sizes = {name: len(column) for name, column in examples.items()}
    if set(sizes.values()) != {count}:
        raise PluginError(
            f"the edit given to run.predict made columns of {sizes} rows from {count} examples",
            hint="change examples, but neither drop nor add any: each has one prediction",
        )
    return examples


def _predict_shared(
    run: LiveRun, examples: Mapping[str, list[Any]], tally: Tally, context: ModelContext | None
) -> list[Mapping[str, Any]]:
    """Predictions for raw examples, of which each process makes its share."""
    mine = {name: list(run.ranks.share(column)) for name, column in examples.items()}
    some = any(mine.values())
    return run.ranks.merge(predict_examples(run, mine, tally, context) if some else [])


def measure(
    run: LiveRun, split: str, final: bool = False
) -> tuple[Predictions, Evaluation, dict[str, Metric]]:
    """Predict and evaluate a split: its metrics are those of `evaluate` and the mean loss."""
    with run.answering(split, final):
        predictions = run.predict(split)
        with undisturbed():
            evaluation: Evaluation = run.hooks.call("evaluate", run, predictions)
    # Draws are for `evaluation` alone: nothing that goes on to other processes needs them.
    metrics = {name: replace(metric, draws=None) for name, metric in evaluation.metrics.items()}
    if predictions.loss is not None:
        metrics.setdefault("loss", Metric(predictions.loss, higher_is_better=False))
    # What follows from them, such as the end of the training, must be the same in all processes.
    return predictions, evaluation, run.ranks.from_main(lambda: metrics)


class Tally:
    """Sums the loss over items where examples carry labels.

    Attributes:
        sums: the loss and its items, by the part that they are of: "" is the whole, where it has no
            parts with items of their own.
    """

    def __init__(self) -> None:
        self.sums: dict[str, tuple[float, float]] = {}

    def add(self, loss: Loss) -> None:
        """Add the loss of a micro-batch."""
        parts = {name: part for name, part in loss.parts.items() if isinstance(part, Loss)}
        for name, part in (parts or {"": loss}).items():
            total, items = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = (total + float(part.total), items + float(part.items))

    def mean(self, run: LiveRun) -> float | None:
        """The mean loss an item over all processes, added up over the parts with items of their own;
        ``None`` if nothing was counted.
        """
        counted = run.ranks.gather(self.sums)
        means = []
        for name in dict.fromkeys(name for sums in counted for name in sums):
            own = [sums[name] for sums in counted if name in sums]
            total, items = (sum(values) for values in zip(*own, strict=True))
            means += [total / items] if items else []
        return sum(means) if means else None


def predict_examples(
    run: LiveRun,
    examples: Mapping[str, list[Any]],
    tally: Tally | None = None,
    context: ModelContext | None = None,
    encoded: Sequence[Sequence[Feature]] | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Decoded predictions for raw examples, in their order; the caller is `LiveRun.answering`.

    ``encoded`` are the features of each example, where they are encoded already.
    """
    gathered = outputs_of(run, examples, tally, context, encoded)
    decoded = run.hooks.call("decode", run, gathered, examples)
    if len(decoded) != len(gathered):
        raise PluginError(
            f"decode returned {len(decoded)} predictions for {len(gathered)} examples",
            who=run.hooks.who("decode"),
            hint="return one mapping an example, in their order",
        )
    return decoded  # type: ignore[no-any-return]


def outputs_of(
    run: LiveRun,
    examples: Mapping[str, list[Any]],
    tally: Tally | None = None,
    context: ModelContext | None = None,
    encoded: Sequence[Sequence[Feature]] | None = None,
) -> list[dict[str, Any]]:
    """What `decode` is given for raw examples (see `gather`); as `predict_examples` else."""
    grouped = encode(run, examples, training=False) if encoded is None else encoded
    outputs: list[list[tuple[Feature, dict[str, np.ndarray]]]] = [[] for _ in grouped]
    # One autocast for all batches rounds the weights once, where nothing can change them between.
    with run.accelerator.autocast() if context is None else nullcontext():
        for gold, alike in _alike(run, grouped, examples):
            each = lengths([feature for _, feature in alike])
            flat = [alike[i] for i in sorted(range(len(alike)), key=each.__getitem__)]
            features = [feature for _, feature in flat]
            for begin, answers in forward_all(run, features, tally if gold else None, context):
                for offset, output in enumerate(answers):
                    row, feature = flat[begin + offset]
                    outputs[row].append((feature, output))
    for row, group in enumerate(grouped):
        order = {id(feature): k for k, feature in enumerate(group)}
        outputs[row].sort(key=lambda pair: order[id(pair[0])])
    words = run.data.schema.words if run.data else None
    return [gather(windows, words.labels if words else ()) for windows in outputs]


def _alike(
    run: LiveRun, grouped: Sequence[Sequence[Feature]], examples: Mapping[str, list[Any]]
) -> list[tuple[bool, list[tuple[int, Feature]]]]:
    """Features that may stand in one pass, each with the row of its example.

    Returns:
        With each kind of features whether their examples have gold answers, for the loss.
    """
    assert run.data is not None
    columns = [examples[name] for name in run.data.schema.gold if name in examples]
    kinds: dict[tuple[Any, ...], list[tuple[int, Feature]]] = {}
    for row, features in enumerate(grouped):
        answered = any(column[row] is not None for column in columns)
        for feature in features:
            # A task whose schema names no target may still have labels.
            gold = answered or (
                not run.data.schema.targets and any(name.startswith(LABELS) for name in feature)
            )
            kinds.setdefault((gold, *feature), []).append((row, feature))
    return [(key[0], kind) for key, kind in kinds.items()]


def forward_all(
    run: LiveRun,
    features: list[Feature],
    tally: Tally | None,
    context: ModelContext | None,
) -> Iterator[tuple[int, list[dict[str, np.ndarray]]]]:
    """Outputs of each micro-batch of features sorted by length, with the position of its first.

    The features have the same columns; the caller is `LiveRun.answering`.
    """

    def work(micro: list[Feature]) -> Pass | None:
        return _pass(run, micro, tally is not None, context)

    end = len(features)
    while end:
        # micro_batches cuts from the longest down, so the positions count from the end.
        most = run.budget.for_prediction(run.model, run.device)
        cut = micro_batches(features[:end], most, enough=most // 2)
        sizes = itertools.accumulate(map(len, cut))
        passes = [
            features[end - size : end - size + len(micro)]
            for size, micro in zip(sizes, cut, strict=True)
        ]
        lanes = lanes_for(run, tally is not None, context) if len(passes) > 1 else 1
        for micro, made in zip(passes, side_by_side(work, passes, lanes), strict=False):
            if made is None:
                run.budget.shrink(run, "prediction", micro)
                break
            end -= len(micro)
            if tally and made.loss is not None:
                tally.add(made.loss)
            rows = enumerate(_padding_before(run, micro))
            yield (
                end,
                [
                    {name: a[i, pads:] if a.ndim > 2 else a[i] for name, a in made.arrays.items()}
                    for i, pads in rows
                ],
            )


def _padding_before(run: LiveRun, micro: Sequence[Feature]) -> list[int]:
    """How many pieces of padding stand before each of the features of a pass."""
    if not run.pads_left or IDS not in micro[0]:
        return [0] * len(micro)
    sizes = [len(feature[IDS]) for feature in micro]
    return [max(sizes) - size for size in sizes]


@dataclass(frozen=True)
class Pass:
    """What a pass over a micro-batch gave.

    Attributes:
        arrays: the model's outputs, each (features, ...).
        loss: where it was asked for.
    """

    arrays: dict[str, np.ndarray]
    loss: Loss | None


def _pass(
    run: LiveRun, micro: list[Feature], wants_loss: bool, context: ModelContext | None
) -> Pass | None:
    """A pass over one micro-batch; ``None`` if memory ran out."""
    assert run.model is not None
    inputs = collate(micro, run.pad_id, left=run.pads_left)
    try:
        batch = {name: value.to(run.device) for name, value in inputs.items()}
        tensors, loss = _outputs(run, run.model, batch, wants_loss, context)
        arrays = {
            name: (value.float() if value.is_floating_point() else value).cpu().numpy()
            for name, value in tensors.items()
        }
        return Pass(arrays, loss)
    except Exception as error:
        if not out_of_memory(error):
            raise
        return None


def _outputs(
    run: LiveRun,
    model: nn.Module,
    batch: Mapping[str, Tensor],
    wants_loss: bool,
    context: ModelContext | None,
) -> tuple[dict[str, Tensor], Loss | None]:
    """What `infer` gives for a batch, and the loss."""
    size = len(next(iter(batch.values())))
    loss: Loss | None = None
    with run.accelerator.autocast():
        if context is not None:
            with context(model, batch):
                result = run.hooks.call("infer", run, model, batch)
        elif not wants_loss:
            result = run.hooks.call("infer", run, model, batch)
        else:
            loss = run.hooks.provide("compute_loss", run, model, batch)
            # The pass of the loss is the one that `infer` would make by default.
            plain = run.hooks.default("infer") and loss.outputs
            result = loss.outputs if plain else run.hooks.call("infer", run, model, batch)
    answers = {
        name: value.detach()
        for name, value in result.items()
        if isinstance(value, Tensor) and value.ndim
    }
    wrong = {name: tuple(one.shape) for name, one in answers.items() if len(one) != size}
    if wrong:
        raise PluginError(
            f"the answers {wrong} to a batch of {size} do not have the batch as first dimension",
            who=run.hooks.who("infer"),
            hint="let infer return what decode needs, (batch, ...), and leave out the rest",
        )
    return answers, loss


def gather(
    windows: Sequence[tuple[Feature, dict[str, np.ndarray]]], labels: Sequence[str]
) -> dict[str, Any]:
    """The outputs of one example from those of its features.

    With ``word_ids``, one row a word (see `by_word`); otherwise stacked windows, or a list of arrays
    where their shapes differ. Where features differ in their columns, ``kinds`` holds such outputs
    for each kind.
    """
    features = [feature for feature, _ in windows]
    gathered: dict[str, Any] = {"features": features}
    kinds = by_columns(features)
    if len(kinds) > 1:
        gathered["kinds"] = [gather([windows[i] for i in kind], labels) for kind in kinds.values()]
        return gathered
    for name in windows[0][1] if windows else ():
        arrays = [output[name] for _, output in windows]
        if "word_ids" in features[0]:
            gathered[name] = by_word(features, arrays, labels)
        elif len({array.shape for array in arrays}) == 1:
            gathered[name] = np.stack(arrays)
        else:
            gathered[name] = arrays
    return gathered


def as_examples(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows of raw examples as columns with ids; ``None`` where a row lacks what another has."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    columns[EXAMPLE_ID] = list(range(len(rows)))
    return columns
