from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ft import FtError
from ft.data.config import WordsConfig
from ft.data.read_words import read_words

TWO = "Ann\tB-PER\nruns\tO\n\nBob\tB-PER\n"
SENTENCES = [["Ann", "runs"], ["Bob"]]


@pytest.mark.parametrize(
    "content",
    [
        TWO,
        TWO.rstrip("\n"),
        TWO + "\n\n\n",
        "\n\n" + TWO,
        TWO.replace("\n\n", "\n \t\n"),
        TWO.replace("\n\n", "\n\n\n"),
        TWO.replace("\n", "\r\n"),
        TWO.replace("\n", "\r"),
        "\ufeff" + TWO,
        TWO.replace("\t", " "),
        TWO.replace("\t", "   "),
        TWO.replace("\t", "\t_\tx y\t"),
        TWO.replace("\t", " \t "),
        TWO.replace("\n\n", "\n-DOCSTART-\tO\n"),
        "-DOCSTART- -X- -X- O\n\n" + TWO.replace("\t", " x y "),
        "# a comment\n" + TWO,
        "# text = Ann runs\n# id = 1\n" + TWO.replace("\n\n", "\n\n# id = 2\n"),
        "#begin document (x); part 000\n" + TWO + "#end document\n",
        TWO.replace("\nruns", "\n# in between\nruns"),
    ],
)
def test_layouts(content: str, write: Any, words: Any) -> None:
    data = words(write("a.conll", content))
    assert data.splits["train"]["tokens"][:] == SENTENCES
    assert data.splits["train"]["tags"][:] == [["B-PER", "O"], ["B-PER"]]


def test_lines_are_those_of_the_first_words(write: Any, words: Any) -> None:
    data = words(write("a.conll", "# c\n\n" + TWO.replace("\n\n", "\n\n# d\n")))
    assert data.splits["train"]["line"][:] == [3, 7]
    assert data.place("train", 1).endswith("a.conll:7")


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("#\tO", ["#"]),
        ("#tag\tO", ["#tag"]),
        ("# O", ["#"]),
        ("#tag O", ["#tag"]),
        ("# B-PER", ["#"]),
        ("# comment", []),
        ("# and more", []),
        ("#", []),
        ("# sent_id\t5", []),
    ],
)
def test_a_hash_is_a_word_where_it_has_a_tag(
    line: str, tokens: list[str], write: Any, words: Any
) -> None:
    space = "\t" if "\t" in line else " "
    content = f"Ann{space}B-PER\n{line}\nruns{space}O\n"
    data = words(write("a.conll", content))
    assert data.splits["train"]["tokens"][0] == ["Ann", *tokens, "runs"]
    said = any("comment lines" in note for note in data.notes)
    assert said == (not tokens)


def test_a_penn_hash_is_a_word(write: Any, words: Any) -> None:
    data = words(write("a.conll", "It PRP\ncost VBD\n# #\n5 CD\n"))
    assert data.splits["train"]["tokens"][0] == ["It", "cost", "#", "5"]
    assert data.schema.words.scheme is None
    assert data.schema.words.labels == ("#", "CD", "PRP", "VBD")


def test_only_spaces_and_tabs_part_columns(write: Any, words: Any) -> None:
    data = words(write("a.conll", "5\u00a0000 O\na\u2028b O\nx\u3000y O\n"))
    assert data.splits["train"]["tokens"][0] == ["5\u00a0000", "a\u2028b", "x\u3000y"]
    data = words(write("b.conll", "New York\tB-LOC\nis\tO\n"))
    assert data.splits["train"]["tokens"][0] == ["New York", "is"]


@pytest.mark.parametrize(
    ("settings", "tokens", "tags"),
    [
        ({}, ["Ann", "runs"], ["B-PER", "O"]),
        ({"token_column": 0}, ["1", "2"], ["B-PER", "O"]),
        ({"token_column": 1}, ["Ann", "runs"], ["B-PER", "O"]),
        ({"token_column": 1, "tag_column": 2}, ["Ann", "runs"], ["NNP", "VBZ"]),
        ({"token_column": -3, "tag_column": -2}, ["Ann", "runs"], ["NNP", "VBZ"]),
    ],
)
def test_columns(settings: Any, tokens: Any, tags: Any, write: Any, words: Any) -> None:
    path = write("a.conll", "1 Ann NNP B-PER\n2 runs VBZ O\n")
    row = words(path, **settings).splits["train"][0]
    assert (row["tokens"], row["tags"]) == (tokens, tags)


