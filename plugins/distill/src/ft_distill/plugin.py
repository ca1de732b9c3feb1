"""The technique: where a teacher takes part in a student's run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ft import (
    ConfigError,
    Loss,
    Plugin,
    PluginError,
    Run,
    TaskData,
    hookimpl,
    mix_into_order,
    read_pool,
)
from ft_distill.example import write_teacher
from ft_distill.kept import KeptAnswers
from ft_distill.layers import Layers, Seen
from ft_distill.losses import IGNORE, apart, weighed_sum
from ft_distill.settings import DistillConfig
from ft_distill.student import keep_layers, student_rate
from ft_distill.teacher import RUN, Teacher, folder_of, kind_of, open_teacher, require_same_pieces

AIMS = "keep_distill_"
"""Column of a feature with a teacher's answer: (classes,), for words (pieces, classes), not a number at
a piece that begins no word."""

SHARE = "keep_distill_share"
"""Column of a feature: how much of its example it is."""

POOL = "pool"
TEMPERATURE = 2.0
TRIED = 64
"""Texts with which two tokenizers are compared."""


class Distill(Plugin):
    """A student learns what one or several teachers answer (Hinton et al. 2015, arXiv 1503.02531).

    What is logged of a step: ``distill/answers``, and ``distill/hidden`` and ``distill/attention`` where
    they are asked for, each with its weight.
    """

    Config = DistillConfig
    config: DistillConfig
    needs_graph = True
    before = ("augment",)  # others that change the texts are told when they do

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._teachers: list[Teacher] = []
        self._kept: list[KeptAnswers] = []
        self._layers: list[Layers] = []
        self._chosen: tuple[int, ...] | None = None

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A tiny teacher that knows the classes of the kit's tasks."""
        return {"teacher": str(write_teacher(folder / "teacher"))}

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """A student made of layers begins with those of its teacher, and has to go further than a whole model."""
        if config.student_layers is None:
            return {}
        folder = Path(config.teachers[0]).expanduser()
        found = folder / "model" if (folder / RUN).exists() else folder
        if not found.is_dir():
            return {}
        return {"model": str(found), **student_rate(found)}

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Run) -> TaskData:
        """The task's data, and the further texts as its pool."""
        if not run.restored:
            for path in self.config.teachers:
                folder_of(path, f"{self.name}.teacher")
        data = inner(run)
        if data.schema.images:
            raise ConfigError(
                "students that read images are not taught yet: teacher and student may prepare them "
                "otherwise",
                where=self.name,
                hint=f"leave out '{self.name}' for this task",
            )
        if self.config.unlabelled is None or run.restored:
            return data
        if kind_of(data.schema) is None:
            raise ConfigError(
                "further texts are for tasks of one label a text, or tags",
                where=f"{self.name}.unlabelled",
                hint="leave it out for this task",
            )
        path = run.uses(self.config.unlabelled)
        return read_pool(path, data, owner=self.name, run=run, setting="unlabelled")

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """The student, perhaps of fewer layers than the model has; the teachers are loaded beside it."""
        model = inner(run, data)
        if run.restored:
            return model
        if self.config.student_layers is not None:
            where = f"{self.name}.student_layers"
            chosen, count = keep_layers(model, self.config.student_layers, where)
            named = ", ".join(map(str, chosen))
            # The lowest layers learn to do the work of all: each is compared with one further up.
            self._chosen = None if isinstance(self.config.student_layers, int) else chosen
            run.note(f"the student has the layers {named} of the {count} of {run.model_path}")
        where = f"{self.name}.teacher"
        kind = kind_of(data.schema)
        given = self.config
        if kind in (None, "number") and given.temperature is not None:
            raise ConfigError(
                "what this task learns has no classes that a temperature could soften",
                where=f"{self.name}.temperature",
                hint="leave it out",
            )
        self._teachers = [open_teacher(run, one, data.schema, where) for one in given.teachers]
        self._kept = [
            KeptAnswers(one.logits, self._rows(data), _count(data), data.schema.gold)
            for one in self._teachers
            if one.logits is not None
        ]
        self._require_pieces(run, data)
        self._layers = [
            Layers(
                model,
                one.model,
                one.path,
                self._chosen,
                hidden=given.hidden is not None,
                attention=given.attention is not None,
                where=f"{self.name}.{'hidden' if given.hidden else 'attention'}",
            )
            for one in self._teachers
            if given.hidden or given.attention
        ]
        return model

    def _require_pieces(self, run: Run, data: TaskData) -> None:
        """Refuse another tokenizer where a teacher reads the student's pieces."""
        given = self.config
        setting = "hidden" if given.hidden else "attention" if given.attention else None
        if setting and not self._kept:
            raise ConfigError(
                "layers are compared for tasks of one label a text, or tags",
                where=f"{self.name}.{setting}",
                hint="leave it out for this task",
            )
        if self._kept and not setting:
            return
        why = f"{self.name}.{setting}" if setting else "distillation for this task"
        train = data.splits["train"][:TRIED]
        columns = [text.column for text in data.schema.texts]
        texts = [str(text) for name in columns for text in train[name]]
        if data.schema.words:
            texts = [" ".join(words) for words in train[data.schema.words.tokens]]
        for one in self._teachers:
            require_same_pieces(run, one, texts, why, f"{self.name}.teacher")

    @staticmethod
    def _rows(data: TaskData) -> Callable[[Sequence[int]], Mapping[str, list[Any]]]:
        """Gives raw examples by their ids, those of the pool behind those of train."""
        train, pool = data.splits["train"], data.splits.get(POOL)

        def rows(ids: Sequence[int]) -> Mapping[str, list[Any]]:
            found = []
            for rows, own in (
                (train, [i for i in ids if i < len(train)]),
                (pool, [i - len(train) for i in ids if i >= len(train)]),
            ):
                found += rows.select(own).to_list() if own else []
            names = dict.fromkeys(name for row in found for name in row)
            return {name: [row.get(name) for row in found] for name in names}

        return rows

    @hookimpl
    def order(self, inner: Callable[..., Any], run: Run, epoch: int) -> Any:
        """The examples of an epoch, and all further texts among them."""
        found = inner(run, epoch)
        assert run.data is not None
        if self.config.unlabelled is None:
            return found
        first = len(run.data.splits["train"])
        pool = np.arange(first, first + len(run.data.splits[POOL]))
        return mix_into_order(found, pool, run.config.batch_size, self.rng_at("order", epoch))

    @hookimpl
    def encode(
        self,
        inner: Callable[..., Mapping[str, list[Any]]],
        run: Run,
        examples: Mapping[str, list[Any]],
        training: bool,
    ) -> Mapping[str, list[Any]]:
        """The features, in training with what the teachers answer to their example."""
        features = inner(run, examples, training)
        if not training or not self._kept:
            return features
        assert run.data is not None
        self._refuse_changed(features, inner(run, examples, False))
        count = len(next(iter(features.values())))
        rows = [int(row) for row in features.get("row", range(count))]
        columns = dict(features)
        for k, kept in enumerate(self._kept):
            answers = kept.of(examples)
            if run.data.schema.words:
                marks = features.get("word_ids")
                if marks is None:
                    raise PluginError(
                        "the task's features do not say which piece begins which word (word_ids)",
                        hint="leave distill out for this task",
                    )
                pairs = zip(rows, marks, strict=True)
                columns[f"{AIMS}{k}"] = [_by_piece(answers[row], own) for row, own in pairs]
            else:
                columns[f"{AIMS}{k}"] = [answers[row][0] for row in rows]
        windows = np.bincount(rows, minlength=1)
        columns[SHARE] = [1 / float(windows[row]) for row in rows]
        return columns

    def _refuse_changed(self, features: Any, plain: Any) -> None:
        """Refuse a technique nearer to the task that changes what the model reads: the teacher would
        answer to another text.
        """
        same = all(
            len(own) == len(other) and all(map(np.array_equal, own, other))
            for own, other in (
                (features[name], plain.get(name, ()))
                for name in features
                if name.endswith("input_ids")
            )
        )
        if not same:
            raise PluginError(
                f"a technique named before '{self.name}' changes the training texts, and the teacher "
                "would answer to other texts than the student reads",
                hint=f"name '{self.name}' before it, nearer to the task: the teacher then answers to "
                "the changed texts",
            )

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """The task's loss and the distance from the teachers, by their shares."""
        layers = self._layers[0] if self._layers else None
        with layers.student() if layers else nullcontext({}) as seen:
            loss = inner(run, model, batch)
        config = self.config
        terms = [self._from(run, k, loss, batch) for k in range(len(self._teachers))]
        loss = loss.times(1 - config.share)
        loss = loss.plus(config.share * torch.stack(terms).mean(), f"{self.name}/answers")
        if layers is None:
            return loss
        given = self._given(run, batch)
        for what, weight in (("hidden", config.hidden), ("attention", config.attention)):
            if weight is not None:
                own = [
                    self._layer_term(run, what, k, seen, aims, batch)
                    for k, aims in enumerate(given)
                ]
                loss = loss.plus(weight * torch.stack(own).mean(), f"{self.name}/{what}")
        return loss

    def _from(self, run: Run, k: int, loss: Loss, batch: Mapping[str, Tensor]) -> Tensor:
        """How far the student's answers are from those of a teacher, a sum over the items."""
        if not self._kept:
            with torch.no_grad():
                aims = run.loss(self._teachers[k].model, batch).outputs
            return run.divergence(loss.outputs, aims, batch)
        logits = loss.outputs.get("logits")
        aims = batch[f"{AIMS}{k}"]
        if logits is None or logits.shape != aims.shape:
            raise PluginError(
                f"the student's logits are {None if logits is None else tuple(logits.shape)} and the "
                f"teacher's answers {tuple(aims.shape)}",
                hint="leave out the technique or the task that gives other outputs than logits of classes",
            )
        assert run.data is not None
        kind = kind_of(run.data.schema)
        temperature = TEMPERATURE if self.config.temperature is None else self.config.temperature
        # NaN times 0 is NaN in the backward pass too, so words without an answer get zeros first.
        each = apart(str(kind), logits, aims.nan_to_num(), temperature)
        return weighed_sum(each, self._weights(kind, k, batch))

    def _weights(self, kind: str | None, k: int, batch: Mapping[str, Tensor]) -> Tensor:
        """What each item counts, (batch[, tokens]): words that begin here, or a share of an example."""
        if kind != "tags":
            return batch[SHARE]
        there = ~batch[f"{AIMS}{k}"][..., 0].isnan() & (batch["attention_mask"] > 0)
        if "labels" in batch:
            there = there & (batch["labels"] != IGNORE)
        return there.float()

    def _given(self, run: Run, batch: Mapping[str, Tensor]) -> list[Seen]:
        """What the layers of every teacher give for a batch."""
        found = []
        for teacher, layers in zip(self._teachers, self._layers, strict=True):
            with layers.teacher() as seen, torch.no_grad():
                _forward(teacher.model, batch)
            found.append(seen)
        return found

    def _layer_term(
        self, run: Run, what: str, k: int, seen: Seen, aims: Seen, batch: Mapping[str, Tensor]
    ) -> Tensor:
        """How far the layers are apart, a sum over the items: at each word, or over an example's tokens."""
        assert run.data is not None
        kind, mask = kind_of(run.data.schema), batch["attention_mask"]
        each = self._layers[k].apart(what, seen, aims, mask)
        if kind == "tags":
            return weighed_sum(each, self._weights(kind, k, batch))
        shares = batch[SHARE][:, None] / mask.sum(-1, keepdim=True).clamp_min(1)
        return weighed_sum(each, mask * shares)

    @hookimpl
    def loss_of(
        self,
        inner: Callable[..., Loss],
        run: Run,
        outputs: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Loss:
        """The task's loss; a further text has none of its own, and counts as the items that it has."""
        if "labels" in batch or f"{AIMS}0" not in batch:
            return inner(run, outputs, batch)
        assert run.data is not None
        weights = self._weights(kind_of(run.data.schema), 0, batch)
        nothing = torch.zeros_like(weights)
        return Loss(outputs["logits"].sum() * 0, weights.sum(), dict(outputs), each=nothing)


def _count(data: TaskData) -> int:
    return len(data.splits["train"]) + len(data.splits.get(POOL, ()))


def _by_piece(answers: np.ndarray, marks: Sequence[int]) -> np.ndarray:
    """The answers to words at the pieces that they begin with, (pieces, classes)."""
    placed = np.full((len(marks), answers.shape[1]), np.nan, np.float32)
    own = np.asarray(marks, dtype=np.int64)
    begins = np.flatnonzero(own >= 0)
    placed[begins] = answers[own[begins]]
    return placed


def _forward(model: nn.Module, batch: Mapping[str, Tensor]) -> None:
    """A pass over the inputs of a batch that the model takes."""
    known = inspect.signature(model.forward).parameters
    model(
        **{
            name: value
            for name, value in batch.items()
            if name in known and not name.startswith(("labels", "keep_"))
        }
    )
