"""Dropout with fewer random bits has the statistics of torch's."""

from __future__ import annotations

import pytest
import torch

from ft.builtin.processor.dropout import LeanDropout, Mask, dropped


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_mask_drops_its_share_and_keeps_the_mean(p: float, dtype: torch.dtype) -> None:
    drawn = dropped(torch.ones(200, 501, dtype=dtype), p, 7)
    share = float((drawn == 0).float().mean())
    spread = (p * (1 - p) / drawn.numel()) ** 0.5
    assert abs(share - p) < 5 * spread
    assert drawn.dtype == dtype
    assert float(drawn.max()) == pytest.approx(1 / (1 - p), rel=1e-2)
    assert float(drawn.float().mean()) == pytest.approx(1, abs=6 * spread / (1 - p) + 4e-3)


def test_neighbours_in_a_mask_are_independent() -> None:
    gone = 1 - Mask.drawn(torch.Size([1_000_000]), 0.3, 7, torch.float32).ones.float()
    for lag in (1, 2, 3, 4, 8):
        both = float((gone[lag:] * gone[:-lag]).mean())
        assert both == pytest.approx(0.09, abs=5 * (0.09 * 0.91 / 1e6) ** 0.5)


def test_masks_follow_the_generator_of_torch() -> None:
    like = torch.ones(7, 3)
    layer = LeanDropout(0.5)
    torch.manual_seed(5)
    first, second = layer(like), layer(like)
    torch.manual_seed(5)
    assert torch.equal(layer(like), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_gradient_is_dropped_as_the_values_are(dtype: torch.dtype) -> None:
    values = torch.randn(30, 40, dtype=dtype).requires_grad_()
    saved: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda one: saved.append(one) or one, lambda one: one
    ):
        output = LeanDropout(0.25)(values)
    output.backward(torch.ones_like(output))
    assert values.grad is not None
    factor = torch.tensor(4 / 3, dtype=dtype)
    assert torch.equal(values.grad, torch.where(output == 0, torch.zeros_like(factor), factor))
    assert torch.equal(output, values * values.grad)
    narrow = torch.int8 if dtype is torch.float32 else dtype
    assert [(one.dtype, one.shape) for one in saved] == [(narrow, values.shape)]


def test_dropout_passes_everything_when_it_does_not_train() -> None:
    layer = LeanDropout(0.5).eval()
    values = torch.randn(4, 4)
    assert torch.equal(layer(values), values)
