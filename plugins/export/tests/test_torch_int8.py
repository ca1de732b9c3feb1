"""Torch models with linear layers of 8 bits: which layers, how near their answers are, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers.activations import GELUActivation

import ft
from ft_export.form.calibrate import observe
from ft_export.form.torch_int8 import (
    Inputs,
    Int8Linear,
    Plan,
    in_int8,
    load_int8,
    make_int8,
    write_plan,
)
from ft_export.parity import count_changed

CPU = torch.device("cpu")
NEAR = 0.03
"""Of the size of outputs: two layers, in each of which inputs and weights are rounded by a hundredth of theirs."""


class Block(nn.Module):
    """Two layers with a GELU between; ``look`` is another use of what the GELU, or the first layer, gives."""

    def __init__(self, gelu: nn.Module, bias: bool = True, look: str = "") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.gelu = nn.Linear(24, 40, bias=bias), gelu
        self.second, self.third = nn.Linear(40, 16, bias=bias), nn.Linear(40, 16, bias=bias)
        self.look = look
        if look == "named twice":
            self.same = gelu

    def forward(self, values: Tensor) -> Any:
        states = self.first(values)
        if self.look == "in place":
            states += values.sum(-1, keepdim=True)
        between = self.gelu(states)
        if self.look == "type":
            between = between.to(self.second.weight.dtype)
        made: Tensor = self.second(between) + self.third(between)
        others = {
            "sum": lambda: between.sum(-1, keepdim=True),
            "part": lambda: between.chunk(2, -1)[0].sum(-1, keepdim=True),
            "list": lambda: torch.cat([between, between], -1).sum(-1, keepdim=True),
            "before": lambda: states.sum(-1, keepdim=True),
        }
        made = made + others[self.look]() if self.look in others else made
        return (made, between) if self.look == "returned" else made


def plan_for(model: nn.Module, rows: Tensor, left_out: tuple[str, ...] = ()) -> Plan:
    with torch.no_grad():
        found = observe(model, lambda: model(rows[:8]), lambda: model(rows))
    return found.plan(left_out)


def distance(made: Tensor, exact: Tensor) -> float:
    return float((made - exact).norm() / exact.norm())


def answers(model: nn.Module, plan: Plan, rows: Tensor) -> tuple[Tensor, Tensor]:
    """What a model gives, in 8 bits and as it is."""
    with torch.no_grad():
        exact = model(rows)
        with in_int8(model, plan):
            made = model(rows)
        assert torch.equal(model(rows), exact), "it is as it was"
    return made, exact


@pytest.mark.usefixtures("small_too")
@pytest.mark.parametrize("gelu", [nn.GELU(), nn.GELU("tanh"), GELUActivation()])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_give_nearly_the_same(gelu: nn.Module, bias: bool) -> None:
    model, rows = Block(gelu, bias).eval(), torch.randn(300, 3, 24)
    plan = plan_for(model, rows)
    assert [one.name for one in plan.layers] == ["first", "second", "third"]
    assert plan.layers[0].outputs == plan.layers[1].inputs == plan.layers[2].inputs
    made, exact = answers(model, plan, rows)
    assert 0 < distance(made, exact) < NEAR
    assert made.shape == exact.shape
    assert made.dtype == torch.float32


@pytest.mark.usefixtures("small_too")
def test_outliers_cost_the_other_values_little() -> None:
    rows = torch.randn(400, 24)
    model = Block(nn.GELU()).eval()
    near = distance(*answers(model, plan_for(model, rows), rows))
    with torch.no_grad():  # one output of the first layer is large, and as little of it is used
        model.first.weight[5] *= 300
        for layer in (model.second, model.third):
            layer.weight[:, 5] /= 300
        rows[:, 7] *= 200  # and so is one input
        model.first.weight[:, 7] /= 200
    plan = plan_for(model, rows)
    assert 5 in plan.inputs[plan.layers[1].inputs].apart
    assert distance(*answers(model, plan, rows)) < 2 * near


@pytest.mark.usefixtures("small_too")
@pytest.mark.parametrize(
    ("look", "part_of_the_layer"),
    [
        *(("sum", True), ("part", True), ("list", True), ("returned", True), ("type", True)),
        *(("before", False), ("in place", False), ("named twice", False)),
    ],
)
def test_a_gelu_that_others_use_stays_in_float(look: str, part_of_the_layer: bool) -> None:
    model, rows = Block(nn.GELU(), look=look).eval(), torch.randn(300, 24)
    plan = plan_for(model, rows)
    assert len(plan.layers) == 3
    assert plan.layers[0].activation == ("gelu" if part_of_the_layer else None)
    assert all(one.outputs is None for one in plan.layers)
    with torch.no_grad():
        exact = model(rows)
        with in_int8(model, plan):
            made = model(rows)
    for one, other in zip(
        *((x if look == "returned" else (x,)) for x in (made, exact)), strict=True
    ):
        assert one.dtype == torch.float32
        assert distance(one, other) < NEAR


@pytest.mark.usefixtures("small_too")
@pytest.mark.parametrize("kind", ["none", "tanh"])
def test_gelus_in_a_row(kind: str) -> None:
    torch.manual_seed(0)
    gelus = [nn.GELU(kind), nn.GELU(kind)]
    model = nn.Sequential(
        nn.Linear(24, 40), gelus[0], nn.Linear(40, 40), gelus[1], nn.Dropout(), nn.Linear(40, 8)
    ).eval()
    with torch.no_grad():
        for layer in (model[0], model[2]):  # outliers behind both
            layer.weight[3] *= 100
        for layer in (model[2], model[5]):
            layer.weight[:, 3] /= 100
    rows = torch.randn(300, 24)
    plan = plan_for(model, rows)
    assert [one.outputs is None for one in plan.layers] == [True, False, True]
    assert 3 in plan.inputs[str(plan.layers[1].outputs)].apart
    assert distance(*answers(model, plan, rows)) < 2 * NEAR


class Twice(nn.Module):
    """The same layers one after the other, as in ALBERT."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.gelu, self.other = nn.Linear(24, 40), nn.GELU(), nn.Linear(40, 24)

    def forward(self, values: Tensor) -> Tensor:
        for _ in range(2):
            values = values + self.other(self.gelu(self.one(values)))
        return values


