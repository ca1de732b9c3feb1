"""Torch models with linear layers of 8 bits: which layers, how near their answers are, and what is refused."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.activations import GELUActivation

import ft
from ft.cli.main import main
from ft_export import export
from ft_export.form import calibrate
from ft_export.form.calibrate import Range, observe
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


@pytest.fixture
def small_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers of tiny models are large enough."""
    monkeypatch.setattr(calibrate, "SMALLEST", 1)


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
def test_a_run_in_bf16_is_compared_in_float32(ner: Path, train: Callable[..., Path]) -> None:
    half = train("ner", epochs=3, run={"precision": "bf16"}, **data_of(ner))
    folder, parity = export(half, "torch", int8=True)
    assert parity.equal >= 0.99
    assert any("in bf16" in note for note in parity.notes)
    texts = [f"{name} went to paris , {name} saw a house ." for name in ("anna", "ben")] * 200
    trained, threads = ft.load(folder), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = trained.predict(texts)
        torch.set_num_threads(2)  # passes side by side
        for one, other in zip(trained.predict(texts), alone, strict=True):
            assert one["tags"] == other["tags"]
            assert one["scores"] == pytest.approx(other["scores"], abs=1e-2)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.usefixtures("small_too")
def test_the_layer_that_8_bits_hurt_stays_in_float(
    ner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without smoothing, one scale cannot hold an input of the classifier that is 10,000 times as large as the others."""

    def plain(self: Range, weight: Tensor) -> Iterator[Inputs]:
        least, most = float(self.low.min()), float(self.high.max())
        scale = (most - least) / 255
        yield Inputs(scale, round(-least / scale), torch.ones_like(self.low))

    monkeypatch.setattr(Range, "_smoothed", plain)

    def write(folder: Path) -> None:
        shutil.copytree(ner / "model", folder, dirs_exist_ok=True)
        tensors = load_file(folder / "model.safetensors")
        for name in ("weight", "bias"):
            tensors[f"bert.encoder.layer.1.output.LayerNorm.{name}"][0] *= 1e4
        tensors["classifier.weight"][:, 0] /= 1e4
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    hurt = tmp_path / "hurt"
    ft.derive(ner, hurt, [], write, lambda _: {})
    folder, parity = export(hurt, "torch", int8=True, output=tmp_path / "int8")
    assert parity.in_float
    assert "classifier" in parity.in_float
    assert parity.equal >= 0.99
    kinds = {name: type(one) for name, one in ft.load(folder).model.named_modules()}
    assert kinds["classifier"] is not Int8Linear
    assert Int8Linear in kinds.values()


@pytest.mark.usefixtures("small_too")
def test_it_is_calibrated_on_training_where_validation_is_compared(
    ner: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    _, parity = export(
        ner, "torch", int8=True, output=tmp_path / "x", split="validation", say=said.append
    )
    (told,) = [one for one in said if one.startswith("calibrate on ")]
    assert int(told.split()[2]) > 30, "validation has no more"
    assert parity.equal >= 0.99


@pytest.mark.usefixtures("small_too")
def test_an_exported_form_is_not_exported(ner: Path, tmp_path: Path) -> None:
    folder, _ = export(ner, "torch", int8=True, output=tmp_path / "int8")
    for to in ("torch", "onnx"):
        with pytest.raises(ft.UserError, match="exported itself"):
            export(folder, to, int8=True, output=tmp_path / "again")


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
    given = {"split": "test" if "test" in settings or name == "recommend" else "validation"}
    with pytest.raises(ft.UserError, match="outputs are not compared here"):
        export(run, "torch", int8=True, tolerance=0.5, decisions=0.0, **given)
    folder, parity = export(run, "torch", int8=True, decisions=0.0, **given)
    assert parity.equal >= 0.8
    before, after = parity.scores
    assert after.value == pytest.approx(before.value, abs=0.1)
    assert parity.outputs is None
    assert parity.shapes == {}
    assert "outputs" not in (folder / "parity.txt").read_text(encoding="utf-8")
    assert any(isinstance(one, Int8Linear) for one in ft.load(folder).model.modules())


@pytest.mark.usefixtures("small_too")
def test_each_of_several_tasks_is_taken(several: Path, tmp_path: Path) -> None:
    folder, parity = export(several, "torch", int8=True, output=tmp_path / "int8", decisions=0.5)
    assert parity.equal >= 0.9
    (found,), (exact,) = (ft.predict(one, ["anna went to paris ."]) for one in (folder, several))
    assert len(found["people"]["scores"]) == len(exact["people"]["scores"])
    for name, score in exact["mood"]["scores"].items():
        assert found["mood"]["scores"][name] == pytest.approx(score, abs=0.1)


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
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    again = tmp_path / "again"
    for work in (lambda: ft.load(folder), lambda: export(ner, "torch", int8=True, output=again)):
        with pytest.raises(ft.DataError, match=r"with VNNI, and this one \(Old\) has none"):
            work()


@pytest.mark.usefixtures("small_too")
def test_a_run_whose_data_is_gone_is_refused(
    ner: Path, train: Callable[..., Path], tmp_path: Path
) -> None:
    copies = {}
    for split, path in data_of(ner).items():
        copies[split] = str(tmp_path / f"{split}.conll")
        Path(copies[split]).write_bytes(Path(path).read_bytes())
    run = train("ner", **copies)
    Path(copies["train"]).unlink()
    _, parity = export(run, "torch", int8=True, data=copies["test"], decisions=0.0)
    assert parity.decisions > 400, "validation is enough"
    Path(copies["validation"]).unlink()
    with pytest.raises(ft.UserError, match="calibrated on examples of the run's data"):
        export(run, "torch", int8=True, data=copies["test"], output=tmp_path / "again")


def data_of(run: Path) -> dict[str, str]:
    """The files of the splits of a run of `ner`."""
    given = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))["ner"]
    return {split: given[split] for split in ("train", "validation", "test")}


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
