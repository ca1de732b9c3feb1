"""The folder that a study is begun in, by several processes at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ft import DataError, UserError
from ft_study.folder import STUDY, begin, flat
from ft_study.results import write_once

ABOUT = {"settings": {"run.seed": "0"}, "storage": "study.db"}


def test_of_many_that_begin_at_once_all_have_the_same_study(tmp_path: Path) -> None:
    for k in range(10):
        with ThreadPoolExecutor(8) as pool:
            marks = {*pool.map(lambda _, k=k: begin(tmp_path / f"s{k}", ABOUT), range(8))}
        assert len(marks) == 1
        assert json.loads((tmp_path / f"s{k}" / STUDY).read_bytes())["id"] in marks


def test_a_study_with_something_else_is_refused_and_named(tmp_path: Path) -> None:
    begin(tmp_path / "s", ABOUT)
    with pytest.raises(UserError, match=r"other settings; not the same: run\.seed"):
        begin(tmp_path / "s", {**ABOUT, "settings": {"run.seed": "1"}})
    with pytest.raises(UserError, match=r"other storage \(study\.db, not elsewhere\)"):
        begin(tmp_path / "s", {**ABOUT, "storage": "elsewhere"})


def test_a_damaged_study_is_said_by_its_file(tmp_path: Path) -> None:
    begin(tmp_path / "s", ABOUT)
    (tmp_path / "s" / STUDY).write_text("[]")
    with pytest.raises(DataError, match=STUDY):
        begin(tmp_path / "s", ABOUT)


def test_a_file_is_written_once_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    assert write_once(tmp_path / "a", "first")
    assert not write_once(tmp_path / "a", "second")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "first"


def test_settings_are_compared_by_their_dotted_keys() -> None:
    tables = {"plugins": ["ner"], "run": {"seed": 3}, "ner": {"train": "a.conll"}}
    assert flat(tables) == {"plugins": '["ner"]', "run.seed": "3", "ner.train": '"a.conll"'}