@pytest.mark.usefixtures("small_too")
def test_layers_that_are_called_several_times() -> None:
    model, rows = Twice().eval(), torch.randn(300, 24)
    plan = plan_for(model, rows)
    assert [one.outputs is None for one in plan.layers] == [False, True]
    assert distance(*answers(model, plan, rows)) < NEAR


@pytest.mark.usefixtures("small_too")
def test_a_gradient_is_refused() -> None:
    model, rows = Block(nn.GELU()).eval(), torch.randn(300, 24)
    make_int8(model, plan_for(model, rows))
    with pytest.raises(ft.DataError, match="no gradients"):
        model(rows.requires_grad_())


@pytest.mark.usefixtures("small_too")
@pytest.mark.parametrize("left_out", ["first", "second", "third"])
def test_layers_that_are_left_out_give_and_get_floats(left_out: str) -> None:
    model, rows = Block(nn.GELU()).eval(), torch.randn(300, 24)
    with torch.no_grad():
        model.first.weight[5] *= 300  # so that something is beyond the range
    plan = plan_for(model, rows, (left_out,))
    assert left_out not in [one.name for one in plan.layers]
    assert all(one.outputs is None for one in plan.layers)
    assert distance(*answers(model, plan, rows)) < NEAR


class Odd(nn.Module):
    """Layers that are called in other ways, and with weights of another kind."""

    def __init__(self) -> None:
        super().__init__()
        self.vector, self.named, self.low = (nn.Linear(24, 24) for _ in range(3))
        self.low.to(torch.bfloat16)
        self.usual = nn.Linear(24, 24)

    def forward(self, values: Tensor) -> Tensor:
        made: Tensor = self.usual(self.named(input=values)) + self.vector(values[0])
        return made + self.low(values.bfloat16())


