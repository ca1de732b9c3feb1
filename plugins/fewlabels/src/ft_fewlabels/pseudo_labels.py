"""The technique: labels of the model's own for a pool of unlabelled examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ft import (
    EXAMPLE_ID,
    Config,
    ConfigError,
    Loss,
    Plugin,
    PluginError,
    Run,
    Schema,
    TaskData,
    Tunable,
    hookimpl,
    mix_into_order,
    read_pool,
)

POOL, KNOWN, IGNORE = "pool", "known_", -100

BEGINS = "keep_pseudo_words"
"""Column of a feature: 1 at a piece that begins a word."""


class PseudoLabelsConfig(Config):
    """Settings of the technique ``pseudo_labels``."""

    pool: str | None = Field(
        None,
        description="file of unlabelled examples: CSV, JSONL, Parquet, or .txt with a text a line; if "
        "unset, the pool that the task gives",
    )
    sure: Annotated[float, Tunable(0.6, 0.99)] = Field(
        0.9,
        gt=0,
        le=1,
        description="least probability of a label that is trained on; of a sentence, of every tag",
    )
    start: int = Field(2, ge=1, description="the first epoch that trains on the pool")
    consistency: float | None = Field(
        None,
        gt=0,
        description="weight of the divergence of two passes over examples of the pool that have no label",
    )


class PseudoLabels(Plugin):
    """Trains on those examples of a pool that the model is sure of, with its own labels (Lee 2013).

    With ``consistency`` two passes over the others, with other dropout, shall say the same (Laine & Aila
    2017, arXiv 1610.02242).
    """

    Config = PseudoLabelsConfig
    config: PseudoLabelsConfig
    needs_schema = ("tags|label:single|label:ordinal",)

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.needs_graph = self.config.consistency is not None
        self._labels: dict[str, Any] = {}
        self._words: list[list[str]] | None = None

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few sentences, as one text and as two."""
        path = folder / "pool.jsonl"
        names = ("anna", "ben", "clara", "dora")
        pairs = [(f"{name} went", f"to {place}") for name in names for place in ("rome", "a house")]
        rows = [{"text": f"{one} {two}", "question": one, "answer": two} for one, two in pairs]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return {"pool": str(path), "sure": 0.3, "start": 1, "consistency": 1.0}

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Run) -> TaskData:
        """The task's data with the pool.

        Raises:
            ConfigError: there is none.
        """
        data = inner(run)
        if run.restored:
            return data
        if self.config.pool is not None:
            path = run.uses(self.config.pool)
            return read_pool(path, data, owner=self.name, run=run)
        if POOL not in data.splits:
            raise ConfigError(
                "there are no unlabelled examples",
                where=f"{self.name}.pool",
                hint="name a file of them",
            )
        return data

    @hookimpl
    def on_epoch_start(self, run: Run, epoch: int) -> None:
        """Label the pool with the model as it is, and say how much of it and how rightly."""
        if epoch < self.config.start:
            return
        assert run.data is not None
        first, pool = len(run.data.splits["train"]), run.data.splits[POOL]
        with run.aside():
            items = run.predict(POOL).items
        found = [_label(item, run.data.schema) for item in items]
        taken = [k for k, (_, sure) in enumerate(found) if sure >= self.config.sure]
        self._labels = {str(first + k): found[k][0] for k in taken}
        share = len(taken) / len(found)
        run.log(self, "taken", share)
        text = f"epoch {epoch}: {len(taken):,} of {len(found):,} unlabelled examples were given a label ({share:.0%})"
        right = _right(found, taken, pool, run.data.schema)
        if right is not None:
            run.log(self, "right", right)
            text += f"; of those whose answer is known {right:.1%} are right"
        run.note(f"{self.name}: {text}")

    @hookimpl
    def order(self, inner: Callable[..., Any], run: Run, epoch: int) -> Any:
        """The examples of an epoch, and among them those of the pool that are trained on."""
        found = inner(run, epoch)
        assert run.data is not None
        first = len(run.data.splits["train"])
        more: Sequence[int] = [int(one) for one in self._labels]
        if self.config.consistency is not None and epoch >= self.config.start:
            more = range(first, first + len(run.data.splits[POOL]))
        return mix_into_order(found, more, run.config.batch_size, self.rng_at("order", epoch))

    @hookimpl
    def encode(
        self,
        inner: Callable[..., Mapping[str, list[Any]]],
        run: Run,
        examples: Mapping[str, list[Any]],
        training: bool,
    ) -> Mapping[str, list[Any]]:
        """The features, those of the pool with the labels that they were given."""
        if not training:
            return inner(run, examples, training)
        assert run.data is not None
        column = run.data.schema.gold[0]
        ids = examples[EXAMPLE_ID]
        own = examples.get(column, [None] * len(ids))
        labels = [
            self._labels.get(str(i), one) if one is None else one
            for i, one in zip(ids, own, strict=True)
        ]
        if run.data.schema.words:
            self._refuse_changed(run, examples, run.data.schema.words.tokens)
        features = dict(inner(run, {**examples, column: labels}, training))
        if "word_ids" in features:
            features[BEGINS] = [[int(one >= 0) for one in own] for own in features["word_ids"]]
        return features

    def _refuse_changed(self, run: Run, examples: Mapping[str, list[Any]], tokens: str) -> None:
        """Refuse a technique further out that changes the words of the pool: their tags are those of the
        words as they were.

        Raises:
            PluginError: there is one.
        """
        assert run.data is not None
        if self._words is None:
            self._words = run.data.splits[POOL][tokens][:]
        first = len(run.data.splits["train"])
        for i, words in zip(examples[EXAMPLE_ID], examples[tokens], strict=True):
            if str(i) in self._labels and list(words) != self._words[i - first]:
                raise PluginError(
                    f"a technique named behind '{self.name}' changes the words of the pool, and their tags "
                    "are for the words as they were",
                    hint=f"name '{self.name}' behind it",
                )

    def forwards(self, inner: int) -> int:
        """Twice those of what it wraps where two passes are compared."""
        return inner if self.config.consistency is None else 2 * inner

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """The task's loss; of examples without a label, how far two passes are apart."""
        loss = inner(run, model, batch)
        if "labels" in batch or self.config.consistency is None:
            return loss
        again = inner(run, model, batch)
        asked = batch
        if BEGINS in batch:
            asked = {**batch, "labels": torch.where(batch[BEGINS] > 0, 0, IGNORE)}
        apart = run.divergence(loss.outputs, again.outputs, asked)
        apart = apart + run.divergence(again.outputs, loss.outputs, asked)
        mean = replace(loss, total=(loss.total + again.total) / 2)
        return mean.plus(self.config.consistency * apart / 2, f"{self.name}/consistency")

    @hookimpl
    def loss_of(
        self,
        inner: Callable[..., Loss],
        run: Run,
        outputs: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Loss:
        """The task's loss; an example without a label has none, and counts as the items that it has."""
        if "labels" in batch or self.config.consistency is None:
            return inner(run, outputs, batch)
        logits = outputs["logits"]
        items = batch[BEGINS].float() if BEGINS in batch else torch.ones_like(logits[:, 0]).float()
        return Loss(logits.sum() * 0, items.sum(), dict(outputs), each=torch.zeros_like(items))

    def state_dict(self) -> dict[str, Any]:
        """The labels: a resumed run does not ask for them again within an epoch."""
        return {"labels": self._labels}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._labels = dict(state.get("labels", {}))


def _label(item: Mapping[str, Any], schema: Schema) -> tuple[Any, float]:
    """A prediction as a gold answer, and how sure the model is of it."""
    if schema.words:
        return item["tags"], min(item["scores"], default=0.0)
    return item["label"], item["scores"][item["label"]]


def _right(
    found: Sequence[tuple[Any, float]], taken: Sequence[int], pool: Any, schema: Schema
) -> float | None:
    """The share of the labels that are right, of whole sentences for words; ``None``: nobody knows."""
    column = KNOWN + schema.gold[0]
    if column not in pool.column_names:
        return None
    known = pool[column]
    names = set(schema.words.labels if schema.words else schema.targets[0].names)
    pairs = [(found[k][0], known[k]) for k in taken if known[k] is not None]
    if schema.words:
        right = [one == other for one, other in pairs if set(other) <= names]
    else:
        right = [one == str(other) for one, other in pairs if str(other) in names]
    return sum(right) / len(right) if right else None
