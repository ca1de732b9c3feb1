"""A step: what it asks of the device, and what it does where a loss is not finite."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import ft
from ft.engine.batch.batches import to_device

CORE = str(Path(ft.__file__).parent)
NOT_ASKING = (str(Path(torch.__file__).parent), __file__)


class Waits(TorchDispatchMode):
    """Notes where the core asks for a tensor's value, for which a GPU must have got there.

    What transformers asks is not ours, and `lean` works on processors only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.askers: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            stack = traceback.extract_stack()
            asker = [one for one in stack if not one.filename.startswith(NOT_ASKING)][-1]
            if asker.filename.startswith(CORE) and not asker.filename.endswith("dropout.py"):
                self.askers.append(asker.name)
        return func(*args, **(kwargs or {}))


class Watcher(ft.Plugin):
    """Watches the steps between two lines of the log."""

    seen: dict[int, list[str]]

    @ft.hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        if run.step == 0:
            type(self).seen, self._waits = {}, Waits()
            self._waits.__enter__()
        self.seen[run.step], self._waits.askers = self._waits.askers, []
        if run.step == 8:
            self._waits.__exit__(None, None, None)
        return inner(run, model, batch)


@pytest.mark.parametrize("task", ["words", "texts"])
def test_a_step_waits_for_nothing_but_the_step_before(
    go: Any, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "step_watcher", sys.modules[__name__])
    go([task, "step_watcher:Watcher"], max_steps=9, **{task: {"train": 160}})
    asked = [name for step in range(2, 9) for name in Watcher.seen[step]]
    # By the time that a step's loss and norm are looked at, the next step is under way.
    assert set(asked) == {"fault"}
    assert len(asked) == 2 * 7


@pytest.mark.parametrize("when", [0, 4, 9, 19])
def test_a_loss_that_is_not_finite_is_told_with_its_step_and_leaves_the_weights(
    go: Any, tmp_path: Path, when: int
) -> None:
    (tmp_path / "bad.py").write_text(
        f"""
import ft
import torch

class Bad(ft.Plugin):
    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        loss = inner(run, model, batch)
        if run.step < {when}:
            return loss
        torch.save(model.state_dict(), run.output / f"before_{{run.step}}.pt")
        return loss.plus(loss.total * float("nan"), "bad")
"""
    )
    with pytest.raises(ft.TrainingError, match=rf"loss is nan in step {when + 1} \(epoch") as told:
        go(["words", str(tmp_path / "bad.py")], epochs=5, output=tmp_path / "run")
    assert "train" in str(told.value)
    states = sorted((tmp_path / "run").glob("before_*.pt"))
    first, *others = [torch.load(path) for path in states]
    for other in others:
        assert all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("items", [0.0, -1.0, float("nan")])
def test_a_batch_without_items_leaves_weights_and_moments(items: float) -> None:
    from ft.contract.settings import RunConfig
    from ft.engine.optim.optim import Optimizer

    model = torch.nn.Linear(3, 2)
    optimizer = Optimizer(model, RunConfig())
    before = [p.detach().clone() for p in model.parameters()]
    model(torch.ones(1, 3)).sum().backward()
    norm = optimizer.step(torch.tensor(items), 1.0)
    assert norm is not None
    assert float(norm) == 0
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(float(v) == 0 for k, v in optimizer.tensors(model).items() if k.startswith("step"))


def test_a_batch_goes_to_the_device_as_it_is() -> None:
    batch = {"input_ids": torch.arange(6).view(2, 3)}
    moved = to_device(batch, torch.device("cpu"))
    assert moved["input_ids"] is batch["input_ids"]
