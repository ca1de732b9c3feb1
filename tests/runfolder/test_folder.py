"""The folder of a run: who may write to it, what is left of it when something fails."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.contract.errors import UserError
from ft.runfolder import untrusted


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file in a folder but the lock."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


# Who may write to a folder


def test_a_second_run_into_the_same_folder_is_refused(go: Callable[..., Any]) -> None:
    output = go(["words"], max_steps=2).output
    before = contents(output)
    with pytest.raises(ft.UserError, match=r"there is a run in this folder already(.|\n)*--resume"):
        go(["texts"], output)
    assert contents(output) == before


def test_a_folder_where_nothing_was_trained_may_be_used_again(
    go: Callable[..., Any], data_files: dict[str, Any], tmp_path: Path
) -> None:
    """The user mends the path of the data and types the same command again."""
    output = tmp_path / "run"
    wrong = data_files["ner"] | {"train": str(tmp_path / "trian.conll")}
    with pytest.raises(ft.UserError, match=r"trian\.conll"):
        go(["ner"], output, ner=wrong)
    assert go(["ner"], output, ner=data_files["ner"], max_steps=2).record["steps"] == 2


def test_a_run_that_fails_before_it_trains_leaves_no_folder(
    go: Callable[..., Any], data_files: dict[str, Any], tmp_path: Path
) -> None:
    output = tmp_path / "runs" / "first"
    data = data_files["ner"]
    wrong: list[dict[str, Any]] = [
        {"ner": data | {"train": str(tmp_path / "trian.conll")}},
        {"ner": data, "model": str(tmp_path)},
        {"ner": data, "max_length": 100_000},
        {"ner": data, "freeze": ["no.such.part"]},
    ]
    for settings in wrong:
        with pytest.raises(ft.UserError):
            go(["ner"], output, **settings)
        assert not output.parent.exists()


def test_what_is_not_of_this_call_or_may_be_wanted_stays(
    go: Callable[..., Any], data_files: dict[str, Any], tmp_path: Path
) -> None:
    wrong = data_files["ner"] | {"train": str(tmp_path / "trian.conll")}
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(ft.UserError, match=r"trian\.conll"):
        go(["ner"], there, ner=wrong)
    assert there.exists()

    train = tmp_path / "train.conll"
    train.write_text(Path(data_files["ner"]["train"]).read_text() + "\nlonely\n")
    skipping = data_files["ner"] | {"train": str(train), "on_bad_row": "skip"}
    with pytest.raises(ft.UserError, match="findings"):
        go(["ner"], tmp_path / "rows", ner=skipping, lint="refuse")
    assert "lonely" in (tmp_path / "rows" / "bad_rows.jsonl").read_text()


def test_a_stop_before_the_first_step_leaves_no_folder(
    go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ft.engine.train.build_model", stop)
    with pytest.raises(KeyboardInterrupt):
        go(["words"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_processes_do_not_share_a_folder(
    go: Callable[..., Any], children: Any, tmp_path: Path
) -> None:
    config = go(["words"], epochs=500, max_steps=1).output / "config.toml"
    output = tmp_path / "shared"
    command = ["run", "--config", config, "--output", output, "-o", "run.max_steps=none"]
    child = children.start(command)
    try:
        child.wait_until((output / "metrics.jsonl").exists)
        owner = rf"process {child.process.pid} on \S+ is writing to this run"
        with pytest.raises(ft.UserError, match=owner):
            ft.run(resume=output)
        with pytest.raises(ft.UserError, match=rf"a run in this folder already|{owner}"):
            go(["words"], output)
    finally:
        child.kill()
    # The lock of a process that is gone holds nobody up.
    assert ft.run(resume=output, max_steps=2, allow_changed=True).record["steps"] == 2


# Stopping


@pytest.mark.parametrize("how", ["int", "term"])
def test_the_user_stops_a_run(failing: Any, children: Any, comparing: ModuleType, how: str) -> None:
    reference = failing.never()
    output = failing.folder / "stopped"
    failing.armed.touch()
    stumble = {"armed": failing.armed, "how": how, "step": 5}
    options = [part for key, value in stumble.items() for part in ("-o", f"stumble.{key}={value}")]
    config = reference / "config.toml"
    code, child = children.run(["run", "--config", config, "--output", output, *options])
    assert code == 130
    assert "stopped at step 5 of 12; nothing is lost" in child.stderr
    assert f"go on with `ft run --resume {output}`" in child.stderr
    assert "Traceback" not in child.stderr
    ft.run(resume=output)
    comparing.assert_same(output, reference)


def test_a_second_signal_stops_at_once(failing: Any, comparing: ModuleType) -> None:
    output = failing.stopped(KeyboardInterrupt, how="twice", step=5, checkpoint_steps=2)
    kept = sorted(path.name for path in (output / "checkpoints").glob("step-*"))
    assert kept == ["step-00000002", "step-00000004"]
    ft.run(resume=output)
    comparing.assert_same(output, failing.never(checkpoint_steps=2))


def test_resuming_a_finished_run_says_so_and_changes_nothing(
    go: Callable[..., Any], children: Any
) -> None:
    result = go(["words"])
    before = contents(result.output)
    again = ft.run(resume=result.output)
    assert contents(result.output) == before
    assert again.metrics == result.metrics
    code, child = children.run(["run", "--resume", result.output])
    assert (code, contents(result.output)) == (0, before)
    assert "finished already" in child.stdout
    assert f"{result.metrics['test']['accuracy'].value:.4f}" in child.stdout


def test_a_finished_run_without_its_checkpoints_is_not_trained_again(
    go: Callable[..., Any],
) -> None:
    """They take most of the space, so people delete them."""
    result = go(["words"])
    for path in sorted((result.output / "checkpoints").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    before = contents(result.output)
    ft.run(resume=result.output)
    assert contents(result.output) == before


def test_a_run_without_a_checkpoint_starts_from_the_beginning(
    failing: Any, comparing: ModuleType
) -> None:
    output = failing.stopped(
        RuntimeError, how="raise", step=3, checkpoint_steps=4, evaluate_steps=1
    )
    ft.run(resume=output)
    comparing.assert_same(output, failing.never(checkpoint_steps=4, evaluate_steps=1))
    (note,) = [
        note for note in comparing.read(output / "record.json")["notes"] if "checkpoint" in note
    ]
    assert note == "there is no complete checkpoint: training starts from the beginning"


# Failing


def test_a_loss_that_is_no_number_ends_the_run(failing: Any, comparing: ModuleType) -> None:
    output = failing.stopped(ft.TrainingError, how="diverge", step=9, checkpoint_steps=4)
    assert "the loss is nan in step 9 (epoch 2)" in failing.said
    assert "compute_loss: stumble( wobble( standard ) )" in failing.said
    last = output / "checkpoints" / "step-00000008"
    assert f"`ft run --resume {output}` goes on from the last good state, {last}" in failing.said
    assert failing.said.startswith("examples train[")
    ft.run(resume=output)
    comparing.assert_same(output, failing.never(checkpoint_steps=4))


def test_a_loss_that_is_no_number_names_the_lines_of_its_examples(
    go: Callable[..., Any], data_files: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "armed").touch()
    stumble = {"armed": str(tmp_path / "armed"), "how": "diverge", "step": 2}
    with pytest.raises(ft.TrainingError) as caught:
        go(["ner", "stumble"], tmp_path / "run", ner=data_files["ner"], stumble=stumble)
    named = str(caught.value.where).removeprefix("examples ").split(", ")
    lines = Path(data_files["ner"]["train"]).read_text().splitlines()
    assert len(named) == 8
    for place in named:
        path, line = place.rsplit(":", 1)
        assert path == data_files["ner"]["train"]
        assert int(line) == 1 or lines[int(line) - 2] == ""


def test_the_command_fails_with_one_message(
    failing: Any, children: Any, comparing: ModuleType
) -> None:
    config = failing.never(max_steps=3) / "config.toml"
    for how, said in (
        ("diverge", "error: examples train["),
        ("raise", "error: RuntimeError: stumbled"),
    ):
        failing.armed.touch()
        stumble = {"armed": failing.armed, "how": how, "step": 2}
        options = [f"stumble.{key}={value}" for key, value in stumble.items()]
        # The first run ends before it has a checkpoint.
        options += ["run.checkpoint_steps=1"] if how == "raise" else []
        output = failing.folder / how
        code, child = children.run(
            ["run", "--config", config, "--output", output]
            + [part for option in options for part in ("-o", option)]
        )
        assert code == 1, child.stderr
        assert child.stderr.startswith(said)
        assert "Traceback" not in child.stderr
        there = f"go on from the last checkpoint with `ft run --resume {output}`" in child.stderr
        assert there == (how == "raise")
    assert "raised by plugin 'stumble'" in child.stderr
    assert "(epoch 1, step 1)" in child.stderr


def test_a_folder_may_be_called_like_an_installed_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ner").mkdir()
    untrusted.refuse_plugins(tmp_path / "ner", ["ner"], "--plugins")
    with pytest.raises(UserError, match="lies in the run folder itself"):
        untrusted.refuse_plugins(tmp_path / "ner", ["ner:Ner"], "--plugins")
