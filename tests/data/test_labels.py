"""Labels as people write them: read as they are meant and said, or the setting that decides is named."""

from __future__ import annotations

from typing import Any

import pytest

from ft import FtError, Label


def rows(labels: list[Any]) -> list[dict[str, Any]]:
    return [{"text": f"t{i}", "label": value} for i, value in enumerate(labels)]


def csv(cells: list[str], between: str = ",") -> str:
    lines = [f"t{i}{between}{cell}" for i, cell in enumerate(cells)]
    return "\n".join([f"text{between}label", *lines]) + "\n"


AB = ("a", "b")
ABC = ("a", "b", "c")


@pytest.mark.parametrize(
    ("name", "content", "names", "first", "said"),
    [
        ("a.csv", csv(["['a']", "\"['b', 'a']\"", "[]"]), AB, ["a"], "are lists"),
        ("a.csv", csv(['"[""b"", ""a""]"', '"[""a""]"']), AB, ["b", "a"], "are lists"),
        ("a.csv", csv(["a|b", "a", "c"]), ABC, ["a", "b"], "with '|' between"),
        ("a.csv", csv(["a | b", "a", "c"]), ABC, ["a", "b"], "with '|' between"),
        ("a.csv", csv(["a;b", "b;c", "c;a"]), ABC, ["a", "b"], "with ';' between"),
        ("a.csv", csv(['"a,b"', "a", "b", "c"]), ABC, ["a", "b"], "with ',' between"),
        ("a.jsonl", rows([["a"], ["b", "c"], []]), ABC, ["a"], "are lists"),
        ("a.jsonl", rows([[1, 0, 1], [0, 1, 0]]), ("0", "1", "2"), ["0", "2"], "a position a class"),
        ("a.jsonl", rows([[1.0, 0.0], [0.0, 0.0]]), ("0",), ["0"], "vectors of 0 and 1"),
        ("a.csv", csv(['"[1, 0]"', '"[1, 1]"']), ("0", "1"), ["0"], "vectors of 0 and 1"),
        ("a.csv", csv(["[1 0]", "[1 1]"]), ("0", "1"), ["0"], "vectors of 0 and 1"),
        ("a.jsonl", rows([{"a": 1.0, "b": 0.6}, {"a": 0.0, "b": 1.0}]), AB, ["a", "b"], "scores by class"),
    ],
)  # fmt: skip
def test_several_labels_are_found_and_said(
    name: str, content: Any, names: Any, first: Any, said: str, write: Any, texts: Any
) -> None:
    data = texts(write(name, content), label_kind="auto")
    assert data.schema.label == Label("label", names, "multi")
    assert data.splits["train"][0]["label"] == first
    assert any(said in note for note in data.notes)


def test_positions_of_vectors_have_the_names_that_are_given(write: Any, texts: Any) -> None:
    path = write("a.jsonl", rows([[1, 0, 1], [0, 1, 0]]))
    data = texts(path, label_kind="auto", label_names=("joy", "fear", "ire"))
    assert data.splits["train"]["label"][:] == [["joy", "ire"], ["fear"]]
    with pytest.raises(FtError, match=r"task\.label_names: there are 2 names for vectors of 3"):
        texts(path, label_kind="auto", label_names=AB)


def test_ids_have_the_names_that_are_given(write: Any, texts: Any) -> None:
    data = texts(write("a.csv", csv(["1", "0", "1.0"])), label_names=("neg", "pos"))
    assert data.splits["train"]["label"][:] == ["pos", "neg", "pos"]
    with pytest.raises(FtError, match=r"a\.csv:3: has the label 2; task\.label_names has 2 names"):
        texts(write("a.csv", csv(["1", "2"])), label_names=("neg", "pos"))


