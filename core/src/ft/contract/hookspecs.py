"""The contract: every hook that a plugin may implement.

Two kinds of hook. A *chain* hook has one provider, which answers, and any number of techniques,
which wrap it: an implementation that asks for ``inner`` wraps, one that does not provides.
``inner`` takes the hook's other arguments in the order given here, and may be called once, again,
with other arguments, or not at all. An *event* hook tells everybody and expects no answer.
An implementation asks for as many of a hook's arguments as it needs, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from ft.contract.plugin import PROJECT
from ft.contract.results import Evaluation, Features, Loss, Metric, Predictions
from ft.contract.schema import TaskData

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from ft.contract.run import Run

F = TypeVar("F", bound=Callable[..., object])

_mark = pluggy.HookspecMarker(PROJECT)

INNER = "inner"


REMOVED: Mapping[str, str] = {}
"""Hooks that earlier versions had, each with the last version that has it and what replaces it."""


def chain(versionadded: str, deprecated: str | None = None) -> Callable[[F], F]:
    """Marks a hook spec as a chain hook.

    Args:
        versionadded: the first version of ft that has it.
        deprecated: since which version it should not be used, what to use, and when it goes.
    """
    return _spec("chain", versionadded, deprecated)


def event(versionadded: str, deprecated: str | None = None) -> Callable[[F], F]:
    """Marks a hook spec as an event hook; the arguments are those of `chain`."""
    return _spec("event", versionadded, deprecated)


def _spec(kind: str, versionadded: str, deprecated: str | None) -> Callable[[F], F]:
    def mark(function: F) -> F:
        vars(function).update(ft_kind=kind, ft_versionadded=versionadded, ft_deprecated=deprecated)
        return _mark(function)

    return mark


@chain(versionadded="0.1")
def load_data(inner: Callable[..., TaskData], run: Run) -> TaskData:
    """Read the data.

    A provider returns the splits of raw examples and their schema. A technique may change the
    ``train`` split (add, drop, mix examples); the core checks that every other split comes back
    untouched. Runs once, before the model exists.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def encode(
    inner: Callable[..., Mapping[str, list[Any]]],
    run: Run,
    examples: Mapping[str, list[Any]],
    training: bool,
) -> Mapping[str, list[Any]]:
    """Turn raw examples into model inputs.

    ``examples`` holds columns of equal length (the raw columns and ``example_id``). A provider
    returns columns of *features*: ``input_ids`` (a list of ints each) and whatever else its model
    takes; lists are padded by the core (``labels`` with -100, ``*input_ids`` with the pad id, the
    rest with 0), and an attention mask is made for each ``*input_ids``. An example may give several
    features (windows of a long text): the column ``row`` then says which example, counted from 0,
    each feature belongs to. ``word_ids`` (the word each piece begins, -1 elsewhere) makes the
    outputs come back one row a word; with ``word_count``, the words of the example, those that no
    piece begins are read by the next word.

    A technique alters the raw examples when ``training`` and calls ``inner``; it must not change
    the lists it was given. Without techniques the features are cached on disk; with any, every
    epoch encodes anew, so use ``self.rng_at(run.epoch, example_id)`` for randomness.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def build_head(inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
    """Build the whole model: the pre-trained encoder with its head, in float32.

    The model takes the batch's inputs by keyword and returns a mapping of outputs, works without
    labels, and has ``save_pretrained``. Random numbers are seeded before the call, the optimizer is
    built after it. A technique may freeze, replace or add parameters.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def save_model(inner: Callable[..., None], run: Run, model: nn.Module, folder: Path) -> None:
    """Save the model into a folder that is there and empty: all that `load_model` needs.

    By default ``model.save_pretrained(folder)``, and the tokenizer beside it. A technique may save
    another model in place of the trained one, ``inner(run, merged, folder)``, and files of its own.
    Called in the main process, before the first step to try it and after training.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def load_model(inner: Callable[..., nn.Module], run: Run, folder: Path) -> nn.Module:
    """The model that `save_model` wrote, for prediction; ``run.restored`` is true.

    By default the chain of `build_head`, which loads it from ``run.model_path``, that is ``folder``.
    ``run.data`` has the schema and no examples. Where the weights do not have the names and values
    of the trained model, its outputs must be the same to 1e-4 of the largest.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def compute_loss(
    inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
) -> Loss:
    """The training loss of one micro-batch, summed over its items (see `Loss`).

    By default a forward pass, and `loss_of` its outputs. The core runs the call under autocast and
    back-propagates ``total`` of the result. A technique
    with several passes may call ``run.backward(loss)`` on what ``inner`` returned, to free its
    graph early, and return what is left; it then sets ``early_backward = True``. Evaluation calls
    the provider alone.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def order(
    inner: Callable[..., Sequence[int] | Sequence[Sequence[int]]], run: Run, epoch: int
) -> Sequence[int] | Sequence[Sequence[int]]:
    """Which training examples an epoch sees, and in what order.

    Returns ids, each the position of an example in ``run.data.splits["train"]``; the examples of an
    unlabelled ``pool`` count on from its end. One may come several times, or not at all. From a flat sequence (a list, or an array of one dimension) the core makes
    batches of ``run.batch_size``, sorted by length within pools of 256 batches. A sequence of tuples
    fixes the batch of each step.

    Called once an epoch, after `on_epoch_start`, by the main process, and sent to all: nothing in
    which all processes take part, such as ``run.predict``, can be called here. The ids are kept in
    checkpoints and not asked for again on resume, so that they may depend on the weights. Random
    numbers come from ``self.rng_at(epoch)``. The learning rate follows the share of the planned
    epochs that is done. The default is a shuffle by the run's seed.

    Raises:
        PluginError: by the core, if it holds no id, a tuple without one, or what is no id.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def build_optimizer(
    inner: Callable[..., Optimizer], run: Run, groups: list[dict[str, Any]]
) -> Optimizer:
    """Build the optimizer: any of torch's kind whose ``step`` needs no closure.

    Each group holds ``params``, a list of (name, parameter) as torch's optimizers take them, ``lr``,
    the peak rate (``layer_decay`` and ``head_learning_rate`` worked out), and ``weight_decay`` (0 for
    biases, norms and embeddings). Every parameter must be in the result once, and its groups' ``lr``
    is the peak: the core multiplies that with the schedule's factor before each step. Gradients come
    normalised and clipped, and dense; a step that is not finite is left out. Its whole
    ``state_dict()`` is kept in checkpoints. Called once, after `build_head`, in every process. The
    default is AdamW (Loshchilov & Hutter 2019), fused.

    Raises:
        PluginError: by the core, if it is no optimizer, needs a closure, or lacks a parameter.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def loss_of(
    inner: Callable[..., Loss],
    run: Run,
    outputs: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
) -> Loss:
    """The task's loss of given outputs, summed over the items of a micro-batch (see `Loss`).

    ``outputs`` are a model's for ``batch`` by name, such as ``logits``: (batch, ...). The provider
    must not run the model. A technique weighs items (``inner(...).weighed(weights)``), smooths
    labels, or changes outputs. ``run.loss_of(outputs, batch)`` calls the chain, for techniques around
    `compute_loss` that made a pass of their own. Evaluation calls the provider alone.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def divergence(
    inner: Callable[..., Tensor],
    run: Run,
    outputs: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
) -> Tensor:
    """How far ``outputs`` are from ``other``, both a model's for ``batch``: a scalar, a sum over items.

    Called by ``run.divergence(outputs, other, batch)``. By default, over ``logits`` and the items of
    the loss: KL(other || outputs) of the softmax for tags and classes, of each yes or no, averaged
    over them, for several labels, squared difference for numbers. Gradients go through both.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def infer(
    inner: Callable[..., Mapping[str, Tensor]],
    run: Run,
    model: nn.Module,
    batch: Mapping[str, Tensor],
) -> Mapping[str, Tensor]:
    """What the model answers to a batch at evaluation and at prediction, by name.

    By default a forward pass; a task whose model writes text calls ``model.generate``; a technique
    averages several answers. The core calls it in `eval` mode, without gradients, under autocast.
    Each answer is a tensor of any type, (batch, ...); what is no tensor, and tensors without
    dimensions, are left out. Unlike `decode` it sees one batch at a time, on the device.

    Raises:
        PluginError: from the core, where an answer has another first dimension than the batch.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def decode(
    inner: Callable[..., Sequence[Mapping[str, Any]]],
    run: Run,
    outputs: Sequence[Mapping[str, np.ndarray]],
    examples: Mapping[str, list[Any]],
) -> Sequence[Mapping[str, Any]]:
    """Turn model outputs into predictions that a person can use, one mapping an example.

    ``outputs[i]`` holds what `infer` gave for example ``i`` as arrays (floats as float32, other types
    as they are): (words, ...) where the features carry ``word_ids``, else (windows, ...), or a list of
    arrays where the windows differ in shape; an output with one value a token is padded beyond the
    feature's own length. The key ``features`` holds the example's features, ``keep_*`` columns too. ``examples`` are the raw columns. Predictions hold
    JSON values only.
    """
    raise NotImplementedError


