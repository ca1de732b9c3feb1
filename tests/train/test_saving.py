"""`save_model` and `load_model`, tried before the first step; what comes back, and where."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import ft
from ft import Config, Plugin, TrainingError, UserError, hookimpl

HERE = Path(__file__)


def spec(cls: type[Plugin]) -> str:
    return f"{HERE}:{cls.__name__}"


class LowRank(nn.Module):
    """A linear layer with a trainable product of two small matrices beside it."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(rank, base.in_features) * 0.02)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        beside: torch.Tensor = states @ self.down.T @ self.up.T
        return self.base(states) + beside

    def merged(self) -> nn.Linear:
        layer = deepcopy(self.base)
        layer.weight.data += self.up.data @ self.down.data
        return layer


class Lora(Plugin):
    """LoRA (Hu et al. 2021) of query and value; the merged model is saved, the adapter beside it."""

    name = "lora"

    @hookimpl
    def build_head(self, inner: Any, run: Any, data: Any) -> nn.Module:
        model: Any = inner(run, data)
        if not run.restored:
            model.base_model.requires_grad_(False)
            for layer in model.base_model.encoder.layer:
                attention = layer.attention.self
                attention.query = LowRank(attention.query, 2)
                attention.value = LowRank(attention.value, 2)
        return model  # type: ignore[no-any-return]

    @hookimpl
    def save_model(self, inner: Any, run: Any, model: nn.Module, folder: Path) -> None:
        plain = deepcopy(model)
        for module in list(plain.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, LowRank):
                    setattr(module, name, self.plain(child))
        inner(run, plain, folder)
        kept = {n: p.detach() for n, p in model.named_parameters() if n.endswith((".up", ".down"))}
        save_file({n: p.contiguous() for n, p in kept.items()}, folder / "adapter.safetensors")

    def plain(self, layer: LowRank) -> nn.Linear:
        return layer.merged()


class Forgets(Lora):
    """Saves the encoder without what it has learnt."""

    name = "forgets"

    def plain(self, layer: LowRank) -> nn.Linear:
        return layer.base


class Unloadable(Lora):
    """Cannot load what it has saved."""

    name = "unloadable"

    @hookimpl
    def load_model(self, inner: Any, run: Any, folder: Path) -> nn.Module:
        raise ValueError("no such adapter")


class Same(Plugin):
    """Builds what would be built anyway, so that saving is tried."""

    name = "same"

    @hookimpl
    def build_head(self, inner: Any, run: Any, data: Any) -> nn.Module:
        model: nn.Module = inner(run, data)
        return model


class Teacher(Plugin):
    """Logs how far the model is from an older run, by the names of its labels."""

    name = "teacher"

    class Config(Config):
        run: str

    @hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        if not hasattr(self, "teacher"):
            self.teacher = run.load_trained(self.config.run)
            # Whoever asks for it while it is there shares it: nothing is loaded twice.
            assert run.load_trained(Path(self.config.run)) is self.teacher
        loss = inner(run, model, batch)
        with torch.no_grad():
            theirs = self.teacher.model(batch["input_ids"], batch["attention_mask"]).logits
        run.log(self, "distance", (theirs - loss.outputs["logits"]).square().mean())
        return loss


class Last(Plugin):
    """Copies the record as it is at the end of the run."""

    name = "last"

    @hookimpl
    def on_record(self, run: Any) -> None:
        run.note("the record is there" if (run.output / "record.json").exists() else "no record")

    @hookimpl
    def on_run_end(self, run: Any) -> None:
        record = (run.output / "record.json").read_bytes()
        (run.output / "copy.json").write_bytes(record)


def test_lora_is_saved_merged_and_resumed_from_small_checkpoints(
    resumed: Callable[..., tuple[Path, Path]],
) -> None:
    whole, _ = resumed(["texts", spec(Lora)], step=7)
    last = sorted(whole.glob("checkpoints/step-*"))[-1]
    kept = load_file(last / "model.safetensors")
    learnt = {name for name in kept if not name.endswith(("position_ids", "token_type_ids"))}
    assert learnt == {name for name in kept if name.endswith((".up", ".down")) or "classif" in name}
    assert sum(name.endswith(".up") for name in kept) >= 4
    saved = load_file(whole / "model/model.safetensors")
    assert not any(name.endswith((".up", ".down", ".base.weight")) for name in saved)
    assert set(load_file(whole / "model/adapter.safetensors")) == {
        name for name in kept if name.endswith((".up", ".down"))
    }
    rows = [json.loads(one) for one in (whole / "predictions/test.examples.jsonl").open()]
    told = [json.loads(one) for one in (whole / "predictions/test.jsonl").open()]
    model = ft.load(whole)
    for one, other in zip(model.predict([row["text"] for row in rows]), told, strict=True):
        assert one["label"] == other["label"]
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-4)


def test_a_model_that_does_not_come_back_is_refused_before_the_first_step(
    go: Any, tmp_path: Path
) -> None:
    for broken, what in ((Forgets, "the output logits"), (Unloadable, "no such adapter")):
        with pytest.raises(TrainingError) as caught:
            go(["texts", spec(broken)])
        assert what in str(caught.value)
        assert f"'{broken.name}'" in str(caught.value)
    assert not list(tmp_path.rglob("metrics.jsonl"))
    assert not list(tmp_path.rglob(".trial*"))


