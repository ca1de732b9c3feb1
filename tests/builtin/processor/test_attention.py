"""Attention for less work on a processor gives what torch's gives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from ft.builtin.processor import attention
from ft.builtin.processor.attention import SHORT, lean_attention

NOTHING_DROPPED = 2.0**-18
"""A probability that rounds to no level of the mask: every weight stays."""


class Encoder(nn.Module):
    """A stand-in for the module that attention belongs to."""

    is_causal = False


def _states(*sizes: int, seed: int = 0, trained: bool = False) -> list[Tensor]:
    """Query, key and value: (batch, heads, queries or keys, size)."""
    batch, heads, queries, keys, size = sizes
    torch.manual_seed(seed)
    return [
        torch.randn(batch, count, heads, size).transpose(1, 2).requires_grad_(trained)
        for count in (queries, keys, keys)
    ]


def _seen(batch: int, queries: int, keys: int) -> Tensor:
    """A mask in which every query sees the first key and some others."""
    seen = torch.rand(batch, 1, 1, keys).expand(batch, 1, queries, keys) > 0.3
    seen[..., 0] = True
    return seen


@given(
    st.tuples(*(st.integers(1, most) for most in (5, 3, 40, 40, 9))),
    st.booleans(),
    st.booleans(),
    st.integers(1, 3000),
)
def test_prediction_is_that_of_torch(
    sizes: tuple[int, ...], masked: bool, alike: bool, at_once: int
) -> None:
    batch, heads, queries, keys, size = sizes
    keys = queries if alike else keys
    query, key, value = _states(batch, heads, queries, keys, size)
    chosen = _seen(batch, queries, keys) if masked else None
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(attention, "AT_ONCE", at_once)
        ours, _ = lean_attention(Encoder(), query, key, value, chosen)
    theirs = functional.scaled_dot_product_attention(query, key, value, chosen).transpose(1, 2)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert ours.is_contiguous()


@pytest.mark.parametrize("without_versions", [False, True])
def test_a_mask_that_changes_is_read_anew(without_versions: bool) -> None:
    with torch.inference_mode() if without_versions else torch.no_grad():
        states = _states(2, 3, 5, 5, 4)
        mask = torch.ones(2, 1, 5, 5, dtype=torch.bool)
        first, _ = lean_attention(Encoder(), *states, mask)
        mask[..., 3:] = False
        second, _ = lean_attention(Encoder(), *states, mask)
        theirs = functional.scaled_dot_product_attention(*states, mask).transpose(1, 2)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(second, theirs)


@pytest.mark.parametrize("length", [8, 24, SHORT])
def test_prediction_in_bf16_is_as_exact_as_that_of_torch(length: int) -> None:
    exact = _states(4, 12, length, length, 32)
    rounded = [3 * one.bfloat16() for one in exact]  # scores of some size
    want = functional.scaled_dot_product_attention(*(one.double() for one in rounded))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        ours, _ = lean_attention(Encoder(), *rounded, None)
    theirs = functional.scaled_dot_product_attention(*rounded)
    assert ours.dtype == torch.bfloat16
    errors = [
        float((one.double() - want.transpose(1, 2)).square().mean().sqrt())
        for one in (ours, theirs.transpose(1, 2))
    ]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("dropout", [0.0, NOTHING_DROPPED])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("kept", [1, 100, 1 << 22])
def test_training_without_losses_is_that_of_torch(
    masked: bool, dropout: float, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "KEPT", kept)
    query, key, value = _states(5, 3, 5, 5, 8, trained=True)
    chosen = _seen(5, 5, 5) if masked else None
    ours, _ = lean_attention(Encoder(), query, key, value, chosen, dropout=dropout)
    theirs = functional.scaled_dot_product_attention(query, key, value, chosen).transpose(1, 2)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, (query, key, value), weights),
        torch.autograd.grad(theirs, (query, key, value), weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_weights_computed_again_are_dropped_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "KEPT", 60)
    query, key, value = _states(6, 2, 6, 6, 4, trained=True)
    output, _ = lean_attention(Encoder(), query, key, value, None, dropout=0.5)
    torch.manual_seed(99)  # the backward pass asks no generator
    direction = torch.randn_like(output)
    (found,) = torch.autograd.grad(output, value, direction)
    # The output is linear in the values, with the weights that were dropped in the forward pass.
    torch.testing.assert_close((found * value).sum(), (direction * output).sum())


def test_weights_that_are_not_kept_follow_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "KEPT", 60)
    states = _states(6, 2, 6, 6, 4, trained=True)
    outputs = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        outputs.append(lean_attention(Encoder(), *states, None, dropout=0.5)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_training_in_bf16_keeps_bf16() -> None:
    states = [one.detach().bfloat16().requires_grad_() for one in _states(4, 12, 64, 64, 32)]
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16),
    ):
        output, _ = lean_attention(Encoder(), *states, None, dropout=0.1)
    weights = 4 * 12 * 64 * 64 * 2
    inputs = sum(one.nbytes for one in states)
    assert (
        sum(kept.values()) <= 1.5 * weights + inputs
    )  # before dropout, and a byte for what is kept
    direction = torch.randn_like(output)
    found = torch.autograd.grad(output, states, direction)
    assert all(one.dtype == torch.bfloat16 for one in found)


@pytest.mark.parametrize("length", [8, 64])
def test_gradients_in_bf16_are_as_exact_as_those_of_torch(length: int) -> None:
    rounded = [one.detach().bfloat16() for one in _states(4, 12, length, length, 32)]
    ours, theirs, exact = (
        [one.to(dtype).requires_grad_() for one in rounded]
        for dtype in (torch.bfloat16, torch.bfloat16, torch.float64)
    )
    for own in (ours, theirs):
        own[:] = [one.detach().clone().requires_grad_() for one in own]
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = lean_attention(Encoder(), *ours, None)
    direction = torch.randn_like(output)
    attend = functional.scaled_dot_product_attention
    want = torch.autograd.grad(attend(*exact).transpose(1, 2), exact, direction.double())
    found = torch.autograd.grad(output, ours, direction)
    other = torch.autograd.grad(attend(*theirs).transpose(1, 2), theirs, direction)
    for a, b, c in zip(found, other, want, strict=True):
        errors = [float((one.double() - c).square().mean().sqrt()) for one in (a, b)]
        assert errors[0] < 2.2 * errors[1]


def test_training_of_long_texts_keeps_no_weights() -> None:
    query, key, value = _states(12, 2, 600, 600, 4, trained=True)
    saved = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal saved
        saved += tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        lean_attention(Encoder(), query, key, value, None, dropout=0.1)
    assert saved < 12 * 2 * 600 * 600 / 10


def test_attention_that_looks_back_only_is_left_to_torch() -> None:
    query, key, value = _states(1, 2, 4, 4, 8)
    for dropout in (0.0, NOTHING_DROPPED):
        ours, _ = lean_attention(
            Encoder(), query, key, value, None, dropout=dropout, is_causal=True
        )
        theirs = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        torch.testing.assert_close(ours, theirs.transpose(1, 2))


def test_keys_and_values_of_another_type_are_trained_too() -> None:
    """Such as those of a prefix, which are float32 where the rest is computed in bf16."""
    query, key, value = (one.detach() for one in _states(2, 3, 20, 24, 16))
    states = [one.requires_grad_() for one in (query.bfloat16(), key, value)]
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = lean_attention(Encoder(), *states, None, dropout=0.1)
    output.float().sum().backward()
    assert all(one.grad is not None and one.grad.dtype == one.dtype for one in states)


@pytest.mark.parametrize("dropout", [0.0, NOTHING_DROPPED])
def test_gradients_of_gradients_are_those_of_torch(dropout: float) -> None:
    states = [one.double().detach().requires_grad_() for one in _states(2, 2, 4, 4, 3)]
    seen = _seen(2, 4, 4)
    found = []
    for attend in (
        lambda q, k, v: lean_attention(Encoder(), q, k, v, seen, dropout=dropout)[0],
        lambda q, k, v: _plain(q, k, v, seen),
    ):
        first = torch.autograd.grad(attend(*states).square().sum(), states, create_graph=True)
        found.append(torch.autograd.grad(sum(one.square().sum() for one in first), states))
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other)


def _plain(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    return (scores.masked_fill(~seen, -1e300).softmax(-1) @ value).transpose(1, 2)


@pytest.mark.parametrize("length", [7, 30, 61, 64])
def test_a_softmax_in_training_is_one_of_float32(length: int) -> None:
    query, key, value = (3 * one.detach().bfloat16() for one in _states(3, 2, length, length, 16))
    states = [one.requires_grad_() for one in (query, key, value)]
    seen = _seen(3, length, length)
    ours, _ = lean_attention(Encoder(), *states, seen, dropout=NOTHING_DROPPED)
    scores = (query * 0.25) @ key.transpose(-1, -2)
    weights = scores.float().masked_fill(~seen, -1e38).softmax(-1).bfloat16()
    torch.testing.assert_close(ours, (weights @ value).transpose(1, 2))
