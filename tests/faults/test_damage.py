"""Files of a run folder that are cut short, altered or gone: a clear error or a correct resume."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.builtin import builtin
from ft.contract.errors import Interrupted
from ft.engine.predict import predict
from ft.reporters.reporter import Reporter


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path, where: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[int(where * (len(content) - 1))] ^= 4
        path.write_bytes(bytes(content))


def remove(path: Path) -> None:
    path.unlink()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "truncated": truncate,
    "empty": empty,
    "flipped": flip,
    "flipped-early": lambda path: flip(path, 0.02),
    "flipped-late": lambda path: flip(path, 0.98),
    "missing": remove,
}


def notes(run: Path) -> str:
    return "\n".join(json.loads((run / "record.json").read_text())["notes"])


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("step-00000008/model.safetensors", "truncated", "model.safetensors is damaged"),
        ("step-00000008/optimizer.safetensors", "flipped", "optimizer.safetensors is damaged"),
        ("step-00000008/state.json", "missing", "state.json is missing"),
        ("step-00000008/complete.json", "missing", "it was not finished"),
        ("step-00000008/complete.json", "truncated", "complete.json cannot be read"),
    ],
)
def test_a_damaged_checkpoint_is_named_and_passed_over(
    runs: dict[str, Path], stopped: Path, comparing: ModuleType, name: str, how: str, said: str
) -> None:
    DAMAGES[how](stopped / "checkpoints" / name)
    ft.run(resume=stopped)
    assert f"passed over a checkpoint: step-00000008: {said}" in notes(stopped)
    assert "resumed at step 6 of 12" in notes(stopped)
    comparing.assert_same(stopped, runs["finished"])


def test_without_a_good_checkpoint_training_starts_again(
    runs: dict[str, Path], stopped: Path, comparing: ModuleType
) -> None:
    for path in (stopped / "checkpoints").glob("step-*/model.safetensors"):
        flip(path)
    ft.run(resume=stopped)
    assert "passed over a checkpoint: step-00000006" in notes(stopped)
    assert "training starts from the beginning" in notes(stopped)
    comparing.assert_same(stopped, runs["finished"])


def test_a_checkpoint_without_its_best_weights_is_passed_over(
    runs: dict[str, Path], stopped: Path, comparing: ModuleType
) -> None:
    (best,) = (stopped / "checkpoints").glob("best-00000008")
    flip(best / "model.safetensors")
    ft.run(resume=stopped)
    assert "step-00000008: its best weights, best-00000008, are lost" in notes(stopped)
    comparing.assert_same(stopped, runs["finished"])


def test_what_a_kill_left_half_renamed_is_taken_up(
    runs: dict[str, Path], stopped: Path, comparing: ModuleType
) -> None:
    checkpoints = stopped / "checkpoints"
    (checkpoints / "step-00000008").rename(checkpoints / ".step-00000008.old")
    shutil.copytree(checkpoints / "step-00000006", checkpoints / ".step-00000008.partial")
    ft.run(resume=stopped)
    assert "resumed at step 8 of 12" in notes(stopped)
    comparing.assert_same(stopped, runs["finished"])
    assert not list(checkpoints.glob(".*"))


def test_only_what_is_needed_is_kept(runs: dict[str, Path]) -> None:
    names = sorted(path.name for path in (runs["finished"] / "checkpoints").iterdir())
    best = json.loads((runs["finished"] / "record.json").read_text())["best"]["step"]
    assert [name for name in names if name.startswith("step")] == ["step-00000010", "step-00000012"]
    assert f"best-{best:08d}" in names
    assert len(names) <= 4


def files(run: Path) -> list[str]:
    return sorted(
        str(path.relative_to(run))
        for path in run.rglob("*")
        if path.is_file() and path.name != ".lock"
    )


@pytest.mark.faults
@pytest.mark.parametrize("how", DAMAGES)
def test_any_file_of_a_stopped_run(
    runs: dict[str, Path],
    tmp_path: Path,
    comparing: ModuleType,
    tally: Callable[..., None],
    how: str,
) -> None:
    """The log's old lines are history, and may be lost."""
    for number, name in enumerate(files(runs["stopped"])):
        run = Path(shutil.copytree(runs["stopped"], tmp_path / str(number)))
        DAMAGES[how](run / name)
        if refused(run, name):
            tally(damaged_files=1, refused_clearly=1)
            continue
        tally(damaged_files=1, resumed_exactly=1)
        if name == "metrics.jsonl":
            shutil.copy(runs["finished"] / name, run / name)
        found = comparing.differences(run, runs["finished"])
        found = [one for one in found if "progress lines" not in one]
        assert found == [], (name, found)


