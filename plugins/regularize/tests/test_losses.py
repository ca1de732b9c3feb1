"""Losses against their definitions in the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from ft import Loss, PluginError
from ft_regularize.losses import focal, smooth
from ft_regularize.mixup import mix, mixed_loss
from ft_regularize.orders import balanced, growing


def loss_of(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
) -> Loss:
    each = functional.cross_entropy(
        logits.flatten(0, -2), labels.flatten(), weight=weights, reduction="none"
    ).view_as(labels)
    return Loss(each.sum(), float((labels != -100).sum()), {"logits": logits}, each=each)


def words() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    labels = torch.tensor([[0, 2, -100], [1, -100, -100]])
    return torch.randn(2, 3, 3), labels


@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("weighted", [False, True])
def test_label_smoothing_is_that_of_torch(share: float, weighted: bool) -> None:
    logits, labels = words()
    found = smooth(loss_of(logits, labels), {"logits": logits}, {"labels": labels}, share)
    wanted = functional.cross_entropy(
        logits.flatten(0, -2), labels.flatten(), label_smoothing=share, reduction="none"
    ).view_as(labels)
    assert found.each is not None
    if weighted:
        weights = torch.tensor([0.5, 2.0, 1.0])
        own = loss_of(logits, labels, weights)
        found = smooth(own, {"logits": logits}, {"labels": labels}, share)
        wanted = wanted * torch.where(labels == -100, 1.0, weights[labels.clamp_min(0)])
    assert found.each is not None
    assert torch.allclose(found.each, wanted, atol=1e-5)
    assert float(found.total) == pytest.approx(float(wanted.sum()), abs=1e-5)


def test_label_smoothing_needs_one_class_of_several() -> None:
    each = torch.ones(2)
    with pytest.raises(PluginError, match="one class of several"):
        smooth(Loss(each.sum(), 2.0, each=each), {"scores": each}, {"labels": each}, 0.1)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_is_that_of_its_paper(gamma: float) -> None:
    logits, labels = words()
    logits.requires_grad_()
    found = focal(loss_of(logits, labels), {"logits": logits}, {"labels": labels}, gamma)
    right = logits.softmax(-1).gather(-1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)
    wanted = torch.where(labels == -100, 0.0, -((1 - right) ** gamma) * right.log())
    assert found.each is not None
    assert torch.allclose(found.each, wanted, atol=1e-5)
    found.total.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())
    with pytest.raises(PluginError, match="loss of every item"):
        focal(Loss(torch.ones(()), 1.0), {}, {}, gamma)
    # The weights of classes say nothing of how sure the model is.
    weights = torch.tensor([0.5, 2.0, 1.0])
    own = loss_of(logits, labels, weights)
    weighted = focal(own, {"logits": logits}, {"labels": labels}, gamma)
    assert weighted.each is not None
    assert torch.allclose(weighted.each, wanted * weights[labels.clamp_min(0)], atol=1e-5)
    # Without logits of classes, an item's loss says it.
    assert own.each is not None
    bare = focal(Loss(own.each.sum(), 3.0, each=own.each), {}, {}, gamma)
    assert bare.each is not None
    assert torch.allclose(bare.each, own.each * (1 - (-own.each).exp()) ** gamma, atol=1e-5)


def test_mixup_mixes_embeddings_and_losses_by_the_same_share() -> None:
    class Model:
        table = torch.nn.Embedding(9, 4)

        def get_input_embeddings(self) -> torch.nn.Module:
            return self.table

    ids = torch.tensor([[1, 2], [3, 4], [5, 0]])
    batch = {
        "input_ids": ids,
        "attention_mask": torch.tensor([[1, 1], [1, 1], [1, 0]]),
        "labels": torch.tensor([0, 1, 2]),
    }
    mixed = mix(Model(), batch, np.random.default_rng(1), 0.4)
    partner, share = mixed["keep_mixup_partner"], float(mixed["keep_mixup_share"][0])
    embedded = Model.table(ids)
    assert torch.allclose(
        mixed["inputs_embeds"], share * embedded + (1 - share) * embedded[partner]
    )
    assert "input_ids" not in mixed
    both = batch["attention_mask"] | batch["attention_mask"][partner]
    assert torch.equal(mixed["attention_mask"], both)
    logits = torch.randn(3, 3)
    found = mixed_loss(lambda some: loss_of(logits, some["labels"]), mixed)
    own, other = (loss_of(logits, one).each for one in (batch["labels"], batch["labels"][partner]))
    assert own is not None
    assert other is not None
    assert float(found.total) == pytest.approx(float((share * own + (1 - share) * other).sum()))


def test_balanced_examples_come_as_often_in_each_class() -> None:
    labels = ["a"] * 7 + ["b"] * 2 + ["c"]
    ids = balanced(np.arange(10), labels, np.random.default_rng(0))
    names = [labels[i] for i in ids]
    assert {name: names.count(name) for name in "abc"} == {"a": 7, "b": 7, "c": 7}
    assert set(ids.tolist()) == set(range(10))


def test_a_curriculum_begins_with_the_shortest_and_ends_with_all() -> None:
    ids, sizes = np.array([4, 2, 0, 1, 3]), np.array([50, 30, 10, 20, 40])
    assert growing(ids, sizes, 0.4, 0.0).tolist() == [0, 1]
    assert growing(ids, sizes, 0.4, 1.0).tolist() == ids.tolist()
