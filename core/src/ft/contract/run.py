"""The run as the hooks see it: what every hook may ask of its argument `run`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from accelerate import Accelerator
    from datasets import Dataset
    from torch import Tensor, nn
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

    from ft.contract.plugin import Plugin
    from ft.contract.results import Answer, Evaluation, Loss, Predictions, Result
    from ft.contract.schema import Schema, Split, TaskData
    from ft.contract.settings import RunConfig

ModelContext = Callable[["nn.Module", Mapping[str, "Tensor"]], AbstractContextManager[None]]
Edit = Callable[[Mapping[str, list[Any]]], Mapping[str, list[Any]]]


class Ranks(Protocol):
    """The processes that train together, as one of them sees them.

    Attributes:
        index: of this process, from 0.
        count: of processes.
    """

    index: int
    count: int

    @property
    def main(self) -> bool:
        """Whether this is the process that speaks and writes files."""
        raise NotImplementedError


class Run(Protocol):
    """One run: its settings, its state, and what a hook may ask of it.

    Attributes:
        config: the ``[run]`` settings.
        output: the run's folder.
        device: where the model is.
        model_path: the folder or hub name that the encoder and tokenizer come from; the run's own
            ``model`` folder when ``restored``.
        restored: a trained model is being loaded for prediction: `build_head` must return it from
            ``model_path``, where its ``save_pretrained`` wrote it.
        accelerator: Accelerate's; its ``autocast()`` is the precision of the run.
        ranks: the processes that train together. Every hook is called in each of them, over its
            share of the work; ``run.ranks.main`` says whether this is the one that writes files.
        wanted: the only split that `load_data` need give, where a trained model is scored on it
            alone; ``None``: all. The readers heed it.
        data: what `load_data` returned; ``None`` before.
        model: the model; ``None`` before `build_head` is done.
        epoch: the epoch in progress, counted from 1; 0 before training.
        epochs: epochs of the training: ``run.epochs``, or more where ``run.min_steps`` asks for it.
        step: optimizer steps done.
        total_steps: optimizer steps that the run will take.
        stage: ``train``; the name of the split that is being predicted or evaluated; ``predict``
            for requests, and for predictions of the train split.
        final: the best model is being scored, not one of an epoch.
        deadline: when ``run.time_limit`` is over, in seconds of `time.perf_counter`; ``None``: there is no limit.
    """

    config: RunConfig
    output: Path
    device: torch.device
    model_path: str
    restored: bool
    accelerator: Accelerator
    ranks: Ranks
    wanted: Split | None
    data: TaskData | None
    model: nn.Module | None
    epoch: int
    epochs: float
    step: int
    total_steps: int
    stage: str
    final: bool
    deadline: float | None

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's fast tokenizer, loaded at first use.

        Raises:
            ConfigError: there is none at ``model_path``, or only a slow one.
        """
        raise NotImplementedError

    @property
    def processor(self) -> Any:
        """The model's tokenizer; an image processor where it has no tokenizer; ``None``: neither."""
        raise NotImplementedError

    @property
    def pad_id(self) -> int:
        """The token that pads ``*input_ids``: the one that the model itself takes for padding.

        It is 0 without a tokenizer.

        Raises:
            ConfigError: the tokenizer names another, so that one of the two is a token of texts.
        """
        raise NotImplementedError

    @property
    def model_config(self) -> PretrainedConfig:
        """The configuration of the pre-trained model."""
        raise NotImplementedError

    @property
    def max_length(self) -> int:
        """Tokens per window at most, special tokens included; of no use to a model without any.

        Raises:
            ConfigError: the setting is more than the model can take.
        """
        raise NotImplementedError

    def load(self, loader: Callable[..., Any], what: str, **settings: Any) -> Any:
        """Load something from ``model_path`` with a ``from_pretrained`` of transformers.

        Raises:
            ConfigError: it is not there, or needs code that is not trusted.
        """
        raise NotImplementedError

    def encoder(self) -> nn.Module:
        """The pre-trained encoder without a head, in float32: the same one whenever it is asked for.

        A model of several heads, and all tasks of `ft.compose`, have it inside.

        Raises:
            ConfigError: it cannot be loaded.
        """
        raise NotImplementedError

    def word_embeddings(self) -> tuple[dict[str, int], np.ndarray]:
        """The tokenizer's vocabulary and the pre-trained input embeddings, (vocabulary, hidden).

        Taken from the model as it is now, so call it before training changes it.
        """
        raise NotImplementedError

    def note(self, text: str) -> None:
        """Say something to the user, once, and keep it in the record."""
        raise NotImplementedError

    def log(self, plugin: Plugin, name: str, value: Any) -> None:
        """Log a number under ``<plugin>/<name>`` with the next line of ``metrics.jsonl``."""
        raise NotImplementedError

    def stop(self, plugin: Plugin, reason: str) -> None:
        """Ask training to end after this step; the record says who asked and why."""
        raise NotImplementedError

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """The task's loss of a micro-batch, without any technique."""
        raise NotImplementedError

    def loss_of(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """The loss of outputs that a model gave for a batch, with the techniques around `loss_of`."""
        raise NotImplementedError

    def divergence(
        self,
        outputs: Mapping[str, Tensor],
        other: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Tensor:
        """How far ``outputs`` are from ``other``, two outputs for a batch: a scalar, a sum over items.

        It is made to be added to a loss of them (see the hook `divergence`).
        """
        raise NotImplementedError

    def join(self, losses: Mapping[str, Loss]) -> Loss:
        """One loss from several, such as those of two tasks, each a mean over items of its own.

        The gradient of the whole batch is that of the sum of the means, however the batch is cut.
        A loss that is called as a target's column counts with the target's weight; where another shall
        count more, take ``loss.times(weight)``.

        Raises:
            PluginError: the batch is cut and the plugin does not declare ``own_items``.
        """
        raise NotImplementedError

    def backward(self, loss: Loss) -> None:
        """Back-propagate ``loss.total`` now, into the gradients of this optimizer step."""
        raise NotImplementedError

    def aside(self) -> AbstractContextManager[None]:
        """Predict or evaluate for another purpose than the run's own scores.

        What plugins fit or log meanwhile, such as a temperature, is put back at the end.
        """
        raise NotImplementedError

    def predict(
        self, split: str, *, context: ModelContext | None = None, edit: Edit | None = None
    ) -> Predictions:
        """Predict a split with the model as it is.

        Args:
            split: any split of the data, ``train`` and a pool too.
            context: entered around every call of the model, given the model and the batch; the
                call runs with gradients enabled if the context enables them.
            edit: changes raw examples before they are encoded; as many as it was given.

        Raises:
            PluginError: there is no such split, or ``edit`` changed the number of examples.
        """
        raise NotImplementedError

    def score(
        self,
        rows: Dataset | Sequence[Mapping[str, Any]],
        name: str = "rows",
        *,
        weights: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> Evaluation:
        """Score any labelled rows with the model as it is; nothing is logged or kept.

        Args:
            rows: raw examples with the columns of the schema.
            name: what `evaluate` is told in place of a split's name; also the stage meanwhile.
            weights: stand in the model meanwhile, as those of `Plugin.evaluation_weights` do.

        Raises:
            PluginError: the rows lack a column of the schema, or there are none.
        """
        raise NotImplementedError

    def uses(self, path: str | Path) -> Path:
        """Say that the run depends on a file or a folder, such as a lexicon or an index.

        Its hash is kept in the record, and compared when the run is resumed.

        Returns:
            The path, absolute.

        Raises:
            UserError: it is not there, or is not what it was when it was named first.
        """
        raise NotImplementedError

    def load_trained(self, folder: str | Path) -> Trained:
        """Another finished run as a model, on this run's device, such as a teacher.

        It does not learn, and random numbers are as if it had not been loaded. The files that it
        consists of are named to `uses`. Who asks for a run that another plugin still holds gets the same
        model, which nobody may change.

        Raises:
            UserError: there is no finished run in the folder.
        """
        raise NotImplementedError


class Trained(Protocol):
    """A trained model with its plugins, kept in memory; several threads may use it, in turns.

    Attributes:
        folder: of its run.
        schema: of the data that it was trained on.
    """

    folder: Path
    schema: Schema

    @property
    def model(self) -> nn.Module:
        """The model, in evaluation mode, on its device."""
        raise NotImplementedError

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes or tags, in the order of the logits; none for numbers."""
        raise NotImplementedError

    def data(self, data: Any = None, *, split: Split | None = None) -> TaskData:
        """The examples of its run, read again by its task from the files that its settings name.

        What techniques added is not among them.

        Args:
            data: a file, or rows, in place of those of ``split``; see `evaluate`.
            split: the only split that is wanted; by default all.

        Raises:
            ft.UserError: the data is no longer there, or is wrong.
        """
        raise NotImplementedError

    def predictions(self, rows: Dataset, split: str = "test") -> Predictions:
        """Predict labelled examples as `data` gives them, also those of another run of the task.

        ``split`` is what the plugins are told that they are of. Nothing is written.
        """
        raise NotImplementedError

    def evaluation(self, predictions: Predictions) -> Evaluation:
        """Score predictions, of all examples or of some of them, as its task does.

        Nothing is written, and nothing that plugins fit or log is kept.
        """
        raise NotImplementedError

    def predict(
        self, inputs: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Predict one text or mapping, or many of them.

        Returns:
            One prediction an input, in the same order.

        Raises:
            ft.DataError: an input lacks what the task needs; says which one it is.
        """
        raise NotImplementedError

    def outputs(
        self, inputs: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """What the model gives for each input, as the hook `decode` is given it.

        Returns:
            Arrays by name, such as ``logits``: (windows, classes), or (words, tags) for words; and
            ``features``, what they were computed from.

        Raises:
            ft.DataError: an input lacks what the task needs; says which one it is.
        """
        raise NotImplementedError

    def answer(
        self, inputs: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
    ) -> list[Answer]:
        """Predict one text or mapping, or many together, of which some may be wrong.

        Returns:
            One answer an input, in the same order: its prediction as that of `predict`, or what is
            wrong with it.
        """
        raise NotImplementedError

    def request_schema(self) -> dict[str, Any]:
        """The JSON schema of what `predict` takes as one input, as the task describes it.

        Its ``examples``, where there are any, are inputs that the model answers.
        """
        raise NotImplementedError

    def evaluate(self, data: Any = None, *, split: str = "test") -> Result:
        """Score it on a split of its data, or in place of that on a file or on rows.

        Args:
            data: a file, or rows as a setting that names a file takes them (see `ft.run`).
            split: which split they stand in for.

        Predictions are written into the run's folder, as ``ft evaluate`` does.

        Raises:
            ft.UserError: the data is wrong, or there is no such split.
        """
        raise NotImplementedError
