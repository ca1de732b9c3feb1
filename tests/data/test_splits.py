from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ft import DataConfig, TaskData
from ft.data.config import WordsConfig
from ft.data.read_tables import read_split_tables
from ft.data.read_texts import read_texts
from ft.data.read_words import read_words
from ft.data.rows.fingerprints import fingerprint
from ft.data.rows.holdout import held_rows


def read(path: Any, **settings: Any) -> TaskData:
    return read_texts(DataConfig(train=str(path), **settings), None, owner="t")


def csv(rows: list[str]) -> str:
    return "text,label\n" + "".join(f"{row}\n" for row in rows)


ROWS = [f"text {i},{'xy'[i % 2]}" for i in range(1000)]


def test_a_tenth_is_held_out_and_said(write: Any) -> None:
    data = read(write("a.csv", csv(ROWS)))
    held, kept = set(data.splits["validation"]["text"]), set(data.splits["train"]["text"])
    assert len(held) == 100
    assert held | kept == {row.split(",")[0] for row in ROWS}
    assert not held & kept
    assert data.notes == [
        "t.validation is not set: 100 of 1,000 training examples are held out for it, chosen by a "
        "hash of their content and in train's proportions: 50 of 500 'x', 50 of 500 'y'",
        "t.test is not set: the validation split is scored at the end",
    ]
    assert data.files["validation"] == data.files["train"]
    row = data.splits["validation"][7]
    assert data.place("validation", 7).endswith(f"a.csv:{int(row['text'].split()[1]) + 2}")


def test_more_examples_move_hardly_any(write: Any) -> None:
    some = set(read(write("a.csv", csv(ROWS[:900]))).splits["validation"]["text"])
    more = set(read(write("b.csv", csv(ROWS[::-1]))).splits["validation"]["text"])
    assert len(some ^ {text for text in more if int(text.split()[1]) < 900}) <= 6


def test_the_same_in_every_format(write: Any) -> None:
    rows = [dict(zip(("text", "label"), row.split(","), strict=True)) for row in ROWS]
    one, other = read(write("a.csv", csv(ROWS))), read(write("a.jsonl", rows))
    assert one.splits["validation"]["text"][:] == other.splits["validation"]["text"][:]
    assert fingerprint(one) == fingerprint(other)


def test_equal_texts_stay_together_whatever_their_label(write: Any) -> None:
    rows = [f"text {i % 50},{'xyz'[i % 3]}" for i in range(600)]
    data = read(write("a.csv", csv(rows)))
    assert not set(data.splits["validation"]["text"]) & set(data.splits["train"]["text"])


def test_words_are_held_out_by_their_tokens(write: Any) -> None:
    path = write(
        "a.conll", "".join(f"w{i % 100}\t{'OB'[i % 2]}{'-X' * (i % 2)}\n\n" for i in range(400))
    )
    data = read_words(WordsConfig(train=str(path)), None, owner="ner")
    sides = [{row["tokens"][0] for row in data.splits[split]} for split in ("train", "validation")]
    assert not sides[0] & sides[1]
    assert sum(map(len, sides)) == 100


@pytest.mark.parametrize("many", [1, 3, 7])
def test_a_type_that_an_example_has_many_times_takes_no_more_examples(
    write: Any, many: int
) -> None:
    words = "".join(f"{{0}}-{k}\tB-X\n" for k in range(many))
    path = write("a.conll", "\n".join(words.format(i) for i in range(200)))
    data = read_words(WordsConfig(train=str(path)), None, owner="ner")
    assert len(data.splits["validation"]) == 20


def test_a_rare_type_is_held_out_though_each_example_has_it_many_times(write: Any) -> None:
    rare = [f"r{i}-{k}\tB-Y" for i in range(6) for k in range(5)]
    blocks = ["\n".join(rare[i : i + 5]) for i in range(0, 30, 5)]
    blocks += [f"w{i}\tB-X" for i in range(194)]
    path = write("a.conll", "\n\n".join(blocks) + "\n")
    data = read_words(WordsConfig(train=str(path)), None, owner="ner")
    held = [tag for tags in data.splits["validation"]["tags"] for tag in tags]
    assert held.count("B-Y") == 5
    assert 18 <= held.count("B-X") <= 20


def test_content_may_be_a_document(write: Any) -> None:
    rows = [{"doc": f"d{i // 10}", "q": f"q{i}"} for i in range(500)]
    config = DataConfig(train=str(write("a.jsonl", rows)))
    data = read_split_tables(config, owner="qa", columns=["doc", "q"], content=["doc"])
    assert not set(data.splits["validation"]["doc"]) & set(data.splits["train"]["doc"])


def test_each_label_is_held_out_in_its_proportion(write: Any) -> None:
    labels = ["rare"] * 9 + ["some"] * 40 + ["most"] * 351 + ["three"] * 3
    data = read(write("a.csv", csv([f"text {i},{label}" for i, label in enumerate(labels)])))
    held, kept = (Counter(data.splits[split]["label"]) for split in ("validation", "train"))
    assert held == {"rare": 1, "some": 4, "most": 35}
    assert kept["three"] == 3
    assert "1 of 9 'rare'" in data.notes[0]