@chain(versionadded="0.1")
def evaluate(inner: Callable[..., Evaluation], run: Run, predictions: Predictions) -> Evaluation:
    """Score decoded predictions against the gold examples, each metric with its interval."""
    raise NotImplementedError


@chain(versionadded="0.1")
def read_request(
    inner: Callable[..., Mapping[str, Any]], run: Run, request: str | Mapping[str, Any]
) -> Mapping[str, Any]:
    """Turn what somebody asks to be predicted into a raw example, the columns that `encode` reads.

    ``request`` is a line of text or a JSON object. Columns that are to be predicted are left out by
    the core. A `DataError` without a place gets the number of the request.
    """
    raise NotImplementedError


@event(versionadded="0.1")
def on_features(run: Run, features: Features) -> None:
    """The train split is encoded, and training is about to begin or, after a resume, to go on.

    ``len(features)`` is the number of training examples; ``features.fetch(ids)`` gives a list of
    features, each a mapping of columns, for each id. The model has its pre-trained weights still.
    """


@event(versionadded="0.1")
def on_run_start(run: Run) -> None:
    """The model is built and the data is loaded; training is about to begin.

    A run that is resumed does not call this again: what must be there then too, such as a hook on a
    layer, is put there in `on_features`.
    """


@event(versionadded="0.1")
def on_epoch_start(run: Run, epoch: int) -> None:
    """An epoch, counted from 1, is about to give its first batch.

    The model is in training mode. A run that is resumed within an epoch does not call this again.
    Here a plugin may freeze and unfreeze parameters that the optimizer has: which of them have
    ``requires_grad`` is kept in every checkpoint.

    Raises:
        PluginError: by the core, if a parameter was unfrozen that the optimizer was built without.
    """


