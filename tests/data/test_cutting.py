"""Running text is cut into words by a few plain rules; the data chooses among them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ft.data.tags.cutting import RULES, choose_rule, find_words, join_words, split_words

TEXT = "Ann Lee's in New York."
HIDDEN = {"\u200b", "\u2060", "\ufeff", "\u00ad", *map(chr, [*range(32), *range(127, 160)])}


def cut(text: str, rule: str) -> str:
    return " ".join(text[start:end] for start, end in split_words(text, rule))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT, "Ann Lee ' s in New York ."),
        ("a_b c-d 3.5", "a_b c - d 3 . 5"),
        ("我住北京 Hotel3号。", "我 住 北 京 Hotel3 号 。"),
        ("カナ한국 말", "カ ナ 한국 말"),
        ("हिन्दी में", "हिन्दी में"),
        ("ที่ไหน ไทย5", "ที่ ไ ห น ไ ท ย 5"),
        ("ខ្មែរ", "ខ្មែ រ"),
        ("cafe\u0301s zwj\u200djoin", "cafe\u0301s zwj\u200djoin"),
        ("zero\u200bwidth \ufeffbom bell\x07", "zero\u200bwidth bom bell"),
        ("a\u00a0b\u3000c", "a b c"),
        ("👍🏽! 👨‍👩‍👧", "👍 🏽 ! 👨‍👩‍👧"),
        ("", ""),
        (" \n\t", ""),
    ],
)
def test_words(text: str, words: str) -> None:
    assert cut(text, "words") == words


TWEET = "(Ulm), don't: https://a.b/c. @ann #tag :) U.S. 5,000 a_b rome🔥🔥 me@x.org. ... 5km 北京"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            "treebank",
            "( Ulm ) , do n't : https://a.b/c . @ann #tag :) U.S. 5,000 a_b rome 🔥🔥 me@x.org . "
            "... 5km 北 京",
        ),
        (
            "inner",
            "( Ulm ) , don't : https://a.b/c . @ann #tag :) U.S. 5,000 a_b rome 🔥🔥 me@x.org . "
            "... 5km 北 京",
        ),
        (
            "whitespace",
            "(Ulm), don't: https://a.b/c. @ann #tag :) U.S. 5,000 a_b rome🔥🔥 me@x.org. ... 5km "
            "北京",
        ),
    ],
)
def test_rules(rule: str, words: str) -> None:
    assert cut(TWEET, rule) == words


def test_finer_rules() -> None:
    assert cut("a_b 5km, ท่า", "letters-digits") == "a _ b 5 km , ท่ า"
    assert cut("5km, e\u0301 ท่า", "characters") == "5 k m , e\u0301 ท่ า"


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(RULES))
def test_words_cover_what_is_visible_in_order(text: str, rule: str) -> None:
    words = split_words(text, rule)
    at = 0
    for start, end in words:
        assert at <= start < end
        at = end
    covered = "".join(text[start:end] for start, end in words)
    seen = "".join(c for c in text if not c.isspace() and c not in HIDDEN)
    assert "".join(c for c in covered if c not in HIDDEN) == seen
    found = find_words(text, [text[start:end] for start, end in words])
    assert found == words


@settings(deadline=None)
@given(st.lists(st.text("ab.,'\u200d北ก ", max_size=4), max_size=6))
def test_joined_words_are_found_where_they_are_said_to_be(words: list[str]) -> None:
    text, spans = join_words(words)
    assert [text[start:end] for start, end in spans] == words


def test_a_text_of_other_words_is_no_text_of_these() -> None:
    assert find_words("ann saw ulm", ["ann", "ulm"]) is None
    assert find_words("ann saw", ["ann", "saw", "ulm"]) is None
    assert find_words("ann\u200b  saw", ["ann", "saw"]) == [(0, 3), (6, 9)]


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("Ann lives in Ulm , and Ben does n't .", "treebank"),
        ("@ann I don't know https://a.b ! :)", "inner"),
        ("Ann ' s house in Ulm , no . 5 .", "words"),
        ("Ann lives in Ulm, and (Ben) doesn't.", "whitespace"),
        ("anna went to ulm", "words"),
        ("我 住 北 京 , A B C .", "characters"),
        ("ก า ร", "words"),
    ],
)
def test_the_rule_that_gives_the_words_is_chosen(sentence: str, rule: str) -> None:
    assert choose_rule([(sentence.split(), None)]) == (rule, 1.0)


def test_a_text_that_is_known_decides() -> None:
    words = ["5", "km", "to", "Ulm"]
    assert choose_rule([(words, "5km to Ulm")]) == ("letters-digits", 1.0)
    assert choose_rule([(words, None)]) == ("words", 1.0)


def test_the_share_is_of_words() -> None:
    assert choose_rule([(["ภาษา", "ไทย", "A", "B"], None)]) == ("words", 0.5)


def test_the_run_keeps_the_rule_and_says_the_share(write: Any, words: Any) -> None:
    path = write("a.conll", "".join(f"{word}\tO\n" for word in ["@a", "do", "n't", "!", "x.,y,"]))
    data = words(path)
    assert data.schema.words.splitter == "treebank"
    note = "running text is cut into words by the rule 'treebank', which gives 80% of your words"
    assert any(note in one and "ner.split_words" in one for one in data.notes)
    assert words(path, split_words="words").schema.words.splitter == "words"
    plain = words(write("b.conll", "anna\tO\nran\tO\n"))
    assert not any("running text" in note for note in plain.notes)


def test_spans_are_cut_by_the_rule_of_the_training_words(write: Any, words: Any) -> None:
    train = write("a.conll", "@a\tO\nran\tO\n")
    rows = [{"text": "see @a-b, ok", "entities": [[4, 8, "X"]]}]
    data = words(train, test=write("b.jsonl", rows))
    assert data.splits["test"]["tokens"][0] == ["see", "@a-b", ",", "ok"]
    assert data.splits["test"]["tags"][0] == ["O", "B-X", "O", "O"]