def test_a_text_of_more_than_a_tenth_of_the_rows_stays_in_train(write: Any) -> None:
    rows = [f"same,{'xy'[i % 2]}" for i in range(120)] + [
        f"t {i},{'xy'[i % 2]}" for i in range(180)
    ]
    data = read(write("a.csv", csv(rows)))
    held = data.splits["validation"]["text"][:]
    assert "same" not in held
    assert len(held) == len(set(held)) == 30
    assert Counter(data.splits["validation"]["label"]) == {"x": 15, "y": 15}


def test_types_of_entities_are_held_out_in_their_proportion(write: Any) -> None:
    types = ["A"] * 60 + ["B"] * 20 + [""] * 20
    lines = [f"w{i}\t{f'B-{kind}' if kind else 'O'}\n\n" for i, kind in enumerate(types)]
    path = write("a.conll", "".join(lines))
    data = read_words(WordsConfig(train=str(path)), None, owner="ner")
    held = Counter(row[0] for row in data.splits["validation"]["tags"])
    assert held == {"B-A": 6, "B-B": 2, "O": 2}


def test_many_labels_of_few_examples_leave_train_one_of_each(write: Any) -> None:
    data = read(write("a.csv", csv([f"t {i},l{i % 100}" for i in range(300)])))
    assert len(data.splits["validation"]) == 30
    assert len(set(data.splits["train"]["label"])) == 100


@pytest.mark.parametrize("rows", [["a,x"], ["a,x", "a,x", "a,y"]])
def test_one_example_is_not_divided(rows: list[str], write: Any) -> None:
    data = read(write("a.csv", csv(rows)))
    assert list(data.splits) == ["train"]
    assert data.notes == [
        "t.validation is not set, and train has too few different examples to hold any out: "
        "nothing is validated",
        "t.test is not set: nothing is scored at the end",
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12))
def test_each_side_has_one_of_two_different_ones(values: list[int]) -> None:
    held = held_rows(np.array(values, np.uint64))
    least = min(map(values.count, values))
    if len(set(values)) > 1 and least <= max(1, len(values) / 10):
        held_set = {v for v, h in zip(values, held.tolist(), strict=True) if h}
        kept_set = {v for v, h in zip(values, held.tolist(), strict=True) if not h}
        assert held_set
        assert kept_set
        assert not held_set & kept_set
    else:
        assert not held.any()


def test_limit_is_of_train_alone_and_after_holding_out(write: Any) -> None:
    whole = read(write("a.csv", csv(ROWS)))
    data = read(write("a.csv", csv(ROWS)), limit=10)
    assert data.splits["train"]["text"][:] == whole.splits["train"]["text"][:10]
    assert data.splits["validation"][:] == whole.splits["validation"][:]
    rows = len(whole.splits["train"])
    assert f"t.limit: train is its first 10 of {rows} examples" in data.notes
    assert read(write("a.csv", csv(ROWS)), limit=5000).splits["train"].num_rows == rows


def test_nothing_is_said_where_all_is_given(write: Any) -> None:
    path = str(write("a.csv", csv(ROWS)))
    assert read(path, validation=path, test=path).notes == []


def test_fingerprints(write: Any) -> None:
    path = write("a.csv", csv(ROWS))
    given = {"validation": str(path), "test": str(path)}
    one = fingerprint(read(path, **given))
    assert set(one) == {"train", "validation", "test"}
    assert all(len(value) == 64 for value in one.values())
    assert fingerprint(read(write("b.csv", "\n" + csv(ROWS)), **given)) == one
    for other in (
        [*ROWS, "new,x"],
        ROWS[:-1],
        ROWS[::-1],
        ["other,x", *ROWS[1:]],
        ["text 0,y", *ROWS[1:]],
    ):
        assert fingerprint(read(write("c.csv", csv(other)), **given))["train"] != one["train"]


def test_a_selection_has_the_fingerprint_of_its_rows(write: Any) -> None:
    data = read(write("a.csv", csv(ROWS)))
    picked = data.splits["train"].select([5, 3, 500])
    again = data.splits["train"].select(range(600)).select([5, 3, 500])
    copy = picked.flatten_indices()
    prints = [fingerprint(TaskData({"train": rows}, data.schema)) for rows in (picked, again, copy)]  # type: ignore[arg-type]
    assert prints[0] == prints[1] == prints[2]


def test_words_that_run_into_each_other_differ(write: Any) -> None:
    prints = set()
    for tokens in (["ab", "c"], ["a", "bc"], ["abc"], ["ab", "c", ""]):
        rows = [{"tokens": tokens, "tags": ["O"] * len(tokens)}]
        path = str(write("a.jsonl", rows))
        config = WordsConfig(train=path, validation=path, test=path)
        prints.add(fingerprint(read_words(config, None, owner="ner"))["train"])
    assert len(prints) == 4
