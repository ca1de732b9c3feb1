"""Columns of CoNLL files by what stands in them."""

from __future__ import annotations

from typing import Any

import pytest

from ft import FtError

TOKENS, TAGS = [["Ann", "saw", "Rome"], ["Bob", "ran"]], [["B-PER", "O", "B-LOC"], ["B-PER", "O"]]


def lines(form: str, between: str = "\t", begin: str = "") -> str:
    """A file of rows of a form such as ``{n} {word} {tag} 0.9``."""
    sentences = []
    for words, tags in zip(TOKENS, TAGS, strict=True):
        rows = [
            form.format(n=i, word=word, tag=tag)
            for i, (word, tag) in enumerate(zip(words, tags, strict=True), 1)
        ]
        sentences.append(begin + "\n".join(rows).replace(" ", between) + "\n")
    return "\n".join(sentences)


@pytest.mark.parametrize(
    ("form", "between", "begin"),
    [
        ("{word} {tag} 0.93", " ", ""),
        ("{word} {tag} -1", "\t", ""),
        ("{n} {word} {tag} - annotator1", "\t", "# sent_id = 1\n# text = x\n"),
        ("{n} {word} {tag}", " ", ""),
        ("{n} {word} NN B-NP {tag}", " ", ""),
        ("{word} {tag} _ _", "\t", ""),
        ("{n} {word} {word} NOUN NN _ 0 root _ NER={tag}|SpaceAfter=No", "\t", "# sent_id = 1\n"),
        ("{n} {word} {word} NOUN NN _ 0 root _ {tag}", "\t", ""),
    ],
)
def test_columns_are_found_and_said(
    form: str, between: str, begin: str, write: Any, words: Any
) -> None:
    data = words(write("a.conll", lines(form, between, begin)))
    assert data.splits["train"]["tokens"][:] == TOKENS
    assert data.splits["train"]["tags"][:] == TAGS
    assert any("is read as the words and" in note for note in data.notes)


def test_conllu_without_entities_gives_its_parts_of_speech(write: Any, words: Any) -> None:
    form = "{n} {word} {word} NOUN _ _ 0 root _ SpaceAfter=No"
    content = lines(form).replace("2\tran", "2-3\twanna\t_\t_\t_\t_\t_\t_\t_\t_\n2\tran")
    content = content.replace("3\tRome", "2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n3\tRome")
    data = words(write("a.conllu", content))
    assert data.splits["train"]["tokens"][:] == TOKENS
    assert data.schema.words.labels == ("NOUN",)
    assert any("1 is read as the words and 3 as the tags" in note for note in data.notes)


def test_brackets(write: Any, words: Any) -> None:
    content = "Ann (PER*\nLee *)\nsaw *\nRome (LOC)\n"
    data = words(write("a.conll", content))
    assert data.splits["train"]["tags"][:] == [["B-PER", "I-PER", "O", "B-LOC"]]
    rows = [
        f"bc/x 0 {i} {word} NN (S* - - - Speaker {tag} {more}"
        for i, (word, tag, more) in enumerate(
            [("Ann", "(PER*", "(ARG0* -"), ("Lee", "*)", "*) (3)"), ("ran", "*", "(V*) -")]
        )
    ]
    rows.append("bc/x 0 0 Rome NN (S*) - - - Speaker (LOC) -")
    content = "#begin document (bc/x); part 000\n" + "\n".join(rows[:3]) + "\n\n" + rows[3] + "\n"
    data = words(write("b.conll", content + "#end document\n"))
    assert data.splits["train"]["tokens"][:] == [["Ann", "Lee", "ran"], ["Rome"]]
    assert data.splits["train"]["tags"][:] == [["B-PER", "I-PER", "O"], ["B-LOC"]]


def test_numbers_are_no_words(write: Any, words: Any) -> None:
    path = write("a.conll", "".join(f"{i} O\n" for i in range(12)))
    with pytest.raises(
        FtError, match=r"the words are numbers, such as 0, 1, 2\n.*ner\.token_column"
    ):
        words(path)
    assert words(path, token_column=0).splits["train"]["tokens"][0][:2] == ["0", "1"]


def test_a_running_text_is_no_conll_file(write: Any, words: Any) -> None:
    with pytest.raises(FtError, match=r"are no tags, such as 'Paris', 'Rome': this is a text"):
        words(write("a.txt", "Anna Paris\nBen Rome\n"))


def test_the_name_of_the_document_is_no_word(write: Any, words: Any) -> None:
    """As in files of OntoNotes without the lines that begin a document, and in many others."""
    row = "bc/cctv/{i} 0 {n} {word} NNP (NP*) - - - - {tag} -"
    cells = [("Ann", "(PERSON)"), ("saw", "*"), ("New", "(GPE*"), ("York", "*)")]
    sentences = [
        "\n".join(
            row.format(i=i // 3, n=n, word=f"{word}{i}", tag=tag)
            for n, (word, tag) in enumerate(cells)
        )
        for i in range(6)
    ]
    found = words(write("a.conll", "\n\n".join(sentences) + "\n")).splits["train"][1]
    assert found["tokens"] == ["Ann1", "saw1", "New1", "York1"]
    assert found["tags"] == ["B-PERSON", "O", "B-GPE", "I-GPE"]


def test_words_that_repeat_are_words(write: Any, words: Any) -> None:
    data = words(write("a.conll", "\n\n".join(["ha B-X\nha O\nha O"] * 8) + "\n"))
    assert data.splits["train"][0]["tokens"] == ["ha"] * 3
