"""`state_tensors` and `evaluation_weights`: weights beside those that are trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from ft import Config, Plugin, PluginError, Problems, hookimpl

HERE = Path(__file__)


class Ema(Plugin):
    """An exponential moving average of the weights, evaluated and saved (Polyak & Juditsky 1992)."""

    name = "ema"

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        self.mean = {n: p.detach().clone() for n, p in run.model.named_parameters()}

    @hookimpl
    def on_step(self, run: Any) -> None:
        for name, parameter in run.model.named_parameters():
            self.mean[name].lerp_(parameter.detach(), 0.2)

    def evaluation_weights(self, run: Any) -> Mapping[str, torch.Tensor]:
        return self.mean

    def state_tensors(self) -> Mapping[str, torch.Tensor]:
        return self.mean

    def load_state_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self.mean = dict(tensors)


class OddConfig(Config):
    """What is odd."""

    what: str = "name"


class Odd(Plugin):
    """Gives weights that fit no model, or tensors that are none."""

    name = "odd"
    Config = OddConfig

    def evaluation_weights(self, run: Any) -> Any:
        name, parameter = next(iter(run.model.named_parameters()))
        return {"name": {"w": parameter}, "shape": {name: parameter[:1]}}.get(self.config.what, [])

    def state_tensors(self) -> Any:
        return {"x": [1.0]} if self.config.what == "tensors" else {}


class Shared(Plugin):
    """Keeps two tensors that share memory, one of them in half precision's bits."""

    name = "shared"
    got: Any = None

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        whole = torch.arange(6.0)
        self.kept = {"whole": whole, "part": whole[2:4], "half": whole.bfloat16(), "no": whole > 2}

    @hookimpl
    def on_epoch_end(self, run: Any) -> None:
        self.kept["whole"].add_(1)
        run.log(self, "sum", sum(float(one.float().sum()) for one in self.kept.values()))

    def state_tensors(self) -> Any:
        return self.kept

    def load_state_tensors(self, tensors: Any) -> None:
        assert tensors["half"].dtype == torch.bfloat16
        self.kept = dict(tensors)
        self.kept["part"] = self.kept["whole"][2:4]


def spec(name: str) -> str:
    return f"{HERE}:{name}"


def test_an_average_is_evaluated_saved_and_resumed(resumed: Any, comparing: Any) -> None:
    whole, _ = resumed(["words", spec("Ema")], step=8, evaluate_steps=2, learning_rate=0.01)
    last = max((whole / "checkpoints").glob("step-*"))
    trained = comparing.tensors(last / "model.safetensors")
    mean = {
        name.removeprefix("ema/"): value
        for name, value in comparing.tensors(last / "plugins.safetensors").items()
    }
    assert mean.keys() <= trained.keys()
    assert any(not torch.equal(mean[name], trained[name]) for name in mean)


@pytest.mark.parametrize("validation", [12, 0])
def test_what_is_saved_is_what_was_evaluated(go: Any, comparing: Any, validation: int) -> None:
    """With a validation split and without; the checkpoint goes on with the trained weights."""
    run = go(["words", spec("Ema")], words={"validation": validation}, learning_rate=0.01)
    last = max((run.output / "checkpoints").glob("step-*"))
    saved = comparing.tensors(run.output / "model" / "model.safetensors")
    mean = comparing.tensors(last / "plugins.safetensors")
    trained = comparing.tensors(last / "model.safetensors")
    for name in saved:
        assert torch.equal(saved[name], mean[f"ema/{name}"]), name
    assert any(not torch.equal(saved[name], trained[name]) for name in saved)


def test_the_trained_weights_go_on_as_without_an_average(go: Any, comparing: Any) -> None:
    runs = [go(["words", *extra], epochs=2).output for extra in ([], [spec("Ema")])]
    one, other = (max((run / "checkpoints").glob("step-*")) for run in runs)
    assert comparing.different_tensors(one / "model.safetensors", other / "model.safetensors") == []
    assert (
        comparing.different_tensors(one / "optimizer.safetensors", other / "optimizer.safetensors")
        == []
    )


def test_tensors_that_share_memory_are_kept(resumed: Any) -> None:
    resumed(["words", spec("Shared")], step=8)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("name", "'w', which is no parameter or buffer"),
        ("shape", "in another shape"),
        ("list", "a list"),
        ("tensors", "something else than dense tensors"),
    ],
)
def test_what_fits_no_model_is_refused(go: Any, what: str, said: str) -> None:
    with pytest.raises(PluginError, match=said) as caught:
        go(["words", spec("Odd")], odd={"what": what})
    assert "'odd'" in str(caught.value.who)
    assert caught.value.hint


def test_two_are_refused(go: Any) -> None:
    with pytest.raises((PluginError, Problems), match="each have the method evaluation_weights"):
        go(["words", spec("Ema"), spec("Odd")])
