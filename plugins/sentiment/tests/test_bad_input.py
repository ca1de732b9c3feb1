"""What is wrong with data or settings is said in one clear message."""

from __future__ import annotations

import json

import pytest

import ft
from ft import ConfigError, DataError, Label


@pytest.fixture
def load(monkeypatch, make_run, make_plugin):
    """Call `load_data` as if the reader had found ``data``."""

    def call(data, **settings):
        monkeypatch.setattr(ft, "read_texts", lambda *_, **__: data)
        settings = {"train": "train.csv", "kind": data.schema.label.kind, **settings}
        return make_plugin(**settings).load_data(make_run())

    return call


def rows(labels, texts=None):
    return {"text": texts or [f"w{i} w1" for i in range(len(labels))], "label": list(labels)}


AB = Label(names=("a", "b"))
ABC = Label(names=("a", "b", "c"))


def test_good_data_passes_unchanged(load, make_data):
    data = make_data(AB, train=rows("aabb"), test=rows("ab"))
    loaded = load(data)
    assert loaded.schema == data.schema
    assert loaded.splits == data.splits
    assert loaded.notes == []


def test_label_only_in_the_test_split(load, make_data):
    data = make_data(ABC, train=rows("aabb"), test=rows("abcac"))
    with pytest.raises(DataError) as caught:
        load(data)
    message = str(caught.value)
    assert "test[2]: label 'c' occurs in test but not in train (2 examples)" in message
    assert "whose labels are 'a', 'b'" in message
    assert "add such examples to train, or set sentiment.unseen_labels = 'count'" in message
    with pytest.raises(DataError, match=r"raise sentiment\.limit, or set"):
        load(data, limit=4)


def test_label_only_in_the_test_split_can_be_counted_as_mistaken(load, make_data):
    data = make_data(ABC, train=rows("aabb"), test=rows("abcac"))
    loaded = load(data, unseen_labels="count")
    assert loaded.schema.label.names == ("a", "b")
    assert list(loaded.splits["test"]["label"]) == list("abcac")


def test_label_only_in_the_test_split_of_several_labels(load, make_data):
    label = Label(names=("a", "b", "c"), kind="multi")
    data = make_data(label, train=rows([["a"], ["b", "a"], ["b"]]), test=rows([["a"], ["a", "c"]]))
    with pytest.raises(DataError, match=r"test\[1\]: label 'c' occurs in test but not in train"):
        load(data)


def test_only_one_class(load, make_data):
    data = make_data(Label(names=("a",)), train=rows("aaa"))
    with pytest.raises(DataError, match="every training example has the label 'a'") as caught:
        load(data)
    assert "is 'label' the right column" in caught.value.hint


def test_no_labels_at_all(load, make_data):
    data = make_data(Label(kind="multi"), train=rows([[], []]))
    with pytest.raises(DataError, match="no example has a label"):
        load(data)


@pytest.mark.parametrize("empty", ["", "  \t", None])
def test_a_row_without_any_text(tmp_path, make_run, make_plugin, empty):
    path = tmp_path / "reviews.jsonl"
    lines = [{"text": f"w{i}", "other": "w1", "label": "ab"[i % 2]} for i in range(12)]
    lines[2] |= {"text": empty, "other": empty}
    lines[3]["text"] = empty
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = make_run()
    run.output, run.wanted = tmp_path / "run", None
    settings = {"train": str(path), "pair": "other"}
    reason = f"has {'no' if empty is None else 'nothing in'} text and other"
    with pytest.raises(DataError, match=rf"reviews\.jsonl:3: {reason}"):
        make_plugin(**settings).load_data(run)
    data = make_plugin(**settings, on_bad_row="skip").load_data(run)
    assert sum(map(len, data.splits.values())) == 11
    (bad,) = map(json.loads, (run.output / "bad_rows.jsonl").read_text().splitlines())
    assert (bad["line"], bad["reason"]) == (3, reason)


def test_the_limit_is_named_where_it_is_to_blame(load, make_data):
    data = make_data(Label(names=("a",)), train=rows("aaa"))
    with pytest.raises(DataError, match=r"sentiment\.limit = 3 takes the first examples alone"):
        load(data, limit=3)


def test_rating_that_is_not_a_number(load, make_data):
    label = Label(names=("1", "2", "five"), kind="ordinal")
    data = make_data(label, train=rows(["1", "2", "five", "1"]))
    with pytest.raises(DataError, match=r"train\[2\]: the rating 'five' is not a number") as caught:
        load(data, kind="ordinal")
    assert "sentiment.order" in caught.value.hint


@pytest.mark.parametrize("odd", ["nan", "inf"])
def test_rating_that_is_no_finite_number(load, make_data, odd):
    data = make_data(Label(names=("1", odd), kind="ordinal"), train=rows(["1", odd]))
    with pytest.raises(DataError, match=f"the rating '{odd}' is not a number"):
        load(data, kind="ordinal")


def test_ratings_are_ordered_by_number(load, make_data):
    label = Label(names=("10", "2", "-1", "2.5"), kind="ordinal")
    data = make_data(label, train=rows(["10", "2", "-1", "2.5"] * 2))
    assert load(data, kind="ordinal").schema.label.names == ("-1", "2", "2.5", "10")


def test_ratings_are_ordered_as_the_user_says(load, make_data):
    label = Label(names=("bad", "good", "poor"), kind="ordinal")
    data = make_data(label, train=rows(["good", "bad", "poor"] * 2))
    order = ("bad", "poor", "good")
    assert load(data, kind="ordinal", order=order).schema.label.names == order
    with pytest.raises(
        DataError, match=r"train\[0\]: the rating 'good' is not in sentiment\.order"
    ):
        load(data, kind="ordinal", order=("bad", "poor"))
    with pytest.raises(ConfigError, match=r"sentiment\.order: a rating stands in the order twice"):
        load(data, kind="ordinal", order=("bad", "poor", "good", "bad"))


def test_weight_for_a_class_that_does_not_exist(load, make_data):
    data = make_data(Label(names=("positive", "negative")), train=rows(["positive", "negative"]))
    with pytest.raises(ConfigError) as caught:
        load(data, class_weights={"positiv": 2.0})
    assert caught.value.where == "sentiment.class_weights.positiv"
    assert caught.value.hint == "did you mean 'positive'?"
    with pytest.raises(ConfigError, match="the classes are 'positive', 'negative'"):
        load(data, class_weights={"x": 2.0})


@pytest.mark.parametrize(
    ("kind", "settings", "key"),
    [
        ("single", {"order": ("a", "b")}, "order"),
        ("ordinal", {"focal_gamma": 2.0}, "focal_gamma"),
        ("number", {"focal_gamma": 2.0}, "focal_gamma"),
        ("number", {"class_weights": "balanced"}, "class_weights"),
        ("single", {"long_texts": "windows", "pair": "other"}, "long_texts"),
    ],
)
def test_settings_that_do_not_fit(load, make_data, kind, settings, key):
    names = () if kind == "number" else ("1", "2")
    labels = [1.0, 2.0] if kind == "number" else ["1", "2"]
    data = make_data(Label(names=names, kind=kind), train=rows(labels))
    with pytest.raises(ConfigError) as caught:
        load(data, kind=kind, **settings)
    assert caught.value.where == f"sentiment.{key}"
