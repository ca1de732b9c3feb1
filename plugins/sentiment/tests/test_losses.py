"""Losses against torch's and against formulas written out, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from ft_sentiment import losses
from ft_sentiment.losses import balanced_weights, ordinal_targets

CLASSES, ROWS = 4, 9


def summed(loss):
    """The sum of a loss over the rows, and its items."""

    def call(*arguments, **options):
        each, items = loss(*arguments, **options)
        assert each.ndim == 1
        return each.sum(), items

    return call


class_loss, multi_loss, number_loss = map(
    summed, (losses.class_loss, losses.multi_loss, losses.number_loss)
)


@pytest.fixture
def logits() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    values = 3 * torch.randn(ROWS, CLASSES, generator=generator, dtype=torch.float64)
    return values.requires_grad_()


LABELS = torch.tensor([0, 1, 2, 3, -100, 1, 1, 0, 2])
ONES = torch.ones(ROWS, dtype=torch.float64)
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64)
MULTI = (torch.arange(ROWS * CLASSES).reshape(ROWS, CLASSES) % 3 == 0).double()


def same_gradient(ours: torch.Tensor, theirs: torch.Tensor, logits: torch.Tensor) -> None:
    (a,) = torch.autograd.grad(ours, logits, retain_graph=True)
    (b,) = torch.autograd.grad(theirs, logits, retain_graph=True)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_is_torchs(logits, weights):
    total, items = class_loss(logits, LABELS, ONES, weights=weights)
    reference = functional.cross_entropy(logits, LABELS, weight=weights)
    torch.testing.assert_close(total / items, reference, rtol=1e-13, atol=0)
    same_gradient(total / items, reference, logits)


def test_accumulating_micro_batches_is_the_large_batch(logits):
    whole, items = class_loss(logits, LABELS, ONES, weights=WEIGHTS)
    parts = [
        class_loss(logits[cut], LABELS[cut], ONES[cut], weights=WEIGHTS)
        for cut in (slice(0, 4), slice(4, 5), slice(5, 9))
    ]
    torch.testing.assert_close(sum(p[0] for p in parts) / sum(p[1] for p in parts), whole / items)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_loss_is_the_papers(logits, gamma, weights):
    total, items = class_loss(logits, LABELS, ONES, weights=weights, gamma=gamma)
    reference = torch.zeros((), dtype=torch.float64)
    for row, label in zip(logits, LABELS.tolist(), strict=True):
        if label >= 0:
            p = torch.exp(row[label]) / torch.exp(row).sum()
            alpha = 1.0 if weights is None else weights[label]
            reference = reference - alpha * (1 - p) ** gamma * torch.log(p)
    torch.testing.assert_close(total, reference, rtol=1e-12, atol=0)
    assert items == ROWS - 1
    same_gradient(total, reference, logits)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_a_sure_prediction_has_a_finite_gradient(gamma):
    logits = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    total, _ = class_loss(logits, torch.tensor([0, 0]), torch.ones(2), gamma=gamma)
    multi, _ = multi_loss(logits, torch.tensor([[1.0, 0.0]] * 2), torch.ones(2), gamma=gamma)
    (total + multi).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_multi_label_loss_is_torchs(logits, weights):
    total, items = multi_loss(logits, MULTI, ONES, weights=weights)
    reference = functional.binary_cross_entropy_with_logits(logits, MULTI, pos_weight=weights)
    torch.testing.assert_close(total / items, reference, rtol=1e-13, atol=0)
    same_gradient(total / items, reference, logits)


def test_multi_label_focal_loss_is_the_papers(logits):
    total, items = multi_loss(logits, MULTI, ONES, gamma=2.0)
    p = 1 / (1 + torch.exp(-logits))
    right = torch.where(MULTI > 0, p, 1 - p)
    reference = -((1 - right) ** 2 * right.log()).mean()
    torch.testing.assert_close(total / items, reference, rtol=1e-11, atol=0)
    same_gradient(total / items, reference, logits)


def test_number_loss_is_torchs(logits):
    values, labels = logits[:, :1], torch.linspace(-1, 3, ROWS, dtype=torch.float64)
    total, items = number_loss(values, labels, ONES)
    torch.testing.assert_close(total / items, functional.mse_loss(values.squeeze(-1), labels))


def test_windows_of_an_example_count_as_one_example(logits):
    """Three windows of a third each, alike, are worth the one example."""
    one = class_loss(logits[:2], LABELS[:2], ONES[:2], weights=WEIGHTS)
    rows = torch.tensor([0, 1, 1, 1])
    share = torch.tensor([1, 1 / 3, 1 / 3, 1 / 3], dtype=torch.float64)
    three = class_loss(logits[rows], LABELS[rows], share, weights=WEIGHTS)
    torch.testing.assert_close(three, one)


@given(classes=st.integers(2, 10), sharpness=st.floats(0.05, 20))
def test_ordinal_targets_fall_with_the_distance(classes, sharpness):
    targets = ordinal_targets(classes, sharpness).numpy()
    np.testing.assert_allclose(targets.sum(1), 1)
    assert (targets.argmax(1) == np.arange(classes)).all()
    np.testing.assert_allclose(targets, targets[::-1, ::-1])
    for r in range(classes):
        away = targets[r][np.argsort(np.abs(np.arange(classes) - r), kind="stable")]
        assert (np.diff(away) <= 1e-15).all()


def test_ordinal_loss_is_sord(logits):
    soft = ordinal_targets(CLASSES, 1.5)
    total, items = class_loss(logits, LABELS, ONES, soft=soft)
    reference = torch.zeros((), dtype=torch.float64)
    for row, label in zip(logits, LABELS.tolist(), strict=True):
        if label >= 0:
            target = torch.tensor([np.exp(-1.5 * (label - s) ** 2) for s in range(CLASSES)])
            reference = reference - (target / target.sum() * row.log_softmax(0)).sum()
    torch.testing.assert_close(total, reference, rtol=1e-12, atol=0)
    assert items == ROWS - 1


def test_sharp_ordinal_targets_are_cross_entropy(logits):
    sharp = class_loss(logits, LABELS, ONES, soft=ordinal_targets(CLASSES, 1000.0))
    torch.testing.assert_close(sharp, class_loss(logits, LABELS, ONES))


def test_balanced_weights_are_scikit_learns():
    labels = np.repeat([0, 1, 2], [50, 7, 3])
    ours = balanced_weights(torch.tensor([50, 7, 3]), 60, multi=False)
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(ours, theirs)


def test_balanced_weights_of_many_labels_even_out_yes_and_no():
    counts = torch.tensor([10, 30, 0, 40])
    ours = balanced_weights(counts, 40, multi=True)
    assert ours.tolist() == [3.0, pytest.approx(1 / 3), 1.0, 1.0]
