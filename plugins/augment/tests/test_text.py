"""Operations on free text: spacing, marks that stick to words, scripts without spaces."""

from __future__ import annotations

from random import Random

import pytest

from ft_augment import text

SPACED = "  One two,\tthree\n\nfour (five) six.  "


def test_synonyms_keep_the_marks_around_a_word() -> None:
    words, gaps = text.split('He said: "Good!" twice')
    new = text.synonyms(words, gaps, Random(0), 1.0, {"Good": ("Great",)})
    assert text.join(*new) == 'He said: "Great!" twice'


def test_typing_errors_keep_spacing_and_marks() -> None:
    words, gaps = text.split(SPACED)
    new, new_gaps = text.typos(words, gaps, Random(0), 1.0)
    assert new_gaps == gaps
    changed = [(old, word) for old, word in zip(words, new, strict=True) if old != word]
    assert [old for old, _ in changed] == ["three", "four", "(five)"]
    assert changed[2][1][0] + changed[2][1][-1] == "()"


def test_swaps_leave_the_spacing_where_it_is() -> None:
    words, gaps = text.split(SPACED)
    new, new_gaps = text.swap(words, gaps, Random(0), 0.5)
    assert new != words
    assert sorted(new) == sorted(words)
    assert new_gaps == gaps


@pytest.mark.parametrize("seed", range(20))
def test_a_deleted_word_takes_one_gap_with_it(seed: int) -> None:
    words, gaps = text.split(SPACED)
    new, new_gaps = text.delete(words, gaps, Random(seed), 0.4)
    assert (new_gaps[0], new_gaps[-1]) == ("  ", "  ")
    before = dict(zip(words, gaps, strict=False))
    assert new_gaps[1:-1] == [before[word] for word in new[1:]]


@pytest.mark.parametrize("seed", range(20))
def test_marks_stand_between_spaces_in_spaced_text(seed: int) -> None:
    words, gaps = text.split("one two three four five six seven")
    new = text.join(*text.punctuation(words, gaps, Random(seed), 1.0))
    assert [word for word in new.split(" ") if word not in set(".;?:!,")] == words


@pytest.mark.parametrize("seed", range(20))
def test_marks_stand_close_in_text_without_spaces(seed: int) -> None:
    words, gaps = text.split("酒店环境不错房间很大")
    new = text.join(*text.punctuation(words, gaps, Random(seed), 1.0))
    assert (
        "".join(letter for letter in new if letter not in "。；？：！，") == "酒店环境不错房间很大"
    )
    assert " " not in new


def test_han_characters_are_words_and_latin_runs_stay_whole() -> None:
    assert text.split("我用iPhone 拍,很好")[0] == ["我", "用", "iPhone", "拍", ",", "很", "好"]
    assert text.split("東京タワー")[0] == ["東", "京", "タ", "ワ", "ー"]
    assert text.split("서울 타워")[0] == ["서울", "타워"]