@event(versionadded="0.1")
def on_gradients(run: Run, model: nn.Module) -> None:
    """The gradients of the whole batch are there: ``parameter.grad`` of each trained parameter.

    They are added up over micro-batches and processes and divided by the batch's items, and not yet
    clipped. A listener may change them in place, in every process alike. ``run.step`` is the number
    of steps done before this one. The gradient of an embedding table may be sparse, and is ``None``
    where the batch had nothing for a parameter.
    """


@event(versionadded="0.1")
def on_step(run: Run, step: int) -> None:
    """The optimizer has made its step; ``step`` counts them from 1, those before a resume too.

    Gradients are gone, the weights are new, and nothing has been logged, evaluated or saved since.
    """


@event(versionadded="0.1")
def on_log(run: Run, step: int, values: Mapping[str, float]) -> None:
    """Numbers of the run are there, after ``step`` optimizer steps.

    Every ten steps and at the last: ``learning_rate``, the mean ``loss`` an item and its parts since
    the last time, and what plugins logged with ``run.log``. After an evaluation the metrics as
    ``validation/f1``, and those of the best model at the end as ``final/test/f1``.
    """


@event(versionadded="0.1")
def on_epoch_end(run: Run, epoch: int, metrics: Mapping[str, Metric]) -> None:
    """An epoch (counted from 1) is over and evaluated; ``run.stop(self, reason)`` ends training."""


@event(versionadded="0.1")
def on_record(run: Run) -> None:
    """``record.json`` is written: now what is made from it, such as the report, can be written.

    Called in the main process alone. What it costs is added to the record, which is then sealed.
    """


@event(versionadded="0.1")
def on_run_end(run: Run) -> None:
    """The best model is restored and scored, and everything is in the run folder: the last event."""
