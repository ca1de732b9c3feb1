"""Torch models with linear layers of 8 bits: which layers, how near their answers are, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers.activations import GELUActivation

import ft
from ft.cli.main import main
from ft_export import export
from ft_export.form import calibrate
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

CPU = torch.device("cpu")
NEAR = 0.03
"""Of the size of outputs: two layers, in each of which inputs and weights are rounded by a hundredth of theirs."""


@pytest.fixture
def small_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers of tiny models are large enough."""
    monkeypatch.setattr(calibrate, "SMALLEST", 1)


class Block(nn.Module):
    """Two layers with a GELU between, whose outputs may be looked at by others too."""

    def __init__(self, gelu: nn.Module, bias: bool = True, *, look: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.gelu = nn.Linear(24, 40, bias=bias), gelu
        self.second, self.third = nn.Linear(40, 16, bias=bias), nn.Linear(40, 16, bias=bias)
        self.look = look

    def forward(self, values: Tensor) -> Tensor:
        between = self.gelu(self.first(values))
        made: Tensor = self.second(between) + self.third(between)
        return made + between.sum(-1, keepdim=True) if self.look else made


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
def test_one_value_far_beyond_the_others_costs_them_nothing() -> None:
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
def test_a_gelu_that_others_look_at_stays_in_float() -> None:
    model, rows = Block(nn.GELU(), look=True).eval(), torch.randn(300, 24)
    plan = plan_for(model, rows)
    assert plan.layers[0].activation == "gelu"
    assert plan.layers[0].outputs is None
    assert distance(*answers(model, plan, rows)) < NEAR


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
def test_a_text_is_answered_as_it_is_alone(ner: Path, tmp_path: Path) -> None:
    folder, parity = export(ner, "torch", int8=True, output=tmp_path / "int8")
    assert parity.equal >= 0.99
    assert parity.in_float == []
    trained = ft.load(folder)
    assert sum(isinstance(one, Int8Linear) for one in trained.model.modules()) >= 12
    texts = ["anna went to paris .", "", "a " * 200 + "ben saw new york"]
    together = trained.predict(texts)
    for text, found, exact in zip(texts, together, ft.predict(ner, texts), strict=True):
        (alone,) = trained.predict([text])
        assert alone["tags"] == found["tags"] == exact["tags"]
        assert alone["scores"] == pytest.approx(found["scores"], abs=1e-5)
        assert found["scores"] == pytest.approx(exact["scores"], abs=0.1)


@pytest.mark.usefixtures("small_too")
def test_it_is_a_run_beside_its_own(ner: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(ner), "--to", "torch", "--int8", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    folder = ner / "exports" / "torch-int8"
    assert Path(told["folder"]) == folder
    assert set(told["shapes"]) == {"1 x 1", "1 x 64", "7 x 3"}
    assert 0 < told["outputs"]["share"] < 0.1
    found = ft.evaluate(folder).metrics["test"]["f1"].value
    assert found == pytest.approx(ft.evaluate(ner).metrics["test"]["f1"].value, abs=0.05)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert (record["export"]["to"], record["export"]["int8"]) == ("torch", True)


@pytest.mark.usefixtures("small_too")
@pytest.mark.parametrize("name", ["recommend", "seq2seq"])
def test_a_run_that_calls_parts_of_its_model_is_taken(
    train: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    module = pytest.importorskip(f"ft_{name}")
    kind = {"recommend": "Recommend", "seq2seq": "Seq2Seq"}[name]
    settings = getattr(module, kind).example_settings(tmp_path)
    options: dict[str, Any] = {"learning_rate": 1e-3}
    if name == "seq2seq":
        from ft_kit import tiny_model

        options["model"] = str(tiny_model(tmp_path / "t5", "encoder-decoder"))
    run = train(name, run=options, **settings)
    split = "test" if "test" in settings or name == "recommend" else "validation"
    folder, parity = export(run, "torch", int8=True, split=split, decisions=0.0)
    assert parity.outputs is None
    assert parity.shapes == {}
    assert "outputs" not in (folder / "parity.txt").read_text(encoding="utf-8")
    assert any(isinstance(one, Int8Linear) for one in ft.load(folder).model.modules())


@pytest.mark.usefixtures("small_too")
def test_each_of_several_tasks_is_taken(several: Path, tmp_path: Path) -> None:
    folder, _ = export(several, "torch", int8=True, output=tmp_path / "int8", decisions=0.5)
    (found,) = ft.load(folder).predict(["anna went to paris ."])
    assert {"people", "mood"} <= found.keys()


@pytest.mark.usefixtures("small_too")
def test_what_changes_too_much_is_refused(ner: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(ft.UserError, match=r"outputs differ by .* --tolerance allows"):
        export(ner, "torch", int8=True, output=tmp_path / "no", tolerance=1e-9, say=said.append)
    assert "decisions changed" in said[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("to", "int8", "why"),
    [
        ("torch", False, "in the form of torch already"),
        ("openvino", True, "--to onnx and --to torch"),
        ("torch", True, "no linear layer that is large enough"),
    ],
)
def test_what_there_is_no_form_for_is_refused(ner: Path, to: Any, int8: bool, why: str) -> None:
    with pytest.raises(ft.UserError, match=why):
        export(ner, to, int8=int8, output=ner / "exports" / "never")
    assert not (ner / "exports" / "never").exists()


@pytest.mark.usefixtures("small_too")
def test_a_processor_without_the_instructions_is_named(
    ner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = export(ner, "torch", int8=True, output=tmp_path / "int8")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "Old", "avx2": True})
    for work in (lambda: ft.load(folder), lambda: export(ner, "torch", int8=True, output="no")):
        with pytest.raises(ft.DataError, match=r"with VNNI, and this one \(Old\) has none"):
            work()


@pytest.mark.usefixtures("small_too")
def test_a_run_whose_data_is_gone_is_refused(
    ner: Path, train: Callable[..., Path], tmp_path: Path
) -> None:
    import tomllib

    given = tomllib.loads((ner / "config.toml").read_text(encoding="utf-8"))["ner"]
    copies = {}
    for split in ("train", "validation", "test"):
        copies[split] = str(tmp_path / f"{split}.conll")
        Path(copies[split]).write_bytes(Path(given[split]).read_bytes())
    run = train("ner", **copies)
    Path(copies["train"]).unlink()
    with pytest.raises(ft.UserError, match="seen on examples of the run's data"):
        export(run, "torch", int8=True, data=copies["test"])


@pytest.mark.usefixtures("small_too")
@pytest.mark.parametrize("break_it", ["layer", "vectors", "size", "keys"])
def test_a_damaged_form_is_refused(tmp_path: Path, break_it: str) -> None:
    model, rows = Block(nn.GELU()).eval(), torch.randn(300, 24)
    write_plan(plan_for(model, rows), tmp_path)
    index = json.loads((tmp_path / "exported.json").read_text(encoding="utf-8"))
    if break_it == "layer":
        index["layers"][0]["name"] = "fourth"
    elif break_it == "keys":
        del index["inputs"]
    elif break_it == "size":
        model.first = nn.Linear(23, 40)
    else:
        (tmp_path / "int8.safetensors").write_bytes(b"x")
    with pytest.raises(ft.DataError, match="not what `ft export` writes for this model"):
        load_int8(model, index, tmp_path, CPU)


def test_it_is_for_a_processor(tmp_path: Path) -> None:
    with pytest.raises(ft.DataError, match="the device is cuda"):
        load_int8(nn.Linear(2, 2), {}, tmp_path, torch.device("cuda"))
