"""A run in memory: a tiny tokenizer, a tiny model, data from lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from ft import EXAMPLE_ID, Label, Plugin, Predictions, RunConfig, Schema, TaskData, Text
from ft_sentiment import Sentiment, SentimentConfig

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = [f"w{i}" for i in range(60)]
KINDS = {
    "single": Label(names=("bad", "good", "fair")),
    "ordinal": Label(names=("1", "2", "5"), kind="ordinal"),
    "multi": Label(names=("cheap", "clean", "far"), kind="multi"),
    "number": Label(kind="number"),
}
PROBLEM = {"multi": "multi_label_classification", "number": "regression"}


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """One token a word; ``[CLS] a [SEP]`` and ``[CLS] a [SEP] b [SEP]``."""
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


class FakeRun:
    """What the hooks ask of a run."""

    def __init__(self, tokenizer: Any, data: TaskData | None, max_length: int, config: Any) -> None:
        self.config = RunConfig(**config)
        self.tokenizer = tokenizer
        self.data = data
        self.max_length = max_length
        self.restored = False
        self.wanted = None
        self.notes: list[str] = []
        self.logged: dict[str, float] = {}

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def log(self, plugin: Plugin, name: str, value: Any) -> None:
        self.logged[f"{plugin.name}/{name}"] = float(value)


@pytest.fixture
def make_run(tokenizer: Any) -> Callable[..., FakeRun]:
    def make(data: TaskData | None = None, max_length: int = 12, **config: Any) -> FakeRun:
        return FakeRun(tokenizer, data, max_length, config)

    return make


@pytest.fixture(scope="session")
def make_plugin() -> Callable[..., Sentiment]:
    def make(**settings: Any) -> Sentiment:
        made = Sentiment(SentimentConfig(**settings))
        made.seed("sentiment", 0)
        return made

    return make


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Any]:
    """A BERT of random weights whose logits are not all alike."""

    def make(classes: int, problem: str = "single_label_classification", **settings: Any) -> Any:
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(SPECIAL) + len(WORDS),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
            num_labels=classes,
            problem_type=problem,
            initializer_range=0.2,
            **settings,
        )
        return BertForSequenceClassification(config).eval()

    return make


@pytest.fixture(scope="session")
def make_data() -> Callable[..., TaskData]:
    """Task data from columns: ``make_data(label, train={"text": [...], "label": [...]})``."""

    def make(
        label: Label, texts: tuple[str, ...] = ("text",), **splits: Mapping[str, list[Any]]
    ) -> TaskData:
        return TaskData(
            DatasetDict({name: Dataset.from_dict(dict(rows)) for name, rows in splits.items()}),
            Schema(texts=tuple(Text(column) for column in texts), label=label),
        )

    return make


@pytest.fixture(scope="session")
def make_predictions() -> Callable[..., Predictions]:
    def make(data: TaskData, split: str, items: list[dict[str, Any]]) -> Predictions:
        return Predictions(split, data.splits[split], items, data.schema)

    return make


@pytest.fixture(scope="session")
def raw() -> Callable[..., dict[str, list[Any]]]:
    """Columns of raw examples as the core hands them to `encode`."""

    def make(**columns: list[Any]) -> dict[str, list[Any]]:
        return {**columns, EXAMPLE_ID: list(range(len(next(iter(columns.values())))))}

    return make


@pytest.fixture(scope="session")
def sentences() -> Callable[..., list[str]]:
    """Random texts of 1 to ``longest`` words."""

    def make(count: int, longest: int = 8) -> list[str]:
        rng = np.random.default_rng(count)
        return [" ".join(rng.choice(WORDS, rng.integers(1, longest + 1))) for _ in range(count)]

    return make


@pytest.fixture(scope="session")
def batch_of() -> Callable[..., dict[str, torch.Tensor]]:
    """Padded tensors from the features that `encode` returned, as the core makes them."""

    def make(features: Mapping[str, list[Any]]) -> dict[str, torch.Tensor]:
        lengths = [len(ids) for ids in features["input_ids"]]
        batch = {"attention_mask": torch.zeros(len(lengths), max(lengths), dtype=torch.long)}
        for row, length in enumerate(lengths):
            batch["attention_mask"][row, :length] = 1
        for name in ("input_ids", "token_type_ids"):
            batch[name] = torch.zeros_like(batch["attention_mask"])
            for row, ids in enumerate(features[name]):
                batch[name][row, : len(ids)] = torch.tensor(ids)
        for name in ("labels", "labels_share"):
            if name in features:
                batch[name] = torch.tensor(features[name])
        return batch

    return make


def _labels(label: Label, count: int) -> list[Any]:
    rng = np.random.default_rng(0)
    if label.kind == "number":
        return list(rng.uniform(1, 5, count))
    if label.kind == "multi":
        return [[name for name in label.names if rng.random() < 0.4] for _ in range(count)]
    return [label.names[i] for i in rng.integers(0, len(label.names), count)]


@pytest.fixture
def scene(
    make_data: Any, make_run: Any, make_model: Any, make_plugin: Any, sentences: Any
) -> Callable[..., tuple[FakeRun, Sentiment, Any]]:
    """A run with three equal splits and a model for labels of one kind, and the plugin."""

    def make(
        kind: str = "single", count: int = 40, max_length: int = 12, **settings: Any
    ) -> tuple[FakeRun, Sentiment, Any]:
        label = KINDS[kind]
        columns = {"text": sentences(count), "label": _labels(label, count)}
        data = make_data(label, train=columns, validation=columns, test=columns)
        model = make_model(
            max(1, len(label.names)),
            PROBLEM.get(kind, "single_label_classification"),
            id2label=dict(enumerate(label.names or ("label",))),
        )
        return make_run(data, max_length=max_length), make_plugin(**settings), model

    return make
