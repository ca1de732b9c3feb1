"""Freezing, parameter groups, the schedule and the optimizer step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForTokenClassification

from ft import ConfigError, RunConfig
from ft.engine.optim.depths import freeze
from ft.engine.optim.optim import Optimizer, parameter_groups, rate_factor


@pytest.fixture
def model(tiny_model: Path) -> nn.Module:
    torch.manual_seed(0)
    return AutoModelForTokenClassification.from_pretrained(tiny_model, num_labels=3)


def trainable(model: nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_freezing_the_encoder_leaves_the_head(model: nn.Module) -> None:
    freeze(model, "encoder")
    assert trainable(model) == {"classifier.weight", "classifier.bias"}


def test_freezing_embeddings_leaves_every_layer(model: nn.Module) -> None:
    freeze(model, "embeddings")
    left = trainable(model)
    assert not any("embeddings" in name for name in left)
    assert any("layer.0" in name for name in left)


def test_freezing_k_layers_leaves_those_above(model: nn.Module) -> None:
    freeze(model, 1)
    left = trainable(model)
    assert not any("embeddings" in name or "layer.0." in name for name in left)
    assert any("layer.1." in name for name in left)


def test_freezing_more_layers_than_there_are_is_refused(model: nn.Module) -> None:
    with pytest.raises(ConfigError, match="the encoder has 2 layers, not 7"):
        freeze(model, 7)


def test_freezing_without_a_base_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no base model to freeze"):
        freeze(nn.Linear(2, 2), "encoder")


def test_everything_frozen_is_refused(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ConfigError, match="nothing is left to train"):
        Optimizer(model, RunConfig())


def test_rates_fall_with_depth_and_norms_are_not_decayed(model: nn.Module) -> None:
    config = RunConfig(learning_rate=1e-4, head_learning_rate=1e-3, layer_decay=0.5)
    rates, decays = {}, {}
    names = {p: name for name, p in model.named_parameters()}
    for group in parameter_groups(model, config):
        for _, parameter in group["params"]:  # type: ignore[attr-defined]
            rates[names[parameter]] = group["lr"]
            decays[names[parameter]] = group["weight_decay"]
    assert rates["classifier.weight"] == 1e-3
    assert rates["bert.encoder.layer.1.output.dense.weight"] == pytest.approx(1e-4)
    assert rates["bert.encoder.layer.0.output.dense.weight"] == pytest.approx(5e-5)
    assert rates["bert.embeddings.word_embeddings.weight"] == pytest.approx(2.5e-5)
    assert decays["bert.encoder.layer.0.output.dense.weight"] == 0.01
    assert decays["bert.encoder.layer.0.output.dense.bias"] == 0
    assert decays["bert.encoder.layer.0.output.LayerNorm.weight"] == 0
    assert len(rates) == len(names)


def test_the_schedule_warms_up_and_decays() -> None:
    linear = RunConfig(warmup=0.1)
    factors = [rate_factor(step, 100, linear) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 11)
    assert factors[10] == 1.0
    assert factors[99] == pytest.approx(1 / 90)
    assert factors == [*sorted(factors[:11]), *sorted(factors[11:], reverse=True)]
    cosine = RunConfig(schedule="cosine")
    assert rate_factor(50, 100, cosine) == pytest.approx(0.5)
    assert rate_factor(50, 100, RunConfig(schedule="constant")) == 1.0


@pytest.mark.parametrize("clip", [None, 0.05, 1e6])
def test_a_step_equals_plain_adamw_on_the_mean_clipped_gradient(clip: float | None) -> None:
    torch.manual_seed(0)
    ours = nn.Linear(5, 3).double()
    plain = nn.Linear(5, 3).double()
    plain.load_state_dict(ours.state_dict())
    config = RunConfig(learning_rate=0.01, clip=clip, weight_decay=0.0)
    optimizer = Optimizer(ours, config)
    reference = torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.0)
    for step in range(4):
        inputs = torch.randn(7, 5, dtype=torch.float64)
        ours(inputs).square().sum().backward()
        norm = optimizer.step(torch.tensor(7.0), rate_factor(step, 4, config))
        optimizer.zero()
        (plain(inputs).square().sum() / 7).backward()
        expected = torch.nn.utils.clip_grad_norm_(plain.parameters(), clip or 1e12)
        reference.param_groups[0]["lr"] = 0.01 * rate_factor(step, 4, config)
        reference.step()
        reference.zero_grad()
        assert float(norm) == pytest.approx(float(expected), rel=1e-5)
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_a_gradient_that_is_not_finite_leaves_the_weights() -> None:
    model = nn.Linear(2, 1)
    before = model.weight.detach().clone()
    optimizer = Optimizer(model, RunConfig())
    (model(torch.ones(1, 2)) * float("nan")).sum().backward()
    norm = optimizer.step(torch.tensor(1.0), 1.0)
    assert not torch.isfinite(norm)
    assert torch.equal(model.weight, before)
