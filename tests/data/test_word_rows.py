"""Tables with a word a row."""

from __future__ import annotations

from typing import Any

import pytest

from ft import FtError


@pytest.mark.parametrize(
    "content",
    [
        "sentence_id,words,labels\n0,Ann,B-PER\n0,ran,O\n1,Bob,B-PER\n",
        "Sentence #,Word,POS,Tag\nSentence: 1,Ann,NNP,B-PER\n,ran,VBD,O\nSentence: 2,Bob,NNP,B-PER\n",
    ],
)
def test_rows_of_one_sentence_are_put_together(content: str, write: Any, words: Any) -> None:
    data = words(write("a.csv", content))
    assert data.splits["train"]["tokens"][:] == [["Ann", "ran"], ["Bob"]]
    assert data.splits["train"]["tags"][:] == [["B-PER", "O"], ["B-PER"]]
    assert data.splits["train"]["line"][:] == [2, 4]
    assert any("each row holds one word" in note for note in data.notes)


def test_without_a_number_of_the_sentence_they_are_refused(write: Any, words: Any) -> None:
    path = write("a.csv", "doc,words,labels\n0,Ann,B-PER\n0,ran,O\n1,Bob,B-PER\n")
    with pytest.raises(FtError, match=r"each row holds one word(.|\n)*ner\.columns\.sentence_id"):
        words(path)
    data = words(path, columns={"sentence_id": "doc"})
    assert data.splits["train"]["tokens"][:] == [["Ann", "ran"], ["Bob"]]


def test_a_row_without_a_word_is_malformed(write: Any, words: Any, run: Any) -> None:
    path = write("a.csv", "sentence_id,words,labels\n0,Ann,B-PER\n0,,O\n1,Bob,B-PER\n")
    with pytest.raises(FtError, match=r"a\.csv:3: has no word"):
        words(path)
    skipped = words(path, run, on_bad_row="skip")
    assert skipped.splits["train"]["tokens"][:] == [["Bob"]]
