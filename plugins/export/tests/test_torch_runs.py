"""Runs whose layers were exported to 8 bits of torch: how near they are, where they run, and what is refused."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ft
from ft.cli.main import main
from ft_export import export
from ft_export.form.calibrate import Range
from ft_export.form.torch_int8 import (
    Inputs,
    Int8Linear,
)


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
    hurt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without smoothing, one scale cannot hold an input of the classifier that is 10,000 times as large as the others."""

    def plain(self: Range, weight: Tensor) -> Iterator[Inputs]:
        least, most = float(self.low.min()), float(self.high.max())
        scale = (most - least) / 255
        yield Inputs(scale, round(-least / scale), torch.ones_like(self.low))

    monkeypatch.setattr(Range, "_smoothed", plain)

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
