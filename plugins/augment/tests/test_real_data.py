"""Every sentence of a real corpus, through everything at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import ft

BESIDE = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
CORPUS = Path(os.environ.get("FT_TEST_DATA", BESIDE)) / "wnut17" / "train.conll"


@pytest.mark.skipif(not CORPUS.exists(), reason=f"no corpus at {CORPUS}; set FT_TEST_DATA")
def test_wnut17_stays_legal(start: Any) -> None:
    blocks = CORPUS.read_text(encoding="utf-8").strip().split("\n\n")
    rows = [[line.split("\t") for line in block.split("\n")] for block in blocks]
    train = {
        "tokens": [[row[0] for row in block] for block in rows],
        "tags": [[row[-1] for row in block] for block in rows],
    }
    labels = tuple(sorted({tag for tags in train["tags"] for tag in tags}, key=lambda t: t != "O"))
    started = start(
        train,
        ft.Schema(words=ft.Words(labels=labels)),
        probability=1,
        combine="all",
        mention=1,
        punctuation=1,
    )
    new = started.encode({**train, "example_id": list(range(len(rows)))})
    altered = 0
    for i, (tokens, tags) in enumerate(zip(new["tokens"], new["tags"], strict=True)):
        assert len(tokens) == len(tags) > 0
        assert set(tags) <= set(labels)
        for before, tag in zip(["O", *tags], tags, strict=False):
            assert tag[0] != "I" or before in (tag, "B" + tag[1:])
        before = [tag[2:] for tag in train["tags"][i] if tag[0] == "B"]
        assert sorted(tag[2:] for tag in tags if tag[0] == "B") == sorted(before)
        altered += tokens != train["tokens"][i]
    assert altered > len(rows) / 2