def test_delimiter(write: Any, words: Any) -> None:
    data = words(write("a.conll", "Ann|x|B-PER\nNew York|x|O\n"), delimiter="|")
    assert data.splits["train"]["tokens"][0] == ["Ann", "New York"]


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (TWO + "lonely\n", {}, r"a\.conll:5: has 1 column, the rows of this file have 2"),
        (TWO + "a\tb\tO\n", {}, r"a\.conll:5: has 3 columns, the rows of this file have 2"),
        (TWO + "x\t\n", {}, r"a\.conll:5: has no tag"),
        (TWO + "\tO\n", {}, r"a\.conll:5: has no word"),
        (TWO + "a\0b\tO\n", {}, r"a\.conll:5: holds a NUL byte"),
        ("#tag\n" + TWO, {}, r"a\.conll:1: has 1 column"),
        ("one\ntwo\n", {}, "the lines have one column"),
        (
            TWO,
            {"tag_column": 2},
            r"ner\.tag_column: there is no column 2: .*a\.conll has 2, 0 to 1",
        ),
        (TWO, {"token_column": -3}, r"ner\.token_column: there is no column -3"),
        (
            TWO,
            {"tag_column": 0},
            r"ner\.tag_column: the words and the tags cannot both be column 0",
        ),
        ("", {}, r"a\.conll.*: has no examples for the train split"),
        ("\n \n", {}, "has no examples"),
        ("# only\n", {}, "has no examples"),
        ("a\tO\n" * 100_001, {}, r"a\.conll:1: a sentence of more than 100,000 words begins here"),
    ],
)
def test_errors(content: str, settings: Any, message: str, write: Any, words: Any) -> None:
    with pytest.raises(FtError, match=message):
        words(write("a.conll", content), **settings)


def test_bad_bytes_name_the_line(write: Any, words: Any) -> None:
    path = write("a.conll", TWO.encode() + b"caf\xe9\tO\n")
    with pytest.raises(FtError, match=r"a\.conll:5: is not valid utf-8 \(byte 0xE9 at byte 4"):
        words(path)
    data = words(path, encoding="latin-1")
    assert data.splits["train"]["tokens"][1] == ["Bob", "café"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "gb18030", "utf-8-sig"])
def test_encodings(encoding: str, write: Any, words: Any) -> None:
    path = write("a.conll", "张三\tB-PER\n跑\tO\n\nBob\tB-PER\n".encode(encoding))
    data = words(path, encoding=encoding)
    assert data.splits["train"]["tokens"][:] == [["张三", "跑"], ["Bob"]]


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("utf9", b"x", r"ner\.encoding: there is no text encoding 'utf9'"),
        ("base64", b"x", "there is no text encoding 'base64'"),
        (
            "utf-8",
            TWO.encode("utf-16-le"),
            r"every other byte is 0\); as utf-16-le that line reads 'Ann.*\n.*ner\.encoding = 'utf-16-le'",
        ),
        ("utf-16", b"\xff\xfea\x00\x00\xd8b\x00", "is not valid utf-16 after line 1"),
    ],
)
def test_encoding_errors(
    encoding: str, content: bytes, message: str, write: Any, words: Any
) -> None:
    with pytest.raises(FtError, match=message):
        words(write("a.conll", content), encoding=encoding)


def test_long_lines_over_blocks(write: Any, words: Any) -> None:
    sentence = "word\tO\n" * 50
    content = f"{'x' * 3_000_000}\tO\r\n\r\n" + f"{sentence}\n" * 5000
    data = words(write("a.conll", content))
    assert data.splits["train"].num_rows == 5001
    assert data.splits["train"][5000]["line"] == 3 + 51 * 4999


def test_a_line_without_end_is_refused(
    write: Any, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ft.data.formats.lines.LONGEST", 1 << 20)
    with pytest.raises(FtError, match="has a line of more than 1 MiB"):
        words(write("a.conll", "x" * (4 << 20)))


TOKEN = st.text(
    st.characters(codec="utf-8", exclude_characters=" \t\r\n\0#", exclude_categories=["Cs"]),
    min_size=1,
    max_size=6,
).filter(lambda token: not token.isspace() and not token.startswith(("-DOC", "\ufeff")))
SENTENCE = st.lists(st.tuples(TOKEN, st.sampled_from(["O", "B-X", "B-Y"])), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sentences=st.lists(SENTENCE, min_size=1, max_size=6),
    blanks=st.lists(st.sampled_from(["", " ", "\t", "  \t", "\n"]), min_size=7, max_size=7),
    newline=st.sampled_from(["\n", "\r\n"]),
    space=st.sampled_from(["\t", " ", " _ ", "\t_\t"]),
    ended=st.booleans(),
)
def test_any_file_is_read_back(
    tmp_path_factory: Any, sentences: Any, blanks: Any, newline: str, space: str, ended: bool
) -> None:
    parts = []
    for sentence, blank in zip(sentences, blanks, strict=False):
        parts += [f"{token}{space}{tag}" for token, tag in sentence]
        parts += blank.split("\n")
    path = tmp_path_factory.mktemp("any") / "a.conll"
    path.write_bytes((newline.join(parts) + newline * ended).encode())
    config = WordsConfig(train=str(path), validation=str(path), test=str(path))
    rows = read_words(config, None, owner="ner").splits["train"]
    assert rows["tokens"][:] == [[token for token, _ in sentence] for sentence in sentences]
    assert rows["tags"][:] == [[tag for _, tag in sentence] for sentence in sentences]
