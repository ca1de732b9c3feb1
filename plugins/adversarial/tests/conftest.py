"""A tiny BERT in float64 without dropout, a run that is as small, and plain task losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification

from ft import Loss
from ft_adversarial import Adversarial, AdversarialConfig

PAD, UNK, CLS, SEP = 0, 1, 2, 3


class FakeRun:
    """What the technique asks of a run."""

    def __init__(self) -> None:
        self.step = 5
        self.total_steps = 10
        self.device = torch.device("cpu")
        self.tokenizer = SimpleNamespace(all_special_ids=[PAD, UNK, CLS, SEP])
        self.early = 0
        self.notes: list[str] = []

    def backward(self, loss: Loss) -> None:
        self.early += 1
        loss.total.backward()

    def note(self, text: str) -> None:
        self.notes.append(text)


def config(**changes: Any) -> BertConfig:
    settings: dict[str, Any] = {
        "vocab_size": 60,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 32,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.3,
        "num_labels": 3,
        "pad_token_id": PAD,
    }
    return BertConfig(**settings | changes)


def make_classifier(seed: int = 0, **changes: Any) -> nn.Module:
    torch.manual_seed(seed)
    return BertForSequenceClassification(config(**changes)).double().train()


def make_tagger(seed: int = 0, **changes: Any) -> nn.Module:
    torch.manual_seed(seed)
    return BertForTokenClassification(config(**changes)).double().train()


def make_batch(lengths: tuple[int, ...], *, tags: bool = False, seed: int = 0) -> dict[str, Tensor]:
    """Texts of so many words each between [CLS] and [SEP], padded."""
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths) + 2
    ids = torch.full((len(lengths), width), PAD)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for row, words in enumerate(lengths):
        ids[row, 0], ids[row, words + 1] = CLS, SEP
        ids[row, 1 : words + 1] = torch.randint(4, 60, (words,), generator=generator)
        labels[row, 1 : words + 1] = torch.randint(0, 3, (words,), generator=generator)
        mask[row, : words + 2] = 1
    if not tags:
        labels = torch.randint(0, 3, (len(lengths),), generator=generator)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def task_loss(run: Any, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
    """Summed cross entropy, what a provider returns."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    labels = batch["labels"]
    total = functional.cross_entropy(
        logits.flatten(0, -2), labels.flatten(), ignore_index=-100, reduction="sum"
    )
    return Loss(total, (labels != -100).sum(), {"logits": logits}, {"task": total.detach()})


class Spy:
    """Calls a loss and records, for each of its passes, what was added to the word embeddings."""

    def __init__(self, inner: Callable[..., Loss] = task_loss) -> None:
        self.inner = inner
        self.passes: list[list[Tensor]] = []
        self.totals: list[Tensor] = []

    def __call__(self, run: Any, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        added: list[Tensor] = []

        def record(module: nn.Embedding, args: Any, output: Tensor) -> None:
            plain = functional.embedding(args[0], module.weight, module.padding_idx)
            added.append((output - plain).detach())

        handle = model.get_input_embeddings().register_forward_hook(record)
        try:
            loss = self.inner(run, model, batch)
        finally:
            handle.remove()
        self.passes.append(added)
        self.totals.append(loss.total.detach())
        return loss


def make_plugin(seed: int = 0, **settings: Any) -> Adversarial:
    plugin = Adversarial(AdversarialConfig(**{"start": 0.0} | settings))
    plugin.seed("adversarial", seed)
    return plugin


def step(
    plugin: Adversarial,
    model: nn.Module,
    batch: Mapping[str, Tensor],
    inner: Callable[..., Loss] = task_loss,
    run: Any = None,
) -> Loss:
    """One micro-batch as the run does it: the technique, then backward on what is left."""
    run = run or FakeRun()
    loss = plugin.compute_loss(inner, run, model, batch)
    run.backward(loss)
    return loss


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
        if p.requires_grad
    }


def assert_equal_gradients(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], within: float = 1e-10
) -> None:
    assert found.keys() == wanted.keys()
    assert any(value.abs().max() > 1e-3 for value in wanted.values())
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, rtol=within, atol=within), name


@pytest.fixture
def kit() -> SimpleNamespace:
    """The helpers of this file."""
    return SimpleNamespace(
        FakeRun=FakeRun,
        Spy=Spy,
        assert_equal_gradients=assert_equal_gradients,
        batch=make_batch,
        classifier=make_classifier,
        gradients=gradients,
        plugin=make_plugin,
        step=step,
        tagger=make_tagger,
        task_loss=task_loss,
    )
