"""Passes of prediction next to each other give what they give one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

import ft
from ft.engine.batch.lanes import LANES, side_by_side
from ft_kit.tasks import VOCABULARY

MANY = MappingProxyType({"train": 64, "longest": 12})
TEXTS = [
    " ".join(VOCABULARY[(3 * k + i) % len(VOCABULARY)] for i in range(1 + k % 60))
    for k in range(400)
]


@pytest.fixture
def cores() -> Iterator[Callable[[int], None]]:
    """Sets the number of cores that torch uses; as before at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The threads that passes of a bare encoder run in."""
    from transformers import BertModel

    found: set[int] = set()
    forward = BertModel.forward

    def watched(*given: Any, **named: Any) -> Any:
        found.add(threading.get_ident())
        return forward(*given, **named)

    monkeypatch.setattr(BertModel, "forward", watched)
    return found


def test_a_loaded_model_answers_the_same_on_several_cores(
    go: Callable[..., Any], cores: Callable[[int], None], threads: set[int]
) -> None:
    trained = ft.load(go(["words"], words=MANY, max_steps=2).output)
    cores(1)
    alone = trained.predict(TEXTS)
    assert threads == {threading.get_ident()}
    threads.clear()
    cores(3)
    together = trained.predict(TEXTS)
    assert len(threads) > 1
    assert threading.get_ident() not in threads
    assert torch.get_num_threads() == 3
    for one, other in zip(alone, together, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            if name == "probabilities":
                np.testing.assert_allclose(value, other[name], rtol=0, atol=1e-4)
            else:
                assert value == other[name]


def test_scores_on_several_cores_are_the_same(
    go: Callable[..., Any], cores: Callable[[int], None], threads: set[int]
) -> None:
    run = go(["words"], words={**MANY, "test": 600}, max_steps=2)
    cores(1)
    alone = ft.evaluate(run.output, split="test")
    threads.clear()
    cores(2)
    together = ft.evaluate(run.output, split="test")
    assert len(threads) > 1
    for name, metric in alone.metrics["test"].items():
        assert together.metrics["test"][name].value == pytest.approx(metric.value, abs=1e-4)


class Counts(torch.nn.Dropout):
    """A module of somebody's own, which may remember what it was called with."""


def test_a_module_that_is_not_known_sees_one_pass_at_a_time(
    go: Callable[..., Any], cores: Callable[[int], None], threads: set[int]
) -> None:
    trained = ft.load(go(["words"], words=MANY, max_steps=2).output)
    cores(2)
    trained.model.register_module("own", Counts())
    trained.predict(TEXTS)
    assert threads == {threading.get_ident()}


class Plain(torch.nn.Dropout):
    """A module of somebody's own, which says that it remembers nothing."""

    side_by_side = True


def test_a_module_that_says_that_it_remembers_nothing_takes_several_passes_at_a_time(
    go: Callable[..., Any], cores: Callable[[int], None], threads: set[int]
) -> None:
    trained = ft.load(go(["words"], words=MANY, max_steps=2).output)
    cores(2)
    trained.model.register_module("own", Plain())
    trained.predict(TEXTS)
    assert len(threads) > 1


def test_one_who_looks_on_sees_one_pass_at_a_time(
    go: Callable[..., Any], cores: Callable[[int], None], threads: set[int]
) -> None:
    trained = ft.load(go(["words"], words=MANY, max_steps=2).output)
    cores(2)
    trained.model.register_forward_hook(lambda *_: None)
    trained.predict(TEXTS)
    assert threads == {threading.get_ident()}


def test_a_training_run_makes_one_pass_at_a_time(
    go: Callable[..., Any], cores: Callable[[int], None], threads: set[int]
) -> None:
    cores(2)
    go(["words"], words={**MANY, "validation": 600}, max_steps=2)
    assert threads == {threading.get_ident()}


class Work:
    """Gives each item back after a while, or stumbles over one.

    Attributes:
        begun: the items that it was given.
    """

    def __init__(self, stumbles: int | None = None) -> None:
        self.stumbles = stumbles
        self.begun: list[int] = []

    def __call__(self, item: int) -> int:
        self.begun.append(item)
        time.sleep(0.005)
        if item == self.stumbles:
            raise ValueError("stumbled")
        return item


def test_an_error_in_a_pass_reaches_the_caller(cores: Callable[[int], None]) -> None:
    cores(2)
    work = Work(stumbles=3)
    with pytest.raises(ValueError, match="stumbled"):
        list(side_by_side(work, range(1000), LANES))
    assert len(work.begun) < 1000
    assert torch.get_num_threads() == 2


def test_other_threads_have_all_cores(cores: Callable[[int], None]) -> None:
    cores(2)
    found: dict[str, set[int]] = {"own": set(), "other": set()}

    def look() -> None:
        found["other"].add(torch.get_num_threads())

    def work(_: int) -> None:
        found["own"].add(torch.get_num_threads())
        other = threading.Thread(target=look)
        other.start()
        other.join()

    list(side_by_side(work, range(20), 2))
    assert found == {"own": {1}, "other": {2}}


def test_what_is_not_asked_for_is_not_begun(cores: Callable[[int], None]) -> None:
    cores(2)
    work = Work()
    made = side_by_side(work, range(1000), 2)
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    made.close()  # type: ignore[attr-defined]
    assert len(work.begun) < 100
