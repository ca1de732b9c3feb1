from __future__ import annotations

from typing import Any

import pytest

from ft import FtError
from ft.data.tags.tags import from_bio2

BIO2 = [
    "B-PER I-PER O B-LOC B-LOC I-LOC",
    "O O B-PER",
    "B-LOC I-LOC I-LOC I-LOC B-PER O",
]


def conll(sentences: list[list[str]]) -> str:
    return "\n\n".join(
        "\n".join(f"w{i}\t{tag}" for i, tag in enumerate(tags)) for tags in sentences
    )


@pytest.mark.parametrize("scheme", ["BIO2", "IOB1", "IO", "BIOES", "BMES", "BILOU"])
@pytest.mark.parametrize("given", [False, True])
def test_every_scheme_is_recognised_and_converted(
    scheme: Any, given: bool, write: Any, words: Any
) -> None:
    bio2 = [tags.split() for tags in BIO2]
    if scheme == "IO":
        bio2[0] = ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "I-LOC"]
    path = write("a.conll", conll([from_bio2(tags, scheme) for tags in bio2]))
    data = words(path, **({"scheme": scheme} if given else {}))
    for split in data.splits.values():
        assert split["tags"][:] == bio2
    assert data.schema.words.scheme == "BIO2"
    assert data.schema.words.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    said = [note for note in data.notes if "converted to BIO2" in note]
    assert said == (
        [] if scheme == "BIO2" else [f"the tags are in {scheme}; they are converted to BIO2"]
    )


@pytest.mark.parametrize(
    ("given", "meant"), [("BIO", "BIO2"), ("IOB2", "BIO2"), ("IOBES", "BIOES")]
)
def test_other_names_of_schemes(given: str, meant: Any, write: Any, words: Any) -> None:
    path = write("a.conll", conll([from_bio2(tags.split(), meant) for tags in BIO2]))
    assert words(path, scheme=given).splits["train"]["tags"][:] == [tags.split() for tags in BIO2]


def test_all_splits_tell_the_scheme_and_all_are_converted(write: Any, words: Any) -> None:
    """Train alone looks like BIO2, validation alone like IO; together they are IOB1."""
    train = write("train.conll", conll([["O", "O"], ["I-PER", "B-PER", "O"]]))
    validation = write("dev.conll", conll([["I-PER", "I-PER"]]))
    test = write("test.conll", conll([["O", "O"]]))
    data = words(train, validation=validation, test=test)
    assert data.splits["train"]["tags"][1] == ["B-PER", "B-PER", "O"]
    assert data.splits["validation"]["tags"][0] == ["B-PER", "I-PER"]
    assert "the tags are in IOB1; they are converted to BIO2" in data.notes


def test_a_type_of_single_words_alone_gets_both_labels(write: Any, words: Any) -> None:
    data = words(write("a.conll", conll([["B-PER", "O"]])))
    assert data.schema.words.labels == ("O", "B-PER", "I-PER")


def test_prefixes_without_types(write: Any, words: Any) -> None:
    data = words(write("a.conll", conll([list("BME") + list("SS"), list("SBE")])))
    named = [[f"{tag}-ENTITY" for tag in tags] for tags in ("BIIBB", "BBI")]
    assert data.splits["train"]["tags"][:] == named
    assert data.schema.words.labels == ("O", "B-ENTITY", "I-ENTITY")
    assert "the tags have no types; that of every span is called 'ENTITY'" in data.notes


