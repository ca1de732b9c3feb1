"""Each method's step against one written by hand with explicit `inputs_embeds`, in float64."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

RADIUS, WEIGHT = 0.7, 0.6


class Reference:
    """A step computed in the open: embeddings looked up, shifted and fed by hand."""

    def __init__(self, model: nn.Module, batch: dict[str, Tensor], norm: str = "l2") -> None:
        self.model = model
        self.batch = batch
        self.norm = norm
        # Written out: no [PAD], [UNK], [CLS], [SEP].
        self.free = (batch["input_ids"] >= 4).unsqueeze(-1)

    def logits(self, shift: Tensor | None = None) -> Tensor:
        weight = self.model.bert.embeddings.word_embeddings.weight
        embeds = functional.embedding(self.batch["input_ids"], weight, padding_idx=0)
        if shift is not None:
            embeds = embeds + shift
        return self.model(inputs_embeds=embeds, attention_mask=self.batch["attention_mask"]).logits

    def loss(self, shift: Tensor | None = None) -> Tensor:
        logits, labels = self.logits(shift), self.batch["labels"]
        chosen = labels.flatten() != -100
        logs = logits.flatten(0, -2).log_softmax(-1)[chosen]
        return -logs[torch.arange(len(logs)), labels.flatten()[chosen]].sum()

    def apart(self, shift: Tensor, clean: Tensor) -> Tensor:
        """KL in both directions, summed over labelled positions."""
        p, q = self.logits(shift).log_softmax(-1), clean.log_softmax(-1)
        each = functional.kl_div(p, q, log_target=True, reduction="none").sum(-1)
        each = each + functional.kl_div(q, p, log_target=True, reduction="none").sum(-1)
        if each.shape == self.batch["labels"].shape and each.ndim > 1:
            each = each * (self.batch["labels"] != -100)
        return each.sum()

    def climb(self, shift: Tensor, gradient: Tensor, size: float) -> Tensor:
        rows = []
        for row in range(len(shift)):
            slope = gradient[row] * self.free[row]
            if self.norm == "linf":
                moved = (shift[row] + size * slope.sign()).clamp(-RADIUS, RADIUS)
            else:
                moved = shift[row] + size * slope / slope.pow(2).sum().sqrt()
                length = moved.pow(2).sum().sqrt()
                if length > RADIUS:
                    moved = moved * RADIUS / length
            rows.append(moved)
        return torch.stack(rows).detach()

    def slope(self, shift: Tensor, clean: Tensor | None = None) -> Tensor:
        shift = shift.detach().requires_grad_()
        value = self.loss(shift) if clean is None else self.apart(shift, clean)
        return torch.autograd.grad(value, shift)[0]

    def nothing(self) -> Tensor:
        return torch.zeros(*self.batch["input_ids"].shape, 32, dtype=torch.float64)

    def gradients(self, total: Tensor) -> dict[str, Tensor]:
        names, values = zip(*self.model.named_parameters(), strict=True)
        found = torch.autograd.grad(total, values, allow_unused=True)
        return {
            name: torch.zeros_like(value) if gradient is None else gradient
            for name, value, gradient in zip(names, values, found, strict=True)
        }


@pytest.fixture(params=["classifier", "tagger"])
def task(request, kit) -> SimpleNamespace:
    tags = request.param == "tagger"
    return SimpleNamespace(
        model=getattr(kit, request.param)(), batch=kit.batch((5, 9, 3, 7), tags=tags), tags=tags
    )


def run_step(kit, task, **settings):
    spy = kit.Spy()
    loss = kit.step(kit.plugin(weight=WEIGHT, **settings), task.model, task.batch, spy)
    return loss, kit.gradients(task.model), spy


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("clean", [1.0, 0.5, 0.0])
def test_fgm(kit, task, norm, clean):
    loss, found, _ = run_step(kit, task, method="fgm", radius=RADIUS, norm=norm, clean_weight=clean)
    by_hand = Reference(task.model, task.batch, norm)
    nothing = by_hand.nothing()
    shift = by_hand.climb(nothing, by_hand.slope(nothing), RADIUS)
    term = WEIGHT * by_hand.loss(shift)
    wanted = by_hand.gradients(clean * by_hand.loss() + term)
    kit.assert_equal_gradients(found, wanted)
    assert torch.isclose(loss.total, term, rtol=1e-12)
    assert torch.isclose(loss.parts["adversarial"], term, rtol=1e-12)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("clean", [1.0, 0.0])
@pytest.mark.parametrize("init", [0.0, 0.4])
def test_pgd(kit, task, norm, clean, init):
    loss, found, spy = run_step(
        kit, task, method="pgd", radius=RADIUS, norm=norm, steps=3, step_size=0.5, init=init,
        clean_weight=clean,
    )  # fmt: skip
    by_hand = Reference(task.model, task.batch, norm)
    shift = by_hand.nothing()
    if init:
        shift = spy.passes[1 if clean else 0][0]
        assert 0 < shift.abs().max() <= init
    for _ in range(3):
        shift = by_hand.climb(shift, by_hand.slope(shift), 0.5)
    term = WEIGHT * by_hand.loss(shift)
    kit.assert_equal_gradients(found, by_hand.gradients(clean * by_hand.loss() + term))
    assert torch.isclose(loss.parts["adversarial"], term, rtol=1e-12)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("clean", [1.0, 0.0])
@pytest.mark.parametrize("steps", [1, 3])
def test_freelb(kit, task, norm, clean, steps):
    loss, found, spy = run_step(
        kit, task, method="freelb", radius=RADIUS, norm=norm, steps=steps, step_size=0.5, init=0.4,
        clean_weight=clean,
    )  # fmt: skip
    by_hand = Reference(task.model, task.batch, norm)
    shift = spy.passes[1 if clean else 0][0]
    term = torch.zeros((), dtype=torch.float64)
    for _ in range(steps):
        term = term + WEIGHT * by_hand.loss(shift) / steps
        shift = by_hand.climb(shift, by_hand.slope(shift), 0.5)
    kit.assert_equal_gradients(found, by_hand.gradients(clean * by_hand.loss() + term))
    assert torch.isclose(loss.parts["adversarial"], term, rtol=1e-12)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("steps", [1, 2])
def test_smart(kit, task, norm, steps):
    loss, found, spy = run_step(
        kit, task, method="smart", radius=RADIUS, norm=norm, steps=steps, step_size=0.5,
        noise=1e-2, clean_weight=0.5,
    )  # fmt: skip
    by_hand = Reference(task.model, task.batch, norm)
    shift, clean = spy.passes[1][0], by_hand.logits()
    for _ in range(steps):
        shift = by_hand.climb(shift, by_hand.slope(shift, clean.detach()), 0.5)
    term = WEIGHT * by_hand.apart(shift, clean)
    kit.assert_equal_gradients(found, by_hand.gradients(0.5 * by_hand.loss() + term))
    assert torch.isclose(loss.parts["adversarial"], term, rtol=1e-10)


@pytest.mark.parametrize("method", ["smart", "r3f"])
def test_forward_divergence(kit, task, method):
    """KL of the perturbed from the clean outputs, which are constant: with smart this is VAT
    (Miyato et al. 2018)."""
    settings = {"radius": RADIUS} if method == "smart" else {}
    _, found, spy = run_step(kit, task, method=method, noise=0.05, divergence="forward", **settings)
    by_hand = Reference(task.model, task.batch)
    labelled = task.batch["labels"] != -100

    def apart(shift: Tensor) -> Tensor:
        target = by_hand.logits().softmax(-1).detach()
        each = (target * (target.log() - by_hand.logits(shift).log_softmax(-1))).sum(-1)
        return (each * labelled if task.tags else each).sum()

    shift = spy.passes[1][0]
    if method == "smart":
        start = shift.requires_grad_()
        slope = torch.autograd.grad(apart(start), start)[0]
        shift = by_hand.climb(start.detach(), slope, 2.5 * RADIUS)
    total = by_hand.loss() + WEIGHT * apart(shift)
    kit.assert_equal_gradients(found, by_hand.gradients(total))


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_r3f(kit, task, kind):
    loss, found, spy = run_step(kit, task, method="r3f", noise=0.05, noise_kind=kind)
    by_hand = Reference(task.model, task.batch)
    shift = spy.passes[1][0]
    inside = shift[by_hand.free.expand_as(shift)]
    if kind == "uniform":
        assert 0.045 < inside.abs().max() <= 0.05
    else:
        assert inside.abs().max() > 0.1
        assert abs(float(inside.std()) - 0.05) < 0.01
    term = WEIGHT * by_hand.apart(shift, by_hand.logits())
    kit.assert_equal_gradients(found, by_hand.gradients(by_hand.loss() + term))
    assert torch.isclose(loss.parts["adversarial"], term, rtol=1e-10)
