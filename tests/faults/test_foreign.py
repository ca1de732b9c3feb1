"""A run folder that came from somebody else runs no code by its place, hangs nowhere, writes nowhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main

TEXTS = ["anna went to london"]
PLUGIN = """
from pathlib import Path
import ft

Path({marker!r}).touch()

class Mark(ft.Plugin):
    pass
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that is there if the plugin's code was run."""
    return tmp_path / "executed"


@pytest.fixture
def run(go: Any, tmp_path: Path, marker: Path) -> Path:
    """A finished run with a plugin file of its user's own, which lies outside the run folder."""
    plugin = tmp_path / "own" / "mark.py"
    plugin.parent.mkdir()
    plugin.write_text(PLUGIN.format(marker=str(marker)))
    folder: Path = go(["words", str(plugin)], max_steps=1).output
    marker.unlink()
    return folder


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Be another user, or on another machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))


def test_a_run_of_ones_own_needs_no_flag(run: Path, marker: Path) -> None:
    assert len(ft.predict(run, TEXTS)) == 1
    assert marker.exists()


def test_a_foreign_run_that_names_a_file_is_refused(
    run: Path, marker: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    elsewhere(monkeypatch, tmp_path)
    commands = (["predict", run], ["evaluate", run], ["run", "--resume", run])
    for command in commands:
        assert main([str(part) for part in command]) == 2
        said = capsys.readouterr().err
        assert "the run was not made by you on this machine, and names code by its place" in said
        assert "--trust-plugins" in said
    assert not marker.exists()
    assert len(ft.predict(run, TEXTS, trust_plugins=True)) == 1
    assert marker.exists()


def test_a_file_that_was_added_to_the_settings_of_ones_own_run_is_refused(
    run: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.py"
    other.write_text(PLUGIN.format(marker=str(tmp_path / "other-executed")))
    config = run / "config.toml"
    config.write_text(config.read_text().replace('mark.py:Mark"', f'mark.py:Mark", "{other}"'))
    with pytest.raises(ft.UserError, match="names code by its place"):
        ft.predict(run, TEXTS)
    assert not (tmp_path / "other-executed").exists()


def test_a_module_of_the_current_folder_is_refused(
    go: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder: Path = go(["words"], max_steps=1).output
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trap.py").write_text(PLUGIN.format(marker=str(tmp_path / "sprung")))
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('Task"', 'Task", "trap:Mark"', 1))
    with pytest.raises(ft.UserError, match="names code by its place"):
        ft.predict(folder, TEXTS)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "name", ["config.toml", "plugins.json", "task.json", "metrics.jsonl", "record.json", "new"]
)
def test_a_named_pipe_hangs_nothing(
    finished: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (finished / name).unlink(missing_ok=True)
    os.mkfifo(finished / name)
    for command in ("predict", "evaluate", "report"):
        assert main([command, str(finished)]) == 2
        assert capsys.readouterr().err


@pytest.mark.parametrize("name", [".report.html.partial", "report.html", "config.toml"])
def test_a_report_is_not_written_through_a_link(
    finished: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (finished / name).unlink(missing_ok=True)
    (finished / name).symlink_to(victim)
    assert main(["report", str(finished)]) == 2
    assert "a link" in capsys.readouterr().err
    assert victim.read_text() == "mine"


def test_a_report_is_not_written_through_a_hard_link(finished: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in (".report.html.partial", "report.html"):
        (finished / name).unlink(missing_ok=True)
        os.link(victim, finished / name)
    assert main(["report", str(finished)]) == 0
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("name", ["../../x", "<meta http-equiv=refresh>", ".hidden", "a/b", ""])
def test_the_name_of_a_split_is_a_name(
    finished: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = finished / "record.json"
    record.write_text(record.read_text().replace('"validation": {', f'"{name}": {{'))
    assert main(["report", str(finished)]) == 2
    assert "cannot be the name of a split" in capsys.readouterr().err


def test_a_configuration_that_asks_for_millions_of_layers(finished: Path) -> None:
    config = finished / "model" / "config.json"
    text = config.read_text()
    config.write_text(text.replace('"num_hidden_layers": ', '"num_hidden_layers": 3000000'))
    with pytest.raises(ft.UserError, match=r"asks for 3,?0"):
        ft.predict(finished, TEXTS)


@pytest.mark.parametrize("name", [".lock", "metrics.jsonl"])
def test_a_new_run_follows_no_link_in_its_output(go: Any, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    output = tmp_path / "out"
    output.mkdir()
    (output / name).symlink_to(victim)
    with pytest.raises(ft.UserError):
        go(["words"], output, max_steps=1)
    assert victim.read_text() == "mine"


def test_files_of_a_run_have_the_mode_that_the_user_gives_files(go: Any) -> None:
    folder: Path = go(["words"], max_steps=1).output
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert len(modes) == 1


def test_a_copy_of_a_run_goes_on(run: Path, tmp_path: Path) -> None:
    assert len(ft.predict(shutil.copytree(run, tmp_path / "copy"), TEXTS)) == 1
