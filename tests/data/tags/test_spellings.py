"""Tags of other spellings are read as they are meant, and said, or refused with what decides."""

from __future__ import annotations

from typing import Any

import pytest

from ft import FtError

USUAL = ["B-PER", "I-PER", "O", "B-LOC"]


def conll(tags: list[str]) -> str:
    return "".join(f"w{i}\t{tag}\n" for i, tag in enumerate(tags))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["b-per", "i-per", "o", "b-loc"], "'b-loc' are read as 'B-loc'"),
        (["B_PER", "I_PER", "O", "B_LOC"], "'B_LOC' are read as 'B-LOC'"),
        (["B:PER", "I:PER", "O", "B:LOC"], "'B:LOC' are read as 'B-LOC'"),
        (["PER-B", "PER-I", "O", "LOC-B"], "prefixes that stand behind the types"),
        (["B-PER", "I-PER", "o", "B-LOC"], "'o' is read as 'O'"),
    ],
)
def test_other_spellings(tags: list[str], said: str, write: Any, words: Any) -> None:
    data = words(write("a.conll", conll(tags)))
    found = data.splits["train"]["tags"][0]
    assert [tag.upper() for tag in found] == USUAL
    assert any(said in note for note in data.notes)


def test_prefixes_alone(write: Any, words: Any) -> None:
    data = words(write("a.conll", conll(["B", "I", "O", "B"])))
    assert data.splits["train"]["tags"][0] == ["B-ENTITY", "I-ENTITY", "O", "B-ENTITY"]


def test_composed_and_decomposed_types_are_one(write: Any, words: Any) -> None:
    data = words(write("a.conll", conll(["B-Sta\u0308dte", "O", "B-Städte"])))
    assert data.schema.words.labels == ("O", "B-Städte", "I-Städte")


def test_types_without_prefixes_are_asked(write: Any, words: Any) -> None:
    path = write("a.conll", conll(["PER", "PER", "O", "O", "O", "O", "LOC"]))
    with pytest.raises(FtError, match=r"types without prefixes, such as 'LOC', 'PER'\n.*'IO'"):
        words(path)
    tags = words(path, scheme="IO").splits["train"]["tags"][0]
    assert tags == ["B-PER", "I-PER", "O", "O", "O", "O", "B-LOC"]
    assert words(path, scheme="none").schema.words.labels == ("O", "LOC", "PER")


def test_ids_need_names(write: Any, words: Any) -> None:
    rows = [{"tokens": ["Ann", "ran"], "ner_tags": [1, 0]}, {"tokens": ["Rome"], "ner_tags": [2]}]
    path = write("a.jsonl", rows)
    with pytest.raises(FtError, match=r"ids without names\n.*ner\.label_names = \['O', 'B-PER'"):
        words(path)
    data = words(path, label_names=("O", "B-PER", "B-LOC"))
    assert data.splits["train"]["tags"][:] == [["B-PER", "O"], ["B-LOC"]]
    with pytest.raises(FtError, match=r"ner\.label_names: there is a tag 2, and 2 names"):
        words(path, label_names=("O", "B-PER"))
