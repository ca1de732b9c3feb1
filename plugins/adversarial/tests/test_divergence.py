"""Which outputs are compared, and how."""

from __future__ import annotations

import pytest
import torch
from torch import distributions

from ft import TrainingError
from ft_adversarial.training.divergence import divergence


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def test_classes_in_both_directions_or_forward():
    p, q = random(4, 3), 0.5 * random(4, 3).flip(0)
    one, other = distributions.Categorical(logits=p), distributions.Categorical(logits=q)
    forward = distributions.kl_divergence(other, one).sum()
    both = forward + distributions.kl_divergence(one, other).sum()
    assert torch.isclose(divergence({"logits": p}, {"logits": q}, {}), both)
    assert torch.isclose(divergence({"logits": p}, {"logits": q}, {}, symmetric=False), forward)


def test_zero_and_no_gradient_where_nothing_differs():
    p = random(4, 3).requires_grad_()
    value = divergence({"logits": p}, {"logits": p.detach()}, {})
    assert value == 0
    assert not torch.autograd.grad(value, p)[0].any()


def test_yes_no_classes():
    p, q = random(4, 3), random(4, 3).flip(0)
    batch = {"labels": torch.ones(4, 3)}
    one, other = distributions.Bernoulli(logits=p), distributions.Bernoulli(logits=q)
    each = distributions.kl_divergence(one, other) + distributions.kl_divergence(other, one)
    assert torch.isclose(divergence({"logits": p}, {"logits": q}, batch), each.mean(-1).sum())


@pytest.mark.parametrize("shape", [(4, 1), (4,)])
def test_numbers_by_squared_difference(shape):
    p, q = random(*shape), random(*shape).flip(0)
    batch = {"labels": torch.ones(4)}
    assert torch.isclose(divergence({"logits": p}, {"logits": q}, batch), (p - q).pow(2).sum())


def test_positions_without_a_label_do_not_count():
    p, q = random(2, 3, 4), random(2, 3, 4).flip(0)
    labels = torch.tensor([[-100, 1, 2], [0, -100, -100]])
    counted = labels != -100
    wanted = divergence({"logits": p[counted]}, {"logits": q[counted]}, {})
    p = p.masked_fill(~counted[..., None], float("nan"))
    assert torch.isclose(divergence({"logits": p}, {"logits": q}, {"labels": labels}), wanted)


def test_padding_does_not_count_where_there_are_no_labels():
    p, q = random(2, 3, 4), random(2, 3, 4).flip(0)
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    wanted = divergence({"logits": p[mask.bool()]}, {"logits": q[mask.bool()]}, {})
    assert torch.isclose(divergence({"logits": p}, {"logits": q}, {"attention_mask": mask}), wanted)


def test_all_logits_count_and_other_outputs_do_not():
    start, end, hidden = random(2, 5), random(2, 5).flip(1), random(2, 5, 8)
    noised = {"start_logits": start, "end_logits": end, "hidden": hidden}
    clean = {"start_logits": end, "end_logits": start, "hidden": hidden + 1}
    wanted = 2 * divergence({"logits": start}, {"logits": end}, {})
    mask = {"attention_mask": torch.tensor([[1, 1, 1, 1, 0]] * 2)}
    assert torch.isclose(divergence(noised, clean, mask), wanted)


def test_every_floating_output_counts_where_there_are_no_logits():
    noised = {"user": random(2, 3), "item": random(4, 3), "ids": torch.tensor([1, 2])}
    clean = {"user": noised["user"] + 2, "item": noised["item"] - 1, "ids": torch.tensor([5, 6])}
    assert torch.isclose(divergence(noised, clean, {}), torch.tensor(2 * 3 * 4.0 + 4 * 3).double())


def test_half_precision_is_compared_in_float32():
    p = torch.tensor([[10.0, 0.0]], dtype=torch.bfloat16)
    q = torch.tensor([[9.0, 0.0]], dtype=torch.bfloat16)
    value = divergence({"logits": p}, {"logits": q}, {})
    assert value.dtype == torch.float32
    assert torch.isclose(value, divergence({"logits": p.float()}, {"logits": q.float()}, {}))


def test_nothing_to_compare_is_said():
    with pytest.raises(TrainingError, match="no outputs to compare"):
        divergence({}, {}, {})


def test_outputs_that_do_not_fit_are_said():
    """A task that draws negatives anew in each pass."""
    with pytest.raises(TrainingError, match=r"shapes \(2, 4\) and \(2, 3\)"):
        divergence({"logits": random(2, 3)}, {"logits": random(2, 4)}, {})
