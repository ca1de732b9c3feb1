"""The events of training: `on_epoch_start`, `on_gradients` and `on_step`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ft import Plugin, PluginError, hookimpl

HERE = Path(__file__)


class Diary(Plugin):
    """Writes down what it is told, and the state in which it is told it."""

    name = "diary"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.told: list[list[Any]] = []

    @hookimpl
    def on_epoch_start(self, run: Any, epoch: int) -> None:
        self.told.append(["epoch", epoch, run.epoch, run.step, run.model.training])

    @hookimpl
    def on_gradients(self, run: Any, model: Any) -> None:
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.stack([g.to_dense().float().norm() for g in gradients]).norm()
        self.told.append(["gradients", run.step, float(norm)])

    @hookimpl
    def on_step(self, run: Any, step: int) -> None:
        bare = all(p.grad is None for p in run.model.parameters())
        self.told.append(["step", step, run.step, bare])

    @hookimpl
    def on_run_end(self, run: Any) -> None:
        if run.ranks.main:
            (run.output / "diary.json").write_text(json.dumps(self.told))

    def state_dict(self) -> dict[str, Any]:
        return {"told": self.told}

    def load_state_dict(self, state: Any) -> None:
        self.told = list(state.get("told", []))


class Unfreeze(Plugin):
    """Gradual unfreezing (Howard & Ruder 2018)."""

    name = "unfreeze"

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        run.model.base_model.requires_grad_(False)

    @hookimpl
    def on_epoch_start(self, run: Any, epoch: int) -> None:
        if epoch > 1:
            run.model.base_model.encoder.layer[-1].requires_grad_(True)


class TooLate(Plugin):
    """Unfreezes what the optimizer was built without."""

    name = "toolate"

    @hookimpl
    def build_head(self, inner: Callable[..., Any], run: Any, data: Any) -> Any:
        model = inner(run, data)
        model.base_model.requires_grad_(False)
        return model

    @hookimpl
    def on_epoch_start(self, run: Any) -> None:
        run.model.requires_grad_(True)


class Halve(Plugin):
    """Halves every gradient in place."""

    name = "halve"

    @hookimpl
    def on_gradients(self, model: Any) -> None:
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(0.5)


def diary(run: Path) -> list[list[Any]]:
    told: list[list[Any]] = json.loads((run / "diary.json").read_text())
    return told


def test_events_come_in_order_and_are_told_once_over_a_resume(resumed: Any) -> None:
    whole, stopped = resumed(["words", f"{HERE}:Diary"], step=8)
    told = diary(whole)
    assert told == diary(stopped)
    steps = json.loads((whole / "record.json").read_text())["steps"]
    assert [one for one in told if one[0] == "epoch"] == [
        ["epoch", 1, 1, 0, True],
        ["epoch", 2, 2, steps // 2, True],
    ]
    kinds = [one[0] for one in told]
    assert kinds == (["epoch"] + ["gradients", "step"] * (steps // 2)) * 2
    assert [one[1:] for one in told if one[0] == "step"] == [
        [step, step, True] for step in range(1, steps + 1)
    ]


def test_gradients_are_normalised_whatever_the_cut(go: Any, still: Path) -> None:
    """The norm is that of the mean loss an item, whatever the passes of the batch."""
    norms = []
    for tokens in (8192, 30):
        run = go(
            ["words", f"{HERE}:Diary"], max_tokens=tokens, max_steps=1, model=str(still)
        ).output
        norms += [told[2] for told in diary(run) if told[0] == "gradients"]
    assert len(norms) == 2
    assert 0 < norms[0] < 5
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_a_listener_may_change_gradients(go: Any, comparing: Any) -> None:
    """Half the gradient, clipped to half the norm, is half of what is clipped to the whole."""
    seen = {}
    for name, extra in (("plain", []), ("halved", [f"{HERE}:Halve"])):
        run = go(["words", *extra, f"{HERE}:Diary"], max_steps=1, clip=None)
        seen[name] = next(told[2] for told in diary(run.output) if told[0] == "gradients")
    assert seen["halved"] == pytest.approx(seen["plain"] / 2, rel=1e-5)


def test_layers_are_unfrozen_by_epoch_and_stay_so_over_a_resume(
    resumed: Any, tiny_model: Path, comparing: Any
) -> None:
    whole, _ = resumed(["words", f"{HERE}:Unfreeze"], step=8)
    last = max((whole / "checkpoints").glob("step-*"))
    before, saved = (
        comparing.tensors(folder / "model.safetensors") for folder in (tiny_model, last)
    )
    after = {name.removeprefix("bert."): value for name, value in saved.items()}
    moved = [n for n in before if n in after and not torch.equal(before[n], after[n])]
    assert moved
    assert {name.partition("encoder.layer.")[2][:1] for name in moved} == {"1"}


def test_what_the_optimizer_lacks_is_not_unfrozen_in_silence(go: Any) -> None:
    with pytest.raises(PluginError, match="unfrozen that the optimizer does not have") as caught:
        go(["words", f"{HERE}:TooLate"])
    assert "on_run_start" in str(caught.value.hint)


def test_every_process_is_told_the_same(
    together: Any, go: Any, still: Path, tmp_path: Path
) -> None:
    alone = diary(go(["words", f"{HERE}:Diary"], max_steps=3, model=str(still)).output)
    arguments = ["run", "--plugins", f"{HERE.parents[1] / 'tasks.py'}:WordsTask,{HERE}:Diary"]
    settings = "epochs=1 batch_size=8 learning_rate=1e-3 precision=fp32 device=cpu report=false"
    for one in (*settings.split(), "max_steps=3", f"model={still}"):
        arguments += ["-o", f"run.{one}"]
    together.run([*arguments, "--output", tmp_path / "two"])
    both = diary(tmp_path / "two")
    assert [one[:2] for one in both] == [one[:2] for one in alone]
    norms = [[one[2] for one in told if one[0] == "gradients"] for told in (alone, both)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)


def test_nothing_is_called_where_nobody_listens(go: Any) -> None:
    rows = {row["hook"] for row in go(["words"]).record["costs"]}
    assert not rows & {"on_epoch_start", "on_gradients", "on_step"}
