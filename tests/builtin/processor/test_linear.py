"""Linear layers of a model that only predicts: the same outputs, with weights that are prepared once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import ft
from ft.builtin.processor.linear import KeptLinear, keep_weights


def pair(inputs: int, outputs: int, bias: bool) -> tuple[nn.Linear, nn.Linear]:
    """A layer, and one with the same weights that keeps them."""
    torch.manual_seed(0)
    plain = nn.Linear(inputs, outputs, bias=bias)
    kept = nn.Linear(inputs, outputs, bias=bias)
    kept.load_state_dict(plain.state_dict())
    whole = nn.Sequential(kept)
    keep_weights(whole)
    assert type(whole[0]) is KeptLinear
    return plain, kept


def in_bf16(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        result: torch.Tensor = layer(inputs)
    return result


@given(
    sizes=st.tuples(*[st.integers(1, 70)] * 2),
    rows=st.lists(st.integers(1, 20), min_size=1, max_size=2),
    bias=st.booleans(),
    half=st.booleans(),
)
def test_outputs_are_the_same_to_the_bit(
    sizes: tuple[int, int], rows: list[int], bias: bool, half: bool
) -> None:
    plain, kept = pair(*sizes, bias)
    inputs = torch.randn(*rows, sizes[0])
    if half:
        inputs = inputs.bfloat16()
    for _ in range(2):
        one, other = in_bf16(kept, inputs), in_bf16(plain, inputs)
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("change", ["copy", "optimizer", "parameter", "data", "bias"])
def test_weights_that_change_are_cast_anew(change: str) -> None:
    plain, kept = pair(8, 4, True)
    inputs = torch.randn(3, 8)
    before = in_bf16(kept, inputs)
    for layer in (plain, kept):
        with torch.no_grad():
            if change == "copy":
                layer.weight.copy_(layer.weight * 2)
            elif change == "parameter":
                layer.weight = nn.Parameter(layer.weight * 2)
            elif change == "data":
                layer.weight.data = layer.weight.data * 2
            elif change == "bias":
                layer.bias.add_(1)
        if change == "optimizer":
            optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)
            layer(inputs).sum().backward()
            optimizer.step()
    after = in_bf16(kept, inputs)
    assert torch.equal(after, in_bf16(plain, inputs))
    assert not torch.equal(after, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_other_formats_are_left_alone(dtype: torch.dtype) -> None:
    plain, kept = (layer.to(dtype) for layer in pair(8, 4, True))
    inputs = torch.randn(3, 8, dtype=dtype)
    with torch.no_grad():
        assert torch.equal(kept(inputs), plain(inputs))


def test_what_is_exported_is_a_plain_layer() -> None:
    _, kept = pair(8, 4, True)
    with torch.no_grad():
        program = torch.export.export(nn.Sequential(kept), (torch.randn(3, 8),))
    assert any("aten.linear" in str(node.target) for node in program.graph.nodes)


def test_learning_is_left_alone() -> None:
    plain, kept = pair(8, 4, True)
    inputs = torch.randn(3, 8)
    with torch.autocast("cpu", torch.bfloat16):
        kept(inputs).float().sum().backward()
        plain(inputs).float().sum().backward()
    assert torch.equal(kept.weight.grad, plain.weight.grad)
    assert kept.state_dict().keys() == plain.state_dict().keys()


def test_a_loaded_run_predicts_as_it_would_without(go: Any) -> None:
    trained = ft.load(go(["words"], precision="bf16").output)
    texts = ["anna saw london", "the dog of bert", "london"]
    kept = trained.predict(texts)
    layers = [module for module in trained.model.modules() if type(module) is KeptLinear]
    assert layers
    for layer in layers:
        layer.__class__ = nn.Linear
    assert trained.predict(texts) == kept