def test_the_trial_leaves_no_trace_in_the_training(go: Any, comparing: ModuleType) -> None:
    tried, plain = go(["words", spec(Same)]), go(["words"])
    assert tried.record["trial_seconds"] > 0
    assert plain.record["trial_seconds"] == 0
    paths = [one.output / "model/model.safetensors" for one in (tried, plain)]
    assert comparing.different_tensors(*paths) == []


def test_frozen_weights_are_compared_on_resume(go: Any, tmp_path: Path, tiny_model: Path) -> None:
    from shutil import copytree

    model = copytree(tiny_model, tmp_path / "pretrained")
    armed = tmp_path / "armed"
    armed.touch()
    stumble = {"armed": str(armed), "how": "int", "step": 5}
    output = tmp_path / "stopped"
    with pytest.raises(ft.Interrupted):
        go(["texts", "stumble"], output, stumble=stumble, model=str(model), freeze="encoder")
    weights = load_file(model / "model.safetensors")
    weights["encoder.layer.0.output.dense.weight"] += 1
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    with pytest.raises(TrainingError, match="do not learn"):
        ft.run(resume=output, allow_changed=True)


def test_another_run_as_a_model(
    go: Any, resumed: Callable[..., tuple[Path, Path]], tmp_path: Path
) -> None:
    teacher = go(["texts"], seed=1).output
    settings = {"teacher": {"run": str(teacher)}}
    whole, stopped = resumed(["texts", spec(Teacher)], step=7, **settings)
    record = json.loads((whole / "record.json").read_text())
    assert set(record["used"]) == {"config.toml", "task.json", "model"}
    assert "teacher/distance" in (whole / "metrics.jsonl").read_text()
    # The run is not finished any more, and its teacher is another one.
    (stopped / "record.json").unlink()
    (teacher / "model/extra.txt").write_text("new")
    with pytest.raises(UserError, match="a file that a plugin uses is changed"):
        ft.run(resume=stopped)


class Weighty(Plugin):
    """Says how many models of the trial are still there when training begins."""

    name = "weighty"
    made: ClassVar[list[weakref.ref[nn.Module]]] = []

    @hookimpl
    def build_head(self, inner: Any, run: Any, data: Any) -> nn.Module:
        model: nn.Module = inner(run, data)
        if run.restored:
            self.made.append(weakref.ref(model))
        return model

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        left = sum(one() is not None for one in self.made)
        run.note(f"{left} of {len(self.made)} trials are left")


def test_the_model_of_the_trial_is_gone_before_the_first_step(go: Any) -> None:
    notes = go(["words", spec(Weighty)], max_steps=1).record["notes"]
    assert "0 of 1 trials are left" in notes


def test_a_model_in_memory(go: Any) -> None:
    run = go(["texts"]).output
    model = ft.load(run)
    assert model.labels == tuple(model.model.config.id2label.values())
    one, many = model.predict("anna went"), model.predict(["anna went", "to york"])
    assert one == ft.predict(run, "anna went")
    assert many[0]["scores"] == pytest.approx(one[0]["scores"], abs=1e-6)
    assert not model.model.training
    record = json.loads((run / "record.json").read_text())
    scored = model.evaluate()
    assert {name: m.value for name, m in scored.metrics["test"].items()} == {
        name: m["value"] for name, m in record["metrics"]["test"].items()
    }
    assert model.predict("anna went") == one


def test_the_last_event_sees_the_sealed_record(go: Any) -> None:
    result = go(["words", spec(Last)], report=True)
    record = json.loads((result.output / "record.json").read_text())
    assert json.loads((result.output / "copy.json").read_text()) == record
    assert "the record is there" in record["notes"]
    costs = {(row["plugin"], row["hook"]): row["calls"] for row in record["costs"]}
    assert costs["report", "on_record"] == costs["last", "on_record"] == 1
    assert costs["processor", "build_head"] >= 1
    assert ("last", "on_run_end") not in costs
    assert (result.output / "report.html").exists()


def test_a_run_that_ends_before_its_record_is_sealed_goes_on(go: Any) -> None:
    result = go(["words"])
    path = result.output / "record.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    path.write_text(json.dumps(record))
    again = ft.run(resume=result.output)
    assert again.metrics == result.metrics
    assert "sha256" in json.loads(path.read_text())


def test_without_what_pages_are_made_with_a_run_says_so(
    go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ft.page.find_spec", lambda name: None if name == "matplotlib" else name)
    result = go(["words"], report=True)
    assert not (result.output / "report.html").exists()
    notes = [note for note in result.record["notes"] if "report.html" in note]
    assert len(notes) == 1
    assert "matplotlib" in notes[0]
    assert "ft-core[report]" in notes[0]
    with pytest.raises(UserError, match="matplotlib"):
        ft.html_page("title", "about", [])


def test_the_name_of_a_built_in_plugin_is_taken(go: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.py"
    file.write_text("from ft import Plugin\n\n\nclass Mine(Plugin):\n    name = 'report'\n")
    with pytest.raises(ft.PluginError, match="built into ft"):
        go(["words", str(file)])
