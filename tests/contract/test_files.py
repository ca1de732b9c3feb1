"""Files are written whole or not at all; values become JSON that every reader takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ft


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.txt"
    ft.write_whole(path, "größer")
    ft.write_whole(path, (part for part in ("a\n", "b\n")))
    assert path.read_bytes() == b"a\nb\n"
    ft.write_whole(path, b"\xff")
    assert path.read_bytes() == b"\xff"
    assert ft.file_hash(path) == hashlib.sha256(b"\xff").hexdigest()
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_half_way_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text("before")

    def parts() -> Iterator[str]:
        yield "after"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        ft.write_whole(path, parts())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_json_has_no_numbers_that_it_lacks() -> None:
    draws = ft.bootstrap_items(lambda rows: 0.5, 3, resamples=2).draws
    values = {
        1: (float("nan"), np.float32(0.5), np.int64(2), np.bool_(True), None),
        "path": Path("a"),
        "metric": ft.Metric(float("inf"), 0.1, 0.2, draws),
        "table": ft.Table("t", ("a",), ((1,),)),
    }
    assert json.loads(ft.to_json(values)) == {
        "1": [None, 0.5, 2, True, None],
        "path": "a",
        "metric": {"value": None, "low": 0.1, "high": 0.2, "higher_is_better": True},
        "table": {"title": "t", "columns": ["a"], "rows": [[1]], "note": ""},
    }


def test_parts_of_messages() -> None:
    assert ft.listed(["a", "b"]) == "a, b"
    assert ft.listed(range(2_000), 1) == "0 and 1,999 more"
    assert ft.did_you_mean("trian", ["train", "test"]) == "did you mean 'train'?"
    assert ft.did_you_mean("x", ["train", "test"]) is None
