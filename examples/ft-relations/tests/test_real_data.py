"""The files of SemEval-2010 Task 8, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ft_relations import Relations
from ft_relations.scoring import evaluate_relations, undirected

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
DATA = Path(os.environ.get("FT_TEST_DATA", SHARED)) / "semeval2010_task8"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}; set FT_TEST_DATA")
def test_every_row_is_read() -> None:
    paths = {"train": "train", "validation": "dev", "test": "test"}
    files = {split: str(DATA / f"{name}.jsonl") for split, name in paths.items()}
    plugin = Relations(Relations.Config(**files))
    plugin.seed("relations", 0)
    data = plugin.load_data(SimpleNamespace(note=print, wanted=None))  # type: ignore[arg-type]
    sizes = {split: len(rows) for split, rows in data.splits.items()}
    assert sizes == {"train": 7201, "validation": 799, "test": 2717}
    assert data.schema.label is not None
    assert len(data.schema.label.names) == 19
    assert len({undirected(name) for name in data.schema.label.names}) == 10
    gold = data.splits["test"]["relation"][:]
    perfect = evaluate_relations(gold, gold, negative="Other", seed=0)
    assert perfect.metrics["f1"].value == 1
    assert len(perfect.tables[0].rows) == 9
    assert data.splits["train"][0]["text"].count("<e1>configuration</e1>") == 1
