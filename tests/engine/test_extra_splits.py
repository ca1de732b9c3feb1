"""Splits beyond train, validation and test: scored as well, or a pool that is never scored."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main

MORE = """
from dataclasses import replace

import ft
from datasets import DatasetDict
from ft import hookimpl


class More(ft.Plugin):
    \"\"\"Adds splits to be scored, and a pool.\"\"\"

    @hookimpl
    def load_data(self, inner, run):
        data = inner(run)
        rows = data.splits["train"]
        splits = dict(data.splits) | {
            "old": rows.select(range(20)),
            "far": rows.select(range(20, 30)),
            "pool": rows.select(range(9)).remove_columns(["label"]),
        } | dict(EXTRA)
        return replace(data, splits=DatasetDict(splits), schema=replace(data.schema, each_epoch=EACH))

    @hookimpl
    def on_epoch_end(self, run, epoch, metrics):
        run.log(self, "old", metrics["old/accuracy"].value)
        run.log(self, "pool", len(run.predict("pool").items))
"""


def more(folder: Path, extra: str = "{}", each: str = '("old",)') -> str:
    path = folder / "more.py"
    path.write_text(MORE.replace("EXTRA", extra).replace("EACH", each))
    return str(path)


def test_named_splits_are_scored_when_the_schema_says(go: Any, tmp_path: Path) -> None:
    result = go(["texts", more(tmp_path)], epochs=2)
    assert list(result.metrics) == ["validation", "test", "old", "far"]
    lines = [json.loads(line) for line in (result.output / "metrics.jsonl").open()]
    scored = [line["split"] for line in lines if "split" in line]
    assert scored == ["validation", "old"] * 2
    for split, rows in (("old", 20), ("far", 10)):
        for kind in ("", ".examples"):
            path = result.output / "predictions" / f"{split}{kind}.jsonl"
            assert len(path.read_text().splitlines()) == rows
    assert not list((result.output / "predictions").glob("pool*"))
    # A split more changes nothing of the training.
    assert result.metrics["test"] == go(["texts"], epochs=2).metrics["test"]


@pytest.mark.parametrize(
    ("extra", "each", "message"),
    [
        ('{"../old": rows}', '("old",)', r"a split called '\.\./old'"),
        ("{}", '("new",)', "each_epoch names 'new'.*such splits are: old, far"),
        ('{"test": rows}', '("old",)', "'more'.* changed the test split|changed the test split"),
    ],
)
def test_splits_that_cannot_be_are_refused(
    go: Any, tmp_path: Path, extra: str, each: str, message: str
) -> None:
    with pytest.raises(ft.PluginError) as failure:
        go(["texts", more(tmp_path, extra, each)], epochs=1)
    assert re.search(message, str(failure.value), re.DOTALL)


def test_a_split_that_a_technique_added_is_scored_again(
    go: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command, and in Python; what no plugin brings is refused as before."""
    result = go(["texts", more(tmp_path)], epochs=1)
    (result.output / "predictions" / "old.jsonl").unlink()
    assert main(["evaluate", str(result.output), "--split", "old"]) == 0
    assert (result.output / "predictions" / "old.jsonl").exists()
    model = ft.load(result.output)
    for split in ("far", "old", "test"):
        again = model.evaluate(split=split).metrics[split]
        assert again["accuracy"].value == result.metrics[split]["accuracy"].value
    capsys.readouterr()
    assert main(["evaluate", str(result.output), "--split", "new"]) == 2
    assert "the run has no new split" in capsys.readouterr().err
    assert main(["evaluate", str(result.output), "--split", "pool"]) == 2
    assert "no gold answers" in capsys.readouterr().err
