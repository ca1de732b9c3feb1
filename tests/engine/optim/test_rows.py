"""The rows of an embedding table that training has used."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from ft.builtin.processor.lean import LARGE
from ft.contract.settings import RunConfig
from ft.engine.optim.optim import Optimizer

ENTRIES, SIZE = 4_000, 300
CONFIG = RunConfig(learning_rate=0.01, weight_decay=0.1)


class Bag(nn.Module):
    """A table of embeddings and a layer behind it."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(ENTRIES, SIZE, sparse=sparse)
        self.layer = nn.Linear(SIZE, 1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The sum over the layer's outputs."""
        total: torch.Tensor = self.layer(self.table(ids).tanh()).square().sum()
        return total


def bag(sparse: bool) -> Bag:
    torch.manual_seed(0)
    return Bag(sparse)


def train(model: Bag, optimizer: Optimizer, steps: range) -> None:
    """A few steps over ids that are others in each, ever more of them."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        ids = torch.randint(0, 200 * (step + 1), (40,), generator=generator)
        model(ids).backward()
        optimizer.step(torch.tensor(40.0), 1.0)
        optimizer.zero()


def assert_same(one: nn.Module, other: nn.Module) -> None:
    for (name, mine), theirs in zip(one.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, msg=name)


def test_the_table_is_large_enough_for_a_run_to_do_this() -> None:
    assert ENTRIES * SIZE >= LARGE


def test_rows_give_what_the_whole_table_gives() -> None:
    dense, lean = bag(False), bag(True)
    train(dense, Optimizer(dense, CONFIG), range(12))
    train(lean, Optimizer(lean, CONFIG), range(12))
    for mine, theirs in zip(lean.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_words_that_training_does_not_show_stay_where_they_are() -> None:
    model = bag(True)
    before = model.table.weight.detach().clone()
    train(model, Optimizer(model, CONFIG), range(4))
    assert torch.equal(model.table.weight[800:], before[800:])
    assert not torch.equal(model.table.weight[:800], before[:800])


def test_only_rows_in_use_are_saved() -> None:
    model = bag(True)
    optimizer = Optimizer(model, CONFIG)
    train(model, optimizer, range(4))
    saved = optimizer.tensors(model)
    assert 40 < len(saved["rows/table.weight"]) <= 160
    assert saved["exp_avg/table.weight"].shape[0] < ENTRIES // 4


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_training_goes_on_from_saved_moments(before: bool, after: bool) -> None:
    straight = bag(before)
    own = Optimizer(straight, CONFIG)
    train(straight, own, range(6))
    resumed = bag(after)
    resumed.load_state_dict(straight.state_dict())
    optimizer = Optimizer(resumed, CONFIG)
    optimizer.load(resumed, {key: value.clone() for key, value in own.tensors(straight).items()})
    train(straight, own, range(6, 12))
    train(resumed, optimizer, range(6, 12))
    if before == after:
        assert_same(straight, resumed)
    for mine, theirs in zip(resumed.parameters(), straight.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def _cut(state: dict[str, torch.Tensor]) -> None:
    state["exp_avg/table.weight"] = state["exp_avg/table.weight"][:5]


def _outside(state: dict[str, torch.Tensor]) -> None:
    state["rows/table.weight"] = state["rows/table.weight"] + ENTRIES


def _twice(state: dict[str, torch.Tensor]) -> None:
    state["rows/table.weight"] = torch.zeros_like(state["rows/table.weight"])


def _without(state: dict[str, torch.Tensor]) -> None:
    del state["exp_avg_sq/table.weight"]


@pytest.mark.parametrize("harm", [_cut, _outside, _twice, _without])
@pytest.mark.parametrize("sparse", [True, False])
def test_rows_that_do_not_fit_are_refused(
    harm: Callable[[dict[str, torch.Tensor]], None], sparse: bool
) -> None:
    model = bag(True)
    optimizer = Optimizer(model, CONFIG)
    train(model, optimizer, range(3))
    state = copy.deepcopy(optimizer.tensors(model))
    harm(state)
    other = bag(sparse)
    with pytest.raises(ValueError, match=r"table\.weight"):
        Optimizer(other, CONFIG).load(other, state)
