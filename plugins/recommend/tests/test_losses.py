"""Losses over candidates, against hand computation."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, softplus

from ft_recommend.losses import (
    ALL_UP_TO,
    choose,
    compares,
    in_batch,
    ranking_loss,
    rating_loss,
    strategy,
)
from ft_recommend.settings import RecommendConfig

POPULARITY = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0])


def config(**settings: object) -> RecommendConfig:
    return RecommendConfig(**settings)


def test_auto_means_all_items_of_a_small_catalogue() -> None:
    assert strategy(config(), ALL_UP_TO) == "all"
    assert strategy(config(), ALL_UP_TO + 1) == "mixed"
    assert strategy(config(negatives="in_batch"), 5) == "in_batch"


def test_examples_are_compared_where_a_batchs_items_are_negatives() -> None:
    assert compares(config())
    assert compares(config(tuned_share=0.0))  # mixed, of many items
    assert compares(config(tuned_share=0.0, negatives="in_batch"))
    assert not compares(config(tuned_share=0.0, negatives="all"))
    assert not compares(config(tuned_share=0.0, negatives="sampled"))
    assert not compares(config(loss="rating"))


def test_all_items_are_a_plain_softmax() -> None:
    logits = torch.randn(3, 5)
    targets = torch.tensor([1, 4, 1])
    candidates = choose(targets, POPULARITY, config(), 0)
    assert candidates.columns.tolist() == [0, 1, 2, 3, 4]
    loss = ranking_loss(logits, candidates, "softmax")
    assert torch.allclose(loss, cross_entropy(logits, targets, reduction="none"))


def test_in_batch_takes_the_log_popularity_off() -> None:
    targets = torch.tensor([0, 1, 0])
    logits = torch.randn(3, 3, dtype=torch.float64)
    loss = ranking_loss(logits, in_batch(targets, POPULARITY, True), "softmax")
    chance = torch.log(POPULARITY / POPULARITY.sum()).double()
    for user in range(3):
        scores = torch.stack([logits[user, c] - chance[targets[c]] for c in range(3)])
        expected = -torch.log_softmax(scores, 0)[user]
        assert loss[user].item() == pytest.approx(expected.item(), rel=1e-5)


def test_without_correction_the_scores_stay() -> None:
    targets = torch.tensor([0, 1])
    logits = torch.randn(2, 2)
    loss = ranking_loss(logits, in_batch(targets, POPULARITY, False), "softmax")
    assert torch.allclose(loss, cross_entropy(logits, torch.tensor([0, 1]), reduction="none"))


@pytest.mark.parametrize("power", [0.0, 0.75, 1.0])
def test_sampled_negatives_follow_the_power_of_popularity(power: float) -> None:
    settings = config(negatives="sampled", sampled=40_000, sampling_power=power)
    candidates = choose(torch.tensor([3]), POPULARITY, settings, 0)
    drawn = torch.bincount(candidates.columns[1:], minlength=5) / 40_000
    expected = POPULARITY**power / (POPULARITY**power).sum()
    assert torch.allclose(drawn, expected, atol=0.01)
    assert candidates.log_chance is not None
    assert torch.allclose(candidates.log_chance.exp(), 40_000 * expected[candidates.columns])


@pytest.mark.parametrize("negatives", ["sampled", "in_batch", "mixed"])
def test_with_the_correction_scores_become_log_probabilities(negatives: str) -> None:
    truth = torch.tensor([0.1, 0.15, 0.3, 0.45])
    popularity = 1000 * truth
    settings = config(negatives=negatives, sampled=4, sampling_power=1.0)
    learnt = {}
    for correction in (True, False):
        torch.manual_seed(0)
        scores = torch.zeros(4, requires_grad=True)
        optimizer = torch.optim.Adam([scores], lr=0.03)
        chosen = settings.model_copy(update={"correction": correction})
        for step in range(300):
            targets = torch.multinomial(truth, 64, replacement=True)
            candidates = choose(targets, popularity, chosen, step)
            logits = scores[candidates.columns].expand(64, -1)
            optimizer.zero_grad()
            ranking_loss(logits, candidates, "softmax").mean().backward()
            optimizer.step()
        learnt[correction] = torch.softmax(scores.detach(), 0)
    assert torch.allclose(learnt[True], truth, atol=0.06)
    assert not torch.allclose(learnt[False], truth, atol=0.06)


def test_own_items_of_others_count_only_where_the_batch_does() -> None:
    targets = torch.tensor([0, 1])
    sampled = choose(targets, POPULARITY, config(negatives="sampled", sampled=3), 0)
    mixed = choose(targets, POPULARITY, config(negatives="mixed", sampled=3), 0)
    assert sampled.hidden is not None
    assert sampled.hidden[:, :2].tolist() == [[False, True], [True, False]]
    assert not sampled.hidden[:, 2:].any()
    assert mixed.hidden is None
    assert len(mixed.columns) == 5


def test_mixed_expects_what_both_bring() -> None:
    targets = torch.tensor([0, 1])
    mixed = choose(targets, POPULARITY, config(negatives="mixed", sampled=10), 0)
    expected = 10 / 5 + 2 * POPULARITY / POPULARITY.sum()
    assert mixed.log_chance is not None
    assert torch.allclose(mixed.log_chance.exp(), expected[mixed.columns])


def test_bpr_is_the_mean_over_pairs() -> None:
    targets = torch.tensor([0, 1, 0])
    logits = torch.randn(3, 3)
    loss = ranking_loss(logits, in_batch(targets, POPULARITY, True), "bpr")
    assert loss[0].item() == pytest.approx(softplus(logits[0, 1:] - logits[0, 0]).mean().item())
    both = softplus(logits[1, [0, 2]] - logits[1, 1]).mean()
    assert loss[1].item() == pytest.approx(both.item(), rel=1e-5)


def test_bpr_over_all_items_leaves_the_own_out() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0, 0.0, 0.0]])
    loss = ranking_loss(logits, choose(torch.tensor([0]), POPULARITY, config(), 0), "bpr")
    assert loss.item() == pytest.approx(softplus(torch.tensor(-2.0)).item())


def test_rating_loss_is_the_squared_error() -> None:
    assert rating_loss(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 5.0])).tolist() == [1, 4]