@pytest.mark.faults
@pytest.mark.parametrize("how", DAMAGES)
def test_any_file_of_a_finished_run(
    runs: dict[str, Path], tmp_path: Path, tally: Callable[..., None], how: str
) -> None:
    texts = ["anna went to london", "the house"]
    wanted = ft.predict(runs["finished"], texts)
    for number, name in enumerate(files(runs["finished"])):
        run = Path(shutil.copytree(runs["finished"], tmp_path / str(number)))
        DAMAGES[how](run / name)
        spoken: list[str] = []
        found, said = None, ""
        try:
            found = list(predict(run, iter(texts), Listener(spoken), builtin()))
        except ft.FtError as error:
            said = str(error)
        told = str(run) in said or any(" now, and was " in note for note in spoken)
        assert found == wanted or told, (name, said)
        refused(run, name)
        tally(damaged_files=1, **{"predicted_as_before" if found == wanted else "told": 1})


def refused(run: Path, name: str) -> bool:
    """Whether a resume says clearly that it cannot be."""
    try:
        ft.run(resume=run)
    except ft.FtError as error:
        said = str(error)
    else:
        return False
    assert str(run) in said, (name, said)
    return True


class Listener(Reporter):
    """Keeps the notes."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("how", ["empty", "truncated", "missing"])
def test_a_damaged_record_is_made_again(
    runs: dict[str, Path], finished: Path, comparing: ModuleType, how: str
) -> None:
    DAMAGES[how](finished / "record.json")
    ft.run(resume=finished)
    comparing.assert_same(finished, runs["finished"])


def test_a_state_that_json_cannot_hold_names_the_plugin(
    go: Callable[..., Any], tmp_path: Path
) -> None:
    plugin = tmp_path / "keeper.py"
    plugin.write_text(
        "import ft, torch\n\n\nclass Keeper(ft.Plugin):\n"
        "    def state_dict(self):\n        return {'mean': torch.zeros(2)}\n"
    )
    with pytest.raises(
        ft.PluginError, match=r"state_dict returned what JSON cannot hold"
    ) as caught:
        go(["words", str(plugin)])
    assert "plugin 'keeper'" in str(caught.value)


def test_nothing_in_a_run_folder_can_run_code(runs: dict[str, Path]) -> None:
    known = {".json", ".jsonl", ".toml", ".safetensors", ".html", ".txt"}
    for run in runs.values():
        for name in files(run):
            content = (run / name).read_bytes()
            assert Path(name).suffix in known, name
            assert not content.startswith((b"\x80", b"PK\x03\x04", b"\x1f\x8b")), name


def test_a_checkpoint_of_another_model_is_refused(stopped: Path) -> None:
    with pytest.raises(ft.FtError, match="does not fit the"):
        ft.run(resume=stopped, freeze="embeddings", allow_changed=True)


def test_an_interrupt_leaves_a_whole_checkpoint(failing: Any) -> None:
    output = failing.stopped(Interrupted, how="int", step=4, checkpoint_steps=2)
    assert not list((output / "checkpoints").glob(".*"))


def test_a_damaged_newer_checkpoint_does_not_outlive_the_good_ones(
    runs: dict[str, Path], stopped: Path, tmp_path: Path
) -> None:
    """What was passed over is no reason to delete what a second resume needs."""
    flip(stopped / "checkpoints" / "step-00000008" / "model.safetensors")
    (tmp_path / "armed").touch()
    stumble = {"armed": str(tmp_path / "armed"), "how": "int", "step": 7}
    with pytest.raises(Interrupted):
        ft.run(resume=stopped, stumble=stumble, keep_checkpoints=1, allow_changed=True)
    names = [path.name for path in (stopped / "checkpoints").glob("step-*")]
    assert names == ["step-00000007"]
