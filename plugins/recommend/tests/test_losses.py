"""Losses over candidates, against hand computation."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, softplus

from ft_recommend.losses import ALL_UP_TO, choose, in_batch, ranking_loss, rating_loss, strategy
from ft_recommend.settings import RecommendConfig

POPULARITY = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0])


def config(**settings: object) -> RecommendConfig:
    return RecommendConfig(**settings)


def test_auto_means_all_items_of_a_small_catalogue() -> None:
    assert strategy(config(), ALL_UP_TO) == "all"
    assert strategy(config(), ALL_UP_TO + 1) == "mixed"
    assert strategy(config(negatives="in_batch"), 5) == "in_batch"


def test_all_items_are_a_plain_softmax() -> None:
    logits = torch.randn(3, 5)
    targets = torch.tensor([1, 4, 1])
    candidates = choose(targets, POPULARITY, config())
    assert candidates.columns.tolist() == [0, 1, 2, 3, 4]
    loss = ranking_loss(logits, candidates, "softmax")
    assert torch.allclose(loss, cross_entropy(logits, targets, reduction="none"))


def test_in_batch_takes_the_log_popularity_off_and_hides_the_same_item() -> None:
    targets = torch.tensor([0, 1, 0])
    logits = torch.randn(3, 3, dtype=torch.float64)
    loss = ranking_loss(logits, in_batch(targets, POPULARITY, True), "softmax")
    chance = torch.log(POPULARITY / POPULARITY.sum()).double()
    for user, columns in ((0, [0, 1]), (1, [0, 1, 2]), (2, [1, 2])):
        scores = torch.stack([logits[user, c] - chance[targets[c]] for c in columns])
        expected = -torch.log_softmax(scores, 0)[columns.index(user)]
        assert loss[user].item() == pytest.approx(expected.item(), rel=1e-5)


def test_without_correction_the_scores_stay() -> None:
    targets = torch.tensor([0, 1])
    logits = torch.randn(2, 2)
    loss = ranking_loss(logits, in_batch(targets, POPULARITY, False), "softmax")
    assert torch.allclose(loss, cross_entropy(logits, torch.tensor([0, 1]), reduction="none"))


@pytest.mark.parametrize("power", [0.0, 0.75, 1.0])
def test_sampled_negatives_follow_the_power_of_popularity(power: float) -> None:
    generator = torch.Generator().manual_seed(0)
    settings = config(negatives="sampled", sampled=40_000, sampling_power=power)
    candidates = choose(torch.tensor([3]), POPULARITY, settings, generator)
    drawn = torch.bincount(candidates.columns[1:], minlength=5) / 40_000
    expected = POPULARITY**power / (POPULARITY**power).sum()
    assert torch.allclose(drawn, expected, atol=0.01)
    assert candidates.log_chance is not None
    assert torch.allclose(candidates.log_chance.exp(), 40_000 * expected[candidates.columns])


def test_a_sampled_softmax_with_correction_estimates_the_full_one() -> None:
    torch.manual_seed(0)
    popularity = torch.randint(1, 100, (200,)).float()
    scores = torch.randn(1, 200, dtype=torch.float64)
    target = torch.tensor([17])
    full = ranking_loss(scores, choose(target, popularity, config()), "softmax")
    settings = config(negatives="sampled", sampled=50_000, sampling_power=0.5)
    candidates = choose(target, popularity, settings)
    loss = ranking_loss(scores[:, candidates.columns], candidates, "softmax")
    # The own item is never its own negative, so it lacks from the estimated sum but once.
    assert loss.item() == pytest.approx(full.item(), abs=0.1)


def test_own_items_of_others_count_only_where_the_batch_does() -> None:
    targets = torch.tensor([0, 1])
    sampled = choose(targets, POPULARITY, config(negatives="sampled", sampled=3))
    mixed = choose(targets, POPULARITY, config(negatives="mixed", sampled=3))
    assert sampled.hidden is not None
    assert mixed.hidden is not None
    assert sampled.hidden[:, :2].tolist() == [[False, True], [True, False]]
    assert mixed.hidden[:, :2].tolist() == [[False, False], [False, False]]
    assert len(mixed.columns) == 5


def test_mixed_expects_what_both_bring() -> None:
    targets = torch.tensor([0, 1])
    mixed = choose(targets, POPULARITY, config(negatives="mixed", sampled=10))
    expected = 10 / 5 + 2 * POPULARITY / POPULARITY.sum()
    assert mixed.log_chance is not None
    assert torch.allclose(mixed.log_chance.exp(), expected[mixed.columns])


def test_bpr_is_the_mean_over_pairs() -> None:
    targets = torch.tensor([0, 1, 0])
    logits = torch.randn(3, 3)
    loss = ranking_loss(logits, in_batch(targets, POPULARITY, True), "bpr")
    assert loss[0].item() == pytest.approx(softplus(logits[0, 1] - logits[0, 0]).item())
    both = softplus(logits[1, [0, 2]] - logits[1, 1]).mean()
    assert loss[1].item() == pytest.approx(both.item(), rel=1e-5)


def test_bpr_over_all_items_leaves_the_own_out() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0, 0.0, 0.0]])
    loss = ranking_loss(logits, choose(torch.tensor([0]), POPULARITY, config()), "bpr")
    assert loss.item() == pytest.approx(softplus(torch.tensor(-2.0)).item())


def test_rating_loss_is_the_squared_error() -> None:
    assert rating_loss(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 5.0])).tolist() == [1, 4]
