"""`build_optimizer` and `learning_rate`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ft
from ft import Config, Plugin, PluginError, Problems, UserError, hookimpl
from ft.builtin import builtin
from ft.engine.explain import explain
from ft.engine.optim.custom import pack, unpack

HERE = Path(__file__)


class LionOptimizer(torch.optim.Optimizer):
    """Lion (Chen et al. 2023), with state of several kinds."""

    def __init__(self, groups: Any) -> None:
        super().__init__(groups, {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            one, two = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                mean = state.setdefault("mean", torch.zeros_like(p))
                state["seen"] = [*state.get("seen", []), 1][-3:]
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * torch.sign(one * mean + (1 - one) * p.grad))
                mean.mul_(two).add_(p.grad, alpha=1 - two)


class Lion(Plugin):
    """Lion with a schedule of its own."""

    name = "lion"

    @hookimpl
    def build_optimizer(self, groups: Any) -> Any:
        return LionOptimizer(groups)

    def learning_rate(self, run: Any, progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * progress))


class KindConfig(Config):
    """Which optimizer."""

    kind: str = "SGD"


class Torch(Plugin):
    """One of torch's own optimizers."""

    name = "torch"
    Config = KindConfig

    @hookimpl
    def build_optimizer(self, groups: Any) -> Any:
        if self.config.kind == "none":
            return "none"
        if self.config.kind == "lacking":
            return torch.optim.SGD(groups[:-1], lr=0.1)
        if self.config.kind == "LBFGS":
            return torch.optim.LBFGS([pair for group in groups for pair in group["params"]])
        options = {"momentum": 0.9} if self.config.kind == "SGD" else {}
        return getattr(torch.optim, self.config.kind)(groups, lr=0.01, **options)


class Slow(Plugin):
    """Halves every rate."""

    name = "slow"

    @hookimpl
    def build_optimizer(self, inner: Callable[..., Any], run: Any, groups: Any) -> Any:
        return inner(run, [{**group, "lr": group["lr"] / 2} for group in groups])


class Other(Plugin):
    """Another schedule, and not a good one."""

    name = "other"

    def learning_rate(self, run: Any, progress: float) -> float:
        return 1.0 if progress < 0.5 else float("nan")


def spec(name: str) -> str:
    return f"{HERE}:{name}"


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("plugins", "settings"),
    [
        ([spec("Lion")], {}),
        ([spec("Torch")], {"torch": {"kind": "SGD"}}),
        ([spec("Torch")], {"torch": {"kind": "Adafactor"}}),
        ([spec("Slow")], {}),
    ],
    ids=["lion", "sgd", "adafactor", "wrapped"],
)
def test_the_whole_state_survives_a_resume(resumed: Any, plugins: Any, settings: Any) -> None:
    resumed(["words", *plugins], step=8, **settings)


def test_a_schedule_takes_the_place_of_the_runs(go: Any) -> None:
    run = go(["words", spec("Lion")], epochs=4, learning_rate=1e-4, schedule="constant")
    lines = [line for line in log(run.output) if "learning_rate" in line]
    assert [line["step"] for line in lines] == [10, 20, 24]
    for line in lines:
        expected = 0.5 * (1 + math.cos(math.pi * (line["step"] - 1) / 24))
        assert line["learning_rate"] == pytest.approx(1e-4 * expected)
    assert any("the plugin 'lion' has the schedule" in note for note in run.record["notes"])
    calls = {(row["plugin"], row["hook"]): row["calls"] for row in run.record["costs"]}
    assert calls["lion", "learning_rate"] == 24
    assert calls["lion", "build_optimizer"] == 1


def test_explain_says_whose_they_are(tiny_model: Path) -> None:
    words = f"{HERE.parents[1] / 'tasks.py'}:WordsTask"
    resolved = ft.resolve(
        [words, spec("Lion"), spec("Slow")], values={"run.model": str(tiny_model)}
    )
    told = explain(resolved, builtin())
    assert told["chains"]["build_optimizer"] == "slow( lion )"
    assert told["methods"] == {"learning_rate": "lion"}


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("none", "returned str, not a torch optimizer"),
        ("LBFGS", "needs a closure"),
        ("lacking", "it lacks"),
    ],
)
def test_what_is_no_optimizer_of_everything_is_refused(go: Any, kind: str, what: str) -> None:
    with pytest.raises(PluginError, match=what) as caught:
        go(["words", spec("Torch")], torch={"kind": kind})
    assert "'torch'" in str(caught.value.who)
    assert caught.value.hint


def test_two_schedules_are_refused_before_any_data_is_read(go: Any) -> None:
    with pytest.raises((PluginError, Problems), match="each have the method learning_rate"):
        go(["words", spec("Lion"), spec("Other")])


def test_a_factor_that_is_no_number_is_refused(go: Any) -> None:
    with pytest.raises(PluginError, match=r"learning_rate returned nan at 50\.0%") as caught:
        go(["words", spec("Other")])
    assert "'other'" in str(caught.value.who)


def test_plain_sgd_is_the_formula(go: Any, still: Path, comparing: Any) -> None:
    """One step of SGD moves the head by the clipped mean gradient; the same in smaller passes."""
    settings = {
        "max_steps": 1,
        "model": str(still),
        "torch": {"kind": "SGD"},
        "schedule": "constant",
    }
    heads = []
    for tokens in (8192, 30):
        run = go(["words", spec("Torch")], max_tokens=tokens, clip=None, **settings)
        last = max((run.output / "checkpoints").glob("step-*"))
        heads.append(comparing.tensors(last / "model.safetensors")["classifier.weight"])
    torch.testing.assert_close(heads[0], heads[1], rtol=1e-5, atol=1e-7)


def test_another_optimizer_is_not_taken_up(go: Any, tmp_path: Path) -> None:
    """A checkpoint of one optimizer is refused by another, with what to do."""
    armed = tmp_path / "armed"
    armed.touch()
    stumble = {"armed": str(armed), "how": "int", "step": 8}
    output = tmp_path / "run"
    with pytest.raises(ft.contract.errors.Interrupted):
        go(["words", spec("Torch"), "stumble"], output, epochs=2, stumble=stumble)
    text = (output / "config.toml").read_text()
    (output / "config.toml").write_text(text.replace('"SGD"', '"Adagrad"'))
    with pytest.raises((ft.TrainingError, UserError)):
        ft.run(resume=output, allow_changed=True)


def test_state_of_every_kind_comes_back() -> None:
    tensors: dict[str, torch.Tensor] = {}
    value = {"a": [1, 2.5, None, True, "x"], 3: (torch.arange(3), {"b": ()}), "c": torch.ones(())}
    back = unpack(json.loads(json.dumps(pack(value, tensors, "p"))), tensors)
    assert back["a"] == value["a"]
    assert isinstance(back[3], tuple)
    assert torch.equal(back[3][0], torch.arange(3))
    assert back[3][1] == {"b": ()}
    assert torch.equal(back["c"], torch.ones(()))
    with pytest.raises(TypeError, match="p/f is a function"):
        pack({"f": lambda: 0}, tensors, "p")
