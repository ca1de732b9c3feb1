"""The attack on a trained model."""

from __future__ import annotations

import pytest
import torch

from ft_adversarial import attack


def loss_of(kit):
    return lambda model, batch: kit.task_loss(None, model, batch).total


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_raises_the_loss_within_the_radius_and_leaves_no_trace(kit, mode, norm):
    model = kit.classifier().eval().requires_grad_(mode is not torch.no_grad)
    radius = 1.0 if norm == "l2" else 0.05
    with mode():
        batch = kit.batch((5, 9, 3))
        loss = loss_of(kit)
        clean = loss(model, batch)
        with attack(model, batch, loss, radius, 5, special_ids=[0, 1, 2, 3], norm=norm) as shifts:
            under = loss(model, batch)
        after = loss(model, batch)
    assert under > clean + 0.1
    assert after == clean
    (shift,) = shifts
    size = shift.flatten(1).norm(dim=1) if norm == "l2" else shift.abs().flatten(1).amax(1)
    assert (size <= radius * (1 + 1e-12)).all()
    assert not shift[batch["input_ids"] < 4].any()
    assert all(p.grad is None for p in model.parameters())
    assert not model.training
    assert not model.get_input_embeddings()._forward_hooks


def test_stronger_than_a_random_perturbation_and_with_the_radius(kit):
    model, batch, loss = kit.classifier().eval(), kit.batch((5, 9, 3)), loss_of(kit)
    found = []
    for radius in (0.25, 0.5, 1.0):
        with attack(model, batch, loss, radius, 5, special_ids=[0, 1, 2, 3]) as (shift,):
            found.append(loss(model, batch).item())
    assert found == sorted(found)
    noise = torch.randn(shift.shape, generator=torch.Generator().manual_seed(0)).double()
    noise = noise * (shift != 0)
    noise = noise / noise.flatten(1).norm(dim=1)[:, None, None]
    handle = model.get_input_embeddings().register_forward_hook(lambda m, a, out: out + noise)
    assert loss(model, batch).item() < found[-1]
    handle.remove()


def test_restored_when_the_body_raises(kit):
    model, batch = kit.classifier().eval(), kit.batch((5, 3))
    with (
        pytest.raises(KeyError, match="mine"),
        attack(model, batch, loss_of(kit), 1.0, 1),
    ):
        raise KeyError("mine")
    assert not model.get_input_embeddings()._forward_hooks


def test_restored_when_the_loss_raises(kit):
    model, batch = kit.classifier().eval(), kit.batch((5, 3))

    def loss(model, batch):
        model(input_ids=batch["input_ids"])
        raise KeyError("labels")

    with pytest.raises(KeyError, match="labels"), attack(model, batch, loss, 1.0, 1):
        pytest.fail("the body must not run")
    assert not model.get_input_embeddings()._forward_hooks