@pytest.mark.usefixtures("small_too")
def test_layers_that_are_called_in_other_ways_stay_in_float() -> None:
    model, rows = Odd().eval(), torch.randn(300, 24)
    plan = plan_for(model, rows)
    assert [one.name for one in plan.layers] == ["usual"]
    assert distance(*answers(model, plan, rows)) < NEAR


@given(
    rows=st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3),
    scale=st.floats(0.01, 10),
    zero=st.integers(0, 255),
)
def test_values_become_the_nearest_integer_in_range(
    rows: list[float], scale: float, zero: int
) -> None:
    smooth = torch.tensor([1.0, 0.5, 4.0])
    found = Inputs(scale, zero, smooth).quantised(torch.tensor(rows)).double()
    exact = (torch.tensor(rows).double() / smooth / scale + zero).clamp(0, 255)
    assert float((found - exact).abs().max()) <= 0.5 + 1e-3


@pytest.mark.parametrize("without_versions", [True, False])
def test_values_that_change_are_made_integers_anew(without_versions: bool) -> None:
    inputs = Inputs(1.0, 10, torch.ones(2))
    with torch.inference_mode() if without_versions else torch.no_grad():
        values = torch.tensor([1.0, 2.0])
        assert inputs.quantised(values).tolist() == [11, 12]
        values.mul_(3)
        assert inputs.quantised(values).tolist() == [13, 16]
        assert Inputs(1.0, 0, torch.ones(2)).quantised(values).tolist() == [3, 6]


@pytest.mark.usefixtures("small_too")
def test_a_pass_over_nothing_and_bf16_are_taken() -> None:
    model, rows = Block(nn.GELU()).eval(), torch.randn(300, 24)
    make_int8(model, plan_for(model, rows))
    with torch.no_grad():
        assert model(rows[:0]).shape == (0, 16)
        whole = model(rows)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(model(rows), whole)
            assert distance(model(rows.bfloat16()), whole) < 0.02


@pytest.mark.usefixtures("small_too")
@pytest.mark.parametrize("break_it", ["layer", "vectors", "size", "keys", "channel"])
def test_a_damaged_form_is_refused(tmp_path: Path, break_it: str) -> None:
    model, rows = Block(nn.GELU()).eval(), torch.randn(300, 24)
    write_plan(plan_for(model, rows), tmp_path)
    index = json.loads((tmp_path / "exported.json").read_text(encoding="utf-8"))
    if break_it == "layer":
        index["layers"][0]["name"] = "fourth"
    elif break_it == "keys":
        del index["inputs"]
    elif break_it == "channel":
        index["inputs"][index["layers"][1]["inputs"]]["apart"] = [40]
    elif break_it == "size":
        model.first = nn.Linear(23, 40)
    else:
        (tmp_path / "int8.safetensors").write_bytes(b"x")
    with pytest.raises(ft.DataError, match="not what `ft export` writes for this model"):
        load_int8(model, index, tmp_path, CPU)
    assert not any(isinstance(one, Int8Linear) for one in model.modules())


def test_numbers_are_the_same_decision_where_they_are_near() -> None:
    before = [{"label": value} for value in (0.0, 5.0, 10.0)]
    after = [{"label": value} for value in (0.05, 5.2, 10.09)]
    assert count_changed(before, after) == (3, 1)
    assert count_changed(before, [*after[:2], {"label": float("nan")}]) == (3, 2)


def test_it_is_for_a_processor(tmp_path: Path) -> None:
    with pytest.raises(ft.DataError, match="the device is cuda"):
        load_int8(nn.Linear(2, 2), {}, tmp_path, torch.device("cuda"))
