"""Models whose encoder and decoder share the weights of one embedding that neither calls."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    BartConfig,
    BartForSequenceClassification,
    T5Config,
    T5ForSequenceClassification,
    T5ForTokenClassification,
)

from ft import Loss
from ft_adversarial import attack

SIZES: dict[str, Any] = {"vocab_size": 60, "d_model": 32, "num_labels": 3}
SPECIAL = [0, 1, 2, 3]


def model_of(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "bart":
        layers = {
            f"{side}_{name}": 2
            for side in ("encoder", "decoder")
            for name in ("layers", "attention_heads")
        }
        config = BartConfig(**SIZES, **layers, encoder_ffn_dim=64, decoder_ffn_dim=64, dropout=0.0)
        return BartForSequenceClassification(config).double().train()
    config = T5Config(**SIZES, num_layers=2, num_heads=2, d_ff=64, d_kv=16, dropout_rate=0.0)
    config.decoder_start_token_id = 0
    task = {"t5": T5ForSequenceClassification, "t5-words": T5ForTokenClassification}[kind]
    return task(config).double().train()


def batch() -> dict[str, torch.Tensor]:
    eos = BartConfig().eos_token_id
    ids = torch.tensor([[4, 9, 20, 7, eos], [5, 6, 30, 8, eos]])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def loss_of(model: nn.Module, inputs: Any) -> torch.Tensor:
    logits = model(**inputs)["logits"]
    return nn.functional.cross_entropy(
        logits.flatten(0, -2),
        torch.ones(logits.shape[:-1], dtype=torch.long).flatten(),
        reduction="sum",
    )


@pytest.mark.parametrize("kind", ["bart", "t5", "t5-words"])
def test_the_text_that_the_encoder_reads_is_attacked(kind: str) -> None:
    # T5's end of a text is 1, BART's 2: both classifiers look for it.
    model, inputs = model_of(kind).eval(), batch()
    if kind == "t5":
        inputs["input_ids"][:, -1] = 1
    clean = loss_of(model, inputs)
    with attack(model, inputs, loss_of, radius=0.5, steps=3, special_ids=SPECIAL) as shifts:
        assert loss_of(model, inputs) > clean
    (shift,) = shifts
    assert shift.shape == (2, 5, 32)
    assert shift.flatten(1).norm(dim=1) == pytest.approx(0.5, rel=1e-6)
    assert not shift[:, -1].any()
    assert loss_of(model, inputs) == clean


@pytest.mark.parametrize("method", ["fgm", "pgd", "freelb", "smart", "r3f"])
@pytest.mark.parametrize("kind", ["bart", "t5-words"])
def test_every_method_trains_them(kit: Any, kind: str, method: str) -> None:
    model = model_of(kind)

    def inner(run: Any, model: nn.Module, inputs: Any) -> Loss:
        outputs = model(**inputs)
        logits = outputs["logits"]
        labels = torch.ones(logits.shape[:-1], dtype=torch.long).flatten()
        total = nn.functional.cross_entropy(logits.flatten(0, -2), labels, reduction="sum")
        return Loss(total, 2.0, {"logits": logits})

    plugin = kit.plugin(method=method)
    loss = plugin.compute_loss(inner, kit.FakeRun(), model, batch())
    loss.total.backward()
    assert loss.parts["adversarial"] > 0
    shared = model.get_input_embeddings().weight.grad
    assert shared is not None
    assert shared.isfinite().all()