@pytest.mark.parametrize(
    ("cells", "kind", "between"),
    [
        (['"sad,angry"', "joy", "angry"], "auto", ","),
        (["sad;angry", "joy", "angry"], "auto", ";"),
        (["a/b", "a", "b"], "auto", "/"),
        (["sad/angry", "joy", "angry"], "multi", "/"),
        (["sad & angry", "joy", "angry"], "multi", "&"),
        (["sad angry", "joy", "angry"], "multi", " "),
        (['"a,b|c"', "a"], "multi", ","),
    ],
)
def test_what_may_be_one_label_or_several_is_asked(
    cells: Any, kind: str, between: str, write: Any, texts: Any
) -> None:
    path = write("a.csv", csv(cells))
    with pytest.raises(FtError, match=r"one class each, or several with") as caught:
        texts(path, label_kind=kind)
    assert f"set task.label_separator = {between!r} for several" in str(caught.value)
    assert texts(path, label_kind=kind, label_separator=between).schema.label.kind == "multi"
    one = texts(path, label_kind="single")
    assert one.splits["train"]["label"][0] == cells[0].strip('"')


def test_a_comma_in_a_name_is_said(write: Any, texts: Any) -> None:
    data = texts(write("a.csv", csv(['"Arts, Crafts"', "Food"])), label_kind="auto")
    assert data.schema.label == Label("label", ("Arts, Crafts", "Food"), "single")
    assert any("'Arts, Crafts' are one class each" in note for note in data.notes)


def test_columns_of_0_and_1(write: Any, texts: Any, run: Any) -> None:
    path = write("a.csv", "id,text,toxic,insult\n7,u,1,1\n8,v,0,0\n9,w,0,yes\n")
    good = write("b.csv", "id,text,toxic,insult\n7,u,1,1\n8,v,0,0\n")
    with pytest.raises(FtError, match=r"'toxic', 'insult' hold 0 and 1: .*\.columns\.label = \["):
        texts(good, label_kind="auto")
    settings = {"columns": {"label": ("toxic", "insult")}, "label_kind": "auto"}
    data = texts(good, **settings)
    assert data.splits["train"][:] == {
        "label": [["toxic", "insult"], []], "id": ["7", "8"], "text": ["u", "v"], "line": [2, 3]
    }  # fmt: skip
    with pytest.raises(FtError, match=r"a\.csv:4: has 'yes' in the column 'insult' of labels"):
        texts(path, **settings)
    with pytest.raises(FtError, match=r"there is no column 'rude'; .*'insult'"):
        texts(good, columns={"label": ("toxic", "rude")})


@pytest.mark.parametrize("cell", ["nan", "NaN", "None", "null", "NA", "N/A", "<NA>"])
def test_what_programs_write_for_a_missing_label_is_no_class(
    cell: str, write: Any, texts: Any, run: Any
) -> None:
    path = write("a.csv", csv(["x", cell, "y"]))
    with pytest.raises(FtError, match=r"a\.csv:3: has no label: '.*' is what programs write"):
        texts(path, label_kind="auto")
    skipped = texts(path, run, label_kind="auto", on_bad_row="skip")
    assert skipped.splits["train"]["label"][:] == ["x", "y"]
    assert texts(path, missing_labels=()).schema.label.names == tuple(sorted(["x", cell, "y"]))
    dash = write("b.csv", csv(["x", "-", "y"]))
    with pytest.raises(FtError, match=r"b\.csv:3: has no label: '-'"):
        texts(dash, missing_labels=("-",))


@pytest.mark.parametrize(
    ("labels", "kind"), [([1, 0, float("nan")], "single"), ([0.5, 1.5, None], "number"), ([["x", "y"], None], "multi")]
)  # fmt: skip
def test_a_missing_label_never_changes_the_kind(
    labels: Any, kind: str, write: Any, texts: Any, run: Any
) -> None:
    path = write("a.jsonl", rows(labels))
    with pytest.raises(FtError, match=rf"a\.jsonl:{len(labels)}: has no label"):
        texts(path, label_kind="auto")
    data = texts(path, run, label_kind="auto", on_bad_row="skip")
    assert data.schema.label.kind == kind
    assert len(data.splits["train"]) == len(labels) - 1


