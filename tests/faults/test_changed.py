"""A run that is resumed where something is not as it was: listed, and refused or gone on with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.contract.errors import Interrupted
from ft.engine.resume import changes as resume_changes

Stop = Callable[..., Path]


@pytest.fixture
def stopped(go: Any, data_files: dict[str, Any], tiny_model: Path, tmp_path: Path) -> Stop:
    """Stops a run in step 4; its data and model are copies that a test may alter."""
    data = {
        split: str(shutil.copy(path, tmp_path / Path(path).name))
        for split, path in data_files["ner"].items()
    }
    shutil.copytree(tiny_model, tmp_path / "model")

    def stop(step: int = 4, **settings: Any) -> Path:
        (tmp_path / "armed").touch()
        stumble = {"armed": str(tmp_path / "armed"), "how": "int", "step": step}
        given = {"ner": data, "stumble": stumble, "epochs": 2, "model": str(tmp_path / "model")}
        with pytest.raises(Interrupted):
            go(["ner", "stumble"], tmp_path / "run", **given, **settings)
        return tmp_path / "run"

    return stop


def refusal(run: Path, **settings: Any) -> str:
    with pytest.raises(ft.UserError) as caught:
        ft.run(resume=run, **settings)
    assert not (run / "record.json").exists()
    return str(caught.value)


def record(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "record.json").read_text())
    return found


def test_nothing_is_said_where_nothing_changed(stopped: Stop) -> None:
    run = stopped()
    ft.run(resume=run, strict=True)
    assert record(run)["changes"] == []


def test_settings_that_change_the_result_are_named_together_and_refused(stopped: Stop) -> None:
    run = stopped()
    before = (run / "config.toml").read_text()
    said = refusal(run, learning_rate=0.002, patience=9, epochs=3, checkpoint_minutes=1)
    assert "run.learning_rate is 0.002 now, and was 0.001" in said
    assert "run.patience is 9 now, and was none" in said
    assert "run.epochs is 3.0 now, and was 2.0" in said
    assert "checkpoint_minutes" not in said
    assert "--allow-changed" in said
    assert (run / "config.toml").read_text() == before


def test_what_is_allowed_is_done_and_recorded(stopped: Stop) -> None:
    run = stopped()
    ft.run(resume=run, max_steps=7, learning_rate=0.002, allow_changed=True)
    told = record(run)
    assert told["steps"] == 7
    changes = {change["what"]: change for change in told["changes"]}
    rate = changes["run.learning_rate is 0.002 now, and was 0.001"]
    assert (rate["step"], rate["harmless"]) == (4, False)
    assert set(changes) <= set(told["notes"])


def test_what_was_allowed_once_need_not_be_allowed_again(stopped: Stop, tmp_path: Path) -> None:
    run = stopped()
    (tmp_path / "armed").touch()
    with pytest.raises(Interrupted):
        ft.run(resume=run, weight_decay=0.5, stumble={"step": 6}, allow_changed=True)
    ft.run(resume=run)
    changes = {change["what"]: change["step"] for change in record(run)["changes"]}
    assert changes["run.weight_decay is 0.5 now, and was 0.01"] == 4
    assert "weight_decay = 0.5" in (run / "config.toml").read_text()


def test_settings_that_change_no_result_go_on_with_a_note(
    stopped: Stop, comparing: ModuleType, tmp_path: Path
) -> None:
    run = stopped()
    shutil.copytree(run, tmp_path / "as-it-was")
    ft.run(resume=tmp_path / "as-it-was")
    harmless = {"checkpoint_steps": 3, "keep_checkpoints": 2, "lint": "off", "device": "auto"}
    ft.run(resume=run, **harmless)
    assert all(change["harmless"] for change in record(run)["changes"])
    assert "run.keep_checkpoints is 2 now, and was 1" in record(run)["notes"]
    weights = [folder / "model" / "model.safetensors" for folder in (run, tmp_path / "as-it-was")]
    assert comparing.different_tensors(*weights) == []


def test_strict_refuses_what_is_harmless_too(stopped: Stop) -> None:
    said = refusal(stopped(), checkpoint_steps=3, strict=True)
    assert "run.checkpoint_steps is 3 now, and was none" in said
    assert "leave out --strict" in said


@pytest.mark.parametrize("split", ["train", "validation"])
def test_other_data_to_learn_or_choose_by_is_refused(
    stopped: Stop, tmp_path: Path, split: str
) -> None:
    run = stopped()
    with (tmp_path / f"{split}.conll").open("a") as stream:
        stream.write("\nanna\tB-PER\n")
    said = refusal(run)
    assert "is not what the run began with" in said
    assert ("training" if split == "train" else split) in said
    ft.run(resume=run, allow_changed=True)
    (change,) = record(run)["changes"]
    assert not change["harmless"]
    assert change["what"] in said


def test_other_data_to_score_last_is_said(stopped: Stop, tmp_path: Path) -> None:
    run = stopped()
    with (tmp_path / "test.conll").open("a") as stream:
        stream.write("\nanna\tB-PER\n")
    ft.run(resume=run)
    assert "the test split is not what the run began with" in record(run)["notes"]


def test_fewer_examples_than_were_seen_already(stopped: Stop, tmp_path: Path) -> None:
    """A resume that is allowed does not run beyond the end of an epoch that is shorter now."""
    run = stopped()
    train = tmp_path / "train.conll"
    train.write_text("\n\n".join(train.read_text().split("\n\n")[:16]) + "\n")
    ft.run(resume=run, allow_changed=True)
    assert record(run)["steps"] == 4


def test_files_that_moved_are_the_same_data_and_model(
    stopped: Stop, comparing: ModuleType, tmp_path: Path
) -> None:
    run = stopped()
    ft.run(resume=shutil.copytree(run, tmp_path / "as-it-was"))
    (tmp_path / "there").mkdir()
    moved = {}
    for split in ("train", "validation", "test"):
        moved[split] = str(tmp_path / "there" / f"{split}.conll")
        (tmp_path / f"{split}.conll").rename(moved[split])
    (tmp_path / "model").rename(tmp_path / "there" / "model")
    ft.run(resume=run, ner=moved, model=str(tmp_path / "there" / "model"))
    assert len(record(run)["changes"]) == 4
    assert all(change["harmless"] for change in record(run)["changes"])
    weights = [folder / "model" / "model.safetensors" for folder in (run, tmp_path / "as-it-was")]
    assert comparing.different_tensors(*weights) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("tokenizer.json", '"anna"', '"hannah"', "tokenizer of the pre-trained model"),
        ("config.json", '"hidden_dropout_prob": 0.1', '"hidden_dropout_prob": 0.3', "config.json"),
    ],
)
def test_another_model(
    stopped: Stop, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    run = stopped()
    path = tmp_path / "model" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert f"{said}" in refusal(run)


@pytest.mark.parametrize(
    ("what", "now", "harmless"),
    [
        ("libraries", {"torch": "1.0"}, False),
        ("libraries", {"transformers": "1.0"}, False),
        ("libraries", {"datasets": "1.0"}, True),
        ("machine", {"precision": "bf16"}, False),
        ("machine", {"device": "cuda:0"}, False),
        ("machine", {"threads": 7}, True),
        ("machine", {"processes": 2}, True),
    ],
)
def test_libraries_and_the_machine(
    stopped: Stop, monkeypatch: pytest.MonkeyPatch, what: str, now: dict[str, Any], harmless: bool
) -> None:
    run = stopped()
    name = "library_versions" if what == "libraries" else "machine"
    real = getattr(resume_changes, name)
    monkeypatch.setattr(resume_changes, name, lambda *given: {**real(*given), **now})
    if not harmless:
        (value,) = now.values()
        assert f"is {str(value).partition(':')[0]} now, and was" in refusal(run)
    ft.run(resume=run, allow_changed=not harmless)
    (change,) = record(run)["changes"]
    assert change["harmless"] == harmless


def test_before_the_first_checkpoint_everything_may_change(
    go: Any, data_files: dict[str, Any], tmp_path: Path
) -> None:
    """A run that failed over its settings, is mended, and is resumed, has nothing to be spoilt."""
    (tmp_path / "armed").touch()
    stumble = {"armed": str(tmp_path / "armed"), "how": "diverge", "step": 1}
    with pytest.raises(ft.TrainingError, match="the loss is nan in step 1"):
        go(["ner", "stumble"], tmp_path / "run", ner=data_files["ner"], stumble=stumble)
    other = data_files["ner"] | {"train": data_files["ner"]["validation"]}
    ft.run(resume=tmp_path / "run", ner=other, learning_rate=0.01, max_steps=2)
    assert record(tmp_path / "run")["steps"] == 2


def test_a_missing_list_of_plugins_is_refused(stopped: Stop) -> None:
    run = stopped()
    (run / "plugins.json").unlink()
    assert "does not say which plugins it was made with" in refusal(run)


def test_allow_changed_needs_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    from ft.cli.main import main

    assert main(["run", "--plugins", "ner", "--allow-changed"]) == 2
    assert "--allow-changed: there is no run" in capsys.readouterr().err
