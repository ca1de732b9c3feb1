"""Weights that are kept in bf16 too in whole runs: what they learn, and what plugins do to weights and gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ft

RATE = 5e-5
"""About how far a weight goes in a step."""


class Told(ft.Plugin):
    """Writes down what the layers of the model are."""

    name = "told"

    @ft.hookimpl
    def on_run_end(self, run: Any) -> None:
        """Write."""
        kinds = {type(one).__name__ for one in run.model.modules() if isinstance(one, nn.Linear)}
        (run.output / "kinds").write_text(" ".join(sorted(kinds)))


class Looks(Told):
    """Looks at gradients."""

    name = "looks"

    @ft.hookimpl
    def on_gradients(self, run: Any) -> None:
        """Nothing."""


class Writes(Told):
    """Writes weights in ways that torch does not count, whenever it is told of something."""

    name = "writes"

    def _write(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embeddings" not in name:
                parameter.data.numpy()[:] *= 0.9

    @ft.hookimpl
    def on_step(self, run: Any) -> None:
        """Write."""
        self._write(run.model)

    on_epoch_start = on_log = on_epoch_end = on_step


class Around(Told):
    """May write weights, or look at gradients, in the midst of a step."""

    name = "around"

    @ft.hookimpl
    def compute_loss(
        self, inner: Callable[..., ft.Loss], run: Any, model: Any, batch: Mapping[str, Any]
    ) -> ft.Loss:
        """As it was."""
        return inner(run, model, batch)


@pytest.mark.parametrize(
    ("plugin", "kind"),
    [
        *[("Told", "CastLinear"), ("Writes", "CastLinear")],
        *[("Looks", "Linear"), ("Around", "Linear")],
    ],
)
def test_where_a_plugin_may_look_at_gradients_weights_are_cast_in_every_pass(
    go: Callable[..., Any], plugin: str, kind: str
) -> None:
    result = go(["words", f"{__file__}:{plugin}"], precision="bf16", max_steps=2)
    assert (result.output / "kinds").read_text() == kind


@pytest.mark.parametrize("only", [None, "on_epoch_start", "on_step", "on_log", "on_epoch_end"])
def test_weights_that_a_plugin_writes_unseen_are_cast_anew(
    go: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, only: str | None
) -> None:
    def weights() -> dict[str, Tensor]:
        writes = ["words", f"{__file__}:Writes"]
        made = go(writes, precision="bf16", epochs=3, batch_size=8, clip=None, learning_rate=RATE)
        found: dict[str, Tensor] = ft.load(made.output).model.state_dict()
        return found

    for hook in ("on_epoch_start", "on_step", "on_log", "on_epoch_end"):
        if only not in (None, hook):
            monkeypatch.delattr(Writes, hook)
    monkeypatch.setattr("ft.builtin.processor.linear.ATTENDING", ())
    ours = weights()
    monkeypatch.setattr("ft.builtin.processor.plugin.keep_cast", lambda model: None)
    theirs = weights()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_a_run_learns_what_it_does_without(
    go: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights() -> dict[str, Tensor]:
        made = go(["words"], precision="bf16", max_steps=6, clip=None, learning_rate=RATE)
        found: dict[str, Tensor] = ft.load(made.output).model.state_dict()
        return found

    joint = weights()
    monkeypatch.setattr("ft.builtin.processor.linear.ATTENDING", ())
    ours = weights()
    monkeypatch.setattr("ft.builtin.processor.plugin.keep_cast", lambda model: None)
    theirs = weights()
    assert ours.keys() == theirs.keys() == joint.keys()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    # Query, key and value in one product add up in another order. The gradient of a key's bias is nothing but such errors.
    for name, value in theirs.items():
        if not name.endswith("key.bias"):
            assert float((joint[name] - value).abs().mean()) < 0.01 * RATE
    assert any(not torch.equal(joint[name], value) for name, value in theirs.items())