def test_plain_tags(write: Any, words: Any) -> None:
    data = words(write("a.conll", conll([["DT", "NN", "S"], ["O", "NN"]])))
    assert data.schema.words.scheme is None
    assert data.schema.words.labels == ("O", "DT", "NN", "S")
    assert data.splits["train"]["tags"][0] == ["DT", "NN", "S"]
    assert "the tags mark no spans; they are read as plain tags" in data.notes


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("O I-PER", r"a\.conll:7: 'I-PER' cannot follow 'O' in BIO2 \(word 2, 'w1'\)"),
        ("I-PER O", r"a\.conll:6: 'I-PER' cannot begin a sentence in BIO2 \(word 1, 'w0'\)"),
        ("B-PER I-LOC", r"a\.conll:7: 'I-LOC' cannot follow 'B-PER' in BIO2"),
    ],
)
def test_impossible_bio2(sentence: str, message: str, write: Any, words: Any) -> None:
    legal = ["B-PER", "I-PER", "O", "B-LOC"]
    path = write("a.conll", conll([legal, sentence.split()]))
    with pytest.raises(FtError, match=message) as caught:
        words(path)
    assert "ner.repair_tags = true" in str(caught.value)


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("O E-PER", r"a\.conll:8: 'E-PER' cannot follow 'O' in BIOES"),
        ("B-PER O", r"a\.conll:8: 'O' cannot follow 'B-PER' in BIOES"),
        (
            "O B-PER",
            r"a\.conll:8: the span that 'B-PER' is in is not closed at the end of the sent",
        ),
    ],
)
def test_impossible_bioes(sentence: str, message: str, write: Any, words: Any) -> None:
    path = write("a.conll", conll([["B-PER", "I-PER", "E-PER", "S-LOC", "O"], sentence.split()]))
    with pytest.raises(FtError, match=message):
        words(path)


def test_comments_between_words_do_not_shift_the_line(write: Any, words: Any) -> None:
    path = write("a.conll", "a\tB-PER\nb\tO\n\n#tag\tB-PER\n# c\n# d\nx\tO\ny\tI-PER\n")
    with pytest.raises(FtError, match=r"a\.conll:8: 'I-PER' cannot follow 'O'"):
        words(path)


def test_malformed_rows_come_before_impossible_tags(write: Any, words: Any) -> None:
    path = write("a.conll", "a\tB-PER\nb\tO\n\nlonely\n\nx\tO\ny\tI-PER\n")
    with pytest.raises(FtError, match=r"a\.conll:4: has 1 column"):
        words(path)


def test_a_few_are_shown_and_all_are_counted(write: Any, words: Any) -> None:
    sentences = [["B-PER"], *[["O", "I-PER"]] * 50]
    with pytest.raises(FtError) as caught:
        words(write("a.conll", conll(sentences)))
    lines = str(caught.value).splitlines()
    assert sum("cannot follow" in line for line in lines) == 20
    assert "and 30 more impossible tags" in lines


def test_repair_is_conllevals_rule_and_is_said(write: Any, words: Any) -> None:
    path = write("a.conll", conll([["B-PER", "I-LOC", "I-LOC"], ["O", "I-PER", "I-PER"]]))
    data = words(path, repair_tags=True)
    assert data.splits["train"]["tags"][:] == [["B-PER", "B-LOC", "I-LOC"], ["O", "B-PER", "I-PER"]]
    assert "2 impossible tags are repaired by conlleval's rule" in data.notes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scheme": "BIO2"}, r"a\.conll:1: 'I-PER' cannot begin a sentence in BIO2"),
        ({"scheme": "BIOES"}, r"a\.conll:2: 'O' cannot follow|'I-PER' cannot begin"),
        ({"scheme": "IO"}, r"a\.conll:5: 'B-PER' cannot follow 'I-PER' in IO"),
    ],
)
def test_a_given_scheme_is_held_to(settings: Any, message: str, write: Any, words: Any) -> None:
    path = write("a.conll", conll([["I-PER", "O"], ["I-PER", "B-PER"]]))
    with pytest.raises(FtError, match=message):
        words(path, **settings)


@pytest.mark.parametrize("repair", [False, True])
def test_a_tag_of_no_scheme_is_never_repaired_away(repair: bool, write: Any, words: Any) -> None:
    path = write("a.conll", conll([["B-PER", "I-PER", "PER", "O"]]))
    with pytest.raises(FtError, match=r"a\.conll:3: 'PER' is no tag of BIO2 \(word 3") as caught:
        words(path, repair_tags=repair)
    assert "ner.scheme = 'none'" in str(caught.value)
    assert words(path, scheme="none").schema.words.scheme is None


def test_the_wrong_column_is_no_tags(write: Any, words: Any) -> None:
    path = write("a.conll", "\n\n".join(f"O\tB-{i}" for i in range(10_001)))
    with pytest.raises(FtError, match="the tags are over 10,000 different ones") as caught:
        words(path)
    assert "right column" in str(caught.value)
