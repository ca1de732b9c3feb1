"""What the kept features of a provider depend on, and when none are kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ft import PluginError

PLUGIN = """
from pathlib import Path

from ft import Plugin, hookimpl


class Upper(Plugin):
    name = "upper"
    {declared}

    @hookimpl
    def encode(self, run, examples, training):
        from upper_helper import length

        with (Path(__file__).parent / "calls").open("a") as file:
            file.write(f"{{run.epoch}} {{training}}\\n")
        ids = [[1] * length(text) for text in examples["text"]]
        labels = [int(label == "yes") for label in examples["label"]]
        return {{"input_ids": ids, "labels": labels}}

    {key}
"""
KEY = """def cache_key(self, run):
        text = (Path(__file__).parent / "lexicon").read_text()
        return {"lexicon": text} if text != "odd" else object()
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task's encoding in a file, with a helper beside it."""
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "upper_helper.py").write_text("def length(text):\n    return 3\n")
    (tmp_path / "lexicon").write_text("one")
    (tmp_path / "upper.py").write_text(PLUGIN.format(declared="", key=KEY))
    return tmp_path / "upper.py"


def encoded(plugin: Path) -> list[str]:
    """The epochs in which something was encoded for training, since the last look."""
    calls = plugin.parent / "calls"
    lines = calls.read_text().splitlines()
    calls.unlink()
    return [line.split()[0] for line in lines if line.endswith("True")]


def test_features_are_kept_until_something_changes(go: Any, plugin: Path) -> None:
    def run() -> list[str]:
        go(["texts", str(plugin)], max_steps=1)
        return encoded(plugin)

    assert run() == ["0"]
    assert run() == []
    # The module was imported already: what counts is the file that the next run will import.
    (plugin.parent / "upper_helper.py").write_text("def length(text):\n    return 4\n")
    assert run() == ["0"]
    assert run() == []
    (plugin.parent / "lexicon").write_text("two")
    assert run() == ["0"]
    (plugin.parent / "lexicon").write_text("one")
    assert run() == []


def test_a_key_that_is_no_json_is_refused(go: Any, plugin: Path) -> None:
    (plugin.parent / "lexicon").write_text("odd")
    with pytest.raises(PluginError, match="cache_key returned what JSON cannot hold"):
        go(["texts", str(plugin)], max_steps=1)


def test_what_varies_is_encoded_in_every_epoch(go: Any, plugin: Path) -> None:
    plugin.write_text(PLUGIN.format(declared="varies = True", key=""))
    go(["texts", str(plugin)], epochs=2)
    assert encoded(plugin) == ["1", "2"]


def test_a_run_knows_the_helpers_of_its_plugins(go: Any, plugin: Path) -> None:
    run = go(["texts", str(plugin)], max_steps=1)
    rows = {
        row["name"]: row for row in json.loads((run.output / "plugins.json").read_text())["plugins"]
    }
    assert set(rows["upper"]["files"]) == {"upper.py", "upper_helper.py"}


def test_a_helper_is_known_however_it_is_imported(
    go: Any, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a package of helpers, and by its name as text."""
    monkeypatch.delitem(sys.modules, "upper_helper", raising=False)  # another test's
    package = plugin.parent / "upper_parts"
    (package / "deep").mkdir(parents=True)
    files = {
        "__init__": "from . import one\n",
        "one": "from .deep import length\n",
        "deep/__init__": "from ..two import length\n",
        "two": "def length(text):\n    return 3\n",
        "never": "",
    }
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    (plugin.parent / "upper_named.py").write_text("")
    (plugin.parent / "upper_helper.py").write_text(
        "import importlib\n\nimport upper_parts\n\nimportlib.import_module('upper_named')\n"
        "length = upper_parts.one.length\n"
    )
    run = go(["texts", str(plugin)], max_steps=1)
    (row,) = [
        row
        for row in json.loads((run.output / "plugins.json").read_text())["plugins"]
        if row["name"] == "upper"
    ]
    assert set(row["files"]) == {
        "upper.py",
        "upper_helper.py",
        "upper_named.py",
        *(f"upper_parts/{name}.py" for name in ("__init__", "one", "deep/__init__", "two")),
    }