@pytest.mark.parametrize(
    ("train", "test", "names"),
    [
        (["1.0", "0.0"], ["1", "0"], ("0", "1")),
        (["1.0", "0", "1", "0.0"], ["1"], ("0", "1")),
        (["True", "False"], ["true", "FALSE"], ("false", "true")),
        (["spät", "spa\u0308t", "früh "], ["spät"], ("früh", "spät")),
    ],
)
def test_spellings_of_one_label_are_one(
    train: Any, test: Any, names: Any, write: Any, texts: Any
) -> None:
    data = texts(write("a.csv", csv(train)), test=write("b.csv", csv(test)), label_kind="auto")
    assert data.schema.label == Label("label", names, "single")
    assert any("labels are read without white space" in note for note in data.notes)


def test_truth_values_of_json_and_csv_are_the_same(write: Any, texts: Any) -> None:
    test = write("b.csv", csv(["True", "False"]))
    data = texts(write("a.jsonl", rows([True, False])), test=test)
    assert data.schema.label.names == ("false", "true")


def test_a_decimal_comma(write: Any, texts: Any) -> None:
    path = write("a.csv", csv(["0,5", "1,25", "2"], ";"))
    for kind in ("auto", "number"):
        data = texts(path, label_kind=kind)
        assert data.splits["train"]["label"][:] == [0.5, 1.25, 2.0]
        assert any("'0,5' is read as the decimal point" in note for note in data.notes)
    quoted = write("b.csv", csv(['"0,5"', '"1,5"']))
    with pytest.raises(FtError, match=r"several classes\?\n  to do: set task\.kind = 'number' or"):
        texts(quoted, label_kind="auto")
    assert texts(quoted, label_kind="number").splits["train"]["label"][:] == [0.5, 1.5]
    with pytest.raises(FtError, match="decimal point or between thousands"):
        texts(write("c.csv", csv(["1,500", "2"], ";")), label_kind="number")


@pytest.mark.parametrize("cells", [["1.100,50", "99,5"], ["12 %", "3,5 %"], ["7%", "8"]])
def test_numbers_as_people_write_them_are_asked_for(
    cells: list[str], write: Any, texts: Any
) -> None:
    path = write("a.csv", csv(cells, ";"))
    with pytest.raises(FtError, match="numbers, or classes of these names"):
        texts(path, label_kind="auto")
    assert len(texts(path, label_kind="single").schema.label.names) == 2


@pytest.mark.parametrize(
    "labels",
    [
        [[[0, 4, "PER"]], []],
        [[{"start": 0, "end": 4, "label": "PER"}], []],
    ],
)
def test_spans_are_no_classes(labels: Any, write: Any, texts: Any) -> None:
    with pytest.raises(FtError, match="spans with offsets are for a task that finds entities"):
        texts(write("a.jsonl", rows(labels)), label_kind="auto")


def test_a_list_without_commas_is_refused(write: Any, texts: Any) -> None:
    """Python would read ``['a' 'b']`` as one text, ``ab``."""
    with pytest.raises(FtError, match="a list without commas, as NumPy prints one"):
        texts(write("a.csv", csv(["['a' 'b']", "['a']"])), label_kind="multi")


def test_texts_that_are_joined(write: Any, texts: Any) -> None:
    path = write("a.csv", "title,body,label\nGood,soup,x\n,late,y\n,,x\n")
    settings = {"columns": {"text": ("title", "body")}}
    with pytest.raises(FtError, match=r"a\.csv:4: has no title \+ body"):
        texts(path, **settings)
    good = write("b.csv", "title,body,label\nGood,soup,x\n,late,y\n")
    assert texts(good, **settings).splits["train"]["text"][:] == ["Good\nsoup", "late"]


def test_a_row_with_one_usable_text_of_two_is_kept(write: Any, texts: Any) -> None:
    lines = [{"a": "x", "b": None, "label": "p"}, {"a": " ", "b": "y", "label": "q"}]
    columns = {"text": "a", "pair": "b"}
    data = texts(write("a.jsonl", lines), pair="pair", columns=columns)
    assert data.splits["train"]["text"][:] == ["x", " "]
    assert data.splits["train"]["pair"][:] == ["", "y"]
    lines.append({"a": "", "b": None, "label": "p"})
    with pytest.raises(FtError, match=r"b\.jsonl:3: has nothing in a and b"):
        texts(write("b.jsonl", lines), pair="pair", columns=columns)
