"""A frozen encoder computes each text once, and what is learnt is what it would be anyway."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ft.builtin.frozen import FrozenEncoder, Store


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every batch that a frozen encoder computes."""
    rows: list[int] = []
    compute = FrozenEncoder._without_dropout

    def counted(self: FrozenEncoder, inputs: dict[str, Any]) -> Any:
        rows.append(len(inputs["input_ids"]))
        return compute(self, inputs)

    monkeypatch.setattr(FrozenEncoder, "_without_dropout", counted)
    return rows


SETTINGS: dict[str, Any] = {"freeze": "encoder", "epochs": 3, "learning_rate": 1e-2}


@pytest.mark.parametrize("task", ["words", "texts"])
def test_no_text_is_computed_twice(go: Callable[..., Any], computed: list[int], task: str) -> None:
    result = go([task], epochs=3, freeze="encoder")
    texts = sum(split["examples"] for split in result.record["data"].values())
    assert sum(computed) <= texts


@pytest.mark.parametrize("task", ["words", "texts"])
def test_the_head_learns_what_it_would_learn_anyway(
    go: Callable[..., Any], comparing: ModuleType, computed: list[int], task: str
) -> None:
    kept = go([task], precision="fp32", **SETTINGS)
    once = sum(computed)
    # A technique around the loss, whatever it does, has every batch computed.
    anew = go([task, "count"], precision="fp32", **SETTINGS)
    assert sum(computed) - once > 2 * once
    one, other = (comparing.tensors(run.output / "model/model.safetensors") for run in (kept, anew))
    assert list(one) == list(other)
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=1e-5, rtol=1e-4)


def test_a_frozen_encoder_is_saved_as_it_was(
    go: Callable[..., Any], comparing: ModuleType, tiny_model: Path
) -> None:
    result = go(["words"], **SETTINGS)
    before = comparing.tensors(tiny_model / "model.safetensors")
    after = comparing.tensors(result.output / "model/model.safetensors")
    shared = [name for name in before if f"bert.{name}" in after]
    assert shared
    for name in shared:
        assert torch.equal(before[name], after[f"bert.{name}"])


def test_the_best_weights_are_those_that_learn(
    go: Callable[..., Any], comparing: ModuleType
) -> None:
    result = go(["words"], **SETTINGS)
    (best,) = result.output.glob("checkpoints/best-*")
    kept = comparing.tensors(best / "model.safetensors")
    assert kept
    assert not any(name.startswith("bert.") and name.endswith("weight") for name in kept)
    saved = comparing.tensors(result.output / "model/model.safetensors")
    for name, value in kept.items():
        if not name.startswith("bert."):  # buffers that a saved model does not hold
            assert torch.equal(value, saved[name])


def test_checkpoints_leave_out_what_never_learns_whether_outputs_are_kept_or_not(
    go: Callable[..., Any], comparing: ModuleType
) -> None:
    result = go(["words", "count"], **SETTINGS)
    for path in result.output.glob("checkpoints/*/model.safetensors"):
        assert {name.split(".")[0] for name in comparing.tensors(path)} <= {"classifier", "bert"}
        kept = [name for name in comparing.tensors(path) if name.startswith("bert.")]
        assert not [name for name in kept if name.endswith(("weight", "bias"))]


@pytest.fixture
def encoder() -> Any:
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    model = BertModel(BertConfig(vocab_size=20, num_hidden_layers=1, **sizes)).eval()
    return model.requires_grad_(False)


BATCH = {"input_ids": torch.tensor([[1, 2, 3]]), "attention_mask": torch.ones(1, 3).long()}


def stand_in(encoder: Any, folder: Path) -> FrozenEncoder:
    frozen = FrozenEncoder(encoder, Store(folder, 1e9))
    encoder.forward = frozen
    with torch.no_grad():
        encoder(**BATCH)
    return frozen


def test_nothing_is_kept_of_an_encoder_that_takes_in_what_learns(
    encoder: Any, tmp_path: Path
) -> None:
    prompt = torch.nn.Parameter(torch.zeros(8))
    embed = encoder.embeddings.forward
    encoder.embeddings.forward = lambda *args, **named: embed(*args, **named) + prompt
    assert not stand_in(encoder, tmp_path).keeps
    encoder.train()
    encoder(**BATCH).last_hidden_state[0, 0, 0].backward()
    assert prompt.grad is not None


def test_what_is_kept_goes_when_the_encoder_changes(encoder: Any, tmp_path: Path) -> None:
    frozen = stand_in(encoder, tmp_path)
    assert frozen.keeps
    before = encoder(**BATCH).last_hidden_state
    encoder.embeddings.word_embeddings.weight.add_(1)
    after = encoder(**BATCH).last_hidden_state
    assert not frozen.keeps
    assert not torch.equal(before, after)


def test_an_encoder_that_is_unfrozen_learns(encoder: Any, tmp_path: Path) -> None:
    stand_in(encoder, tmp_path)
    encoder.requires_grad_(True)
    encoder.train()
    encoder(**BATCH).last_hidden_state.square().sum().backward()
    assert encoder.embeddings.word_embeddings.weight.grad is not None


def test_an_image_is_computed_once(tmp_path: Path) -> None:
    """Neither dropout nor the statistics of BatchNorm move while what was kept is given again."""
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    encoder = ResNetModel(
        ResNetConfig(embedding_size=4, hidden_sizes=[4], depths=[1], layer_type="basic")
    ).requires_grad_(False)
    pixels = torch.randn(3, 3, 16, 16)
    wanted = encoder.eval()(pixel_values=pixels)
    frozen = FrozenEncoder(encoder, Store(tmp_path, 1e9))
    vars(encoder)["forward"] = frozen
    with torch.no_grad():
        encoder(pixel_values=pixels)
    encoder.train()
    encoder.embedder.forward = None  # type: ignore[assignment]
    found = encoder(pixel_values=pixels[[2, 0]])
    for name, value in found.items():
        torch.testing.assert_close(value, wanted[name][[2, 0]])


def test_a_copy_of_a_frozen_encoder_computes_by_itself(encoder: Any, tmp_path: Path) -> None:
    frozen = stand_in(encoder, tmp_path)
    copied = deepcopy(encoder)
    copied.embeddings.word_embeddings.weight.add_(1)
    assert frozen.keeps
    assert not torch.equal(copied(**BATCH).last_hidden_state, encoder(**BATCH).last_hidden_state)
