"""Names of files in what others than the user read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ft
from ft.contract.paths import full_paths, public, without_folders

USER = "anna-kowalska"
MAY_NAME_FOLDERS = {"config.toml", "task.json", "plugins.json", "state.json"}
"""A run needs them to go on, and to find the plugins that it names by a file; the last stands in a
checkpoint."""

names = st.text("abcXYZ019._- é", min_size=1, max_size=12).filter(lambda name: name.strip(". "))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, below the user's own."""
    folder = tmp_path / USER / "project"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder)
    return folder


@settings(suppress_health_check=[*HealthCheck], deadline=None, max_examples=50)
@given(
    inside=st.lists(names, min_size=1, max_size=3), outside=st.lists(names, min_size=1, max_size=3)
)
def test_a_public_name_has_no_folder_of_the_machine(
    here: Path, inside: list[str], outside: list[str]
) -> None:
    assert public(here.joinpath(*inside)) == "/".join(inside)
    assert public(Path("/srv", USER, *outside)) == outside[-1]
    assert public(Path("..", USER, *outside)) == outside[-1]
    assert public("~/" + "/".join(outside)) == outside[-1]


@pytest.mark.parametrize("name", ["org/model", "train.csv", "data/train.csv", "hf://a/b", ""])
def test_what_is_no_full_path_stays(here: Path, name: str) -> None:
    assert public(name) == name
    assert without_folders({name: [name, 3]}, [name]) == {name: [name, 3]}


@settings(suppress_health_check=[*HealthCheck], deadline=None, max_examples=50)
@given(before=st.text("ab :(\"'\n", max_size=5), name=names, line=st.integers(1, 9999))
def test_paths_are_found_inside_texts(here: Path, before: str, name: str, line: int) -> None:
    before = f"{before} "
    path = f"/srv/{USER}/{name}"
    told = {"where": [f"{before}{path}:{line}"], path: f"{here}/out/x", "home": f"~{before}"}
    assert without_folders(told, [path]) == {
        "where": [f"{before}{name}:{line}"],
        name: "out/x",
        "home": f"~{before}",
    }


def test_a_longer_path_is_not_cut_by_a_shorter_one(here: Path) -> None:
    told = ["/srv/a/train.csv:3", "/srv/a/trainer/x", "/srv/abc", "/mnt/srv/a"]
    assert without_folders(told, ["/srv/a", "/srv/a/train.csv"]) == [
        "train.csv:3",
        "a/trainer/x",
        "/srv/abc",
        "/mnt/srv/a",
    ]
    assert full_paths({"a": ["/srv/x", "b/c", "~/d", "../e", "/"]}) == ["/srv/x", "~/d", "../e"]


PLUGIN = """
import ft

class Quiet(ft.Plugin):
    @ft.hookimpl
    def on_run_start(self, run):
        run.note(f"reads {__file__}")
        run.uses(__file__)
"""


@pytest.mark.parametrize("form", ["full", "short", "home"])
def test_what_a_run_leaves_for_others_names_no_folder_of_the_machine(
    here: Path, tmp_path: Path, tiny_model: Path, form: str
) -> None:
    """Data, a plugin, the run folder: below the current folder and elsewhere, however given."""
    elsewhere = tmp_path / USER / "other"
    elsewhere.mkdir()
    rows = [
        {"text": f"anna went to {place} {i}", "label": place} for i in range(12) for place in "ab"
    ]
    lines = [json.dumps(row) for row in [*rows, rows[0], {"label": "a"}]]
    (here / "train.jsonl").write_text("\n".join(lines))
    (elsewhere / "test.jsonl").write_text("\n".join(lines))
    (elsewhere / "quiet.py").write_text(PLUGIN)
    given = {
        "full": (f"{here}/", f"{elsewhere}/"),
        "short": ("", "../other/"),
        "home": ("~/project/", "~/other/"),
    }
    own, other = given[form]
    result = ft.run(
        ["sentiment", f"{other}quiet.py"],
        output=(Path(other) / "run").expanduser(),
        model=str(tiny_model),
        epochs=1,
        device="cpu",
        sentiment={
            "train": f"{own}train.jsonl",
            "test": f"{other}test.jsonl",
            "on_bad_row": "skip",
        },
    )
    ft.evaluate(result.output, f"{own}train.jsonl")
    told = json.dumps(result.record)
    assert "train.jsonl:25" in told
    assert "test.jsonl" in told
    assert "quiet.py" in told
    seen: dict[str, Any] = {}
    for path in elsewhere.joinpath("run").rglob("*"):
        if path.is_file() and path.name not in MAY_NAME_FOLDERS:
            seen[path.name] = path.read_bytes()
            for word in (USER, str(tmp_path), "../other"):
                assert word.encode() not in seen[path.name], (path, word)
    assert {"report.html", "record.json", "bad_rows.jsonl", "test.examples.jsonl"} <= seen.keys()
    assert b'"place": "test.jsonl:1"' in seen["test.examples.jsonl"]
    assert b'"file": "train.jsonl"' in seen["bad_rows.jsonl"]


def test_files_of_one_name_in_two_folders_are_both_kept() -> None:
    used = {"/data/old/model": "1", "/data/older/model": "2", "model": "3"}
    assert without_folders(used, used) == {"model": "1", "model (2)": "2", "model (3)": "3"}
