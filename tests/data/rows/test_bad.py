from __future__ import annotations

import json
from typing import Any

import pytest

from ft import DataConfig, FtError
from ft.data.read_tables import read_split_tables, read_table

GOOD = [f"text {i},x" for i in range(95)]


def csv(*bad: str, good: list[str] = GOOD) -> str:
    return "\n".join(["text,label", *good, *bad]) + "\n"


def test_bad_rows_are_set_aside_with_the_reason(write: Any, texts: Any, run: Any) -> None:
    train = write("train.csv", csv("one", 'quo"te,x,y', "no label,"))
    test = write("test.csv", csv("two"))
    data = texts(train, run, validation=test, test=test, on_bad_row="skip")
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 95, "validation": 95, "test": 95
    }  # fmt: skip
    lines = (run.output / "bad_rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"file": train.name, "plugin": "task", "line": 97, "reason": "has 1 field, the header names 2", "raw": "one"},
        {"file": train.name, "plugin": "task", "line": 98, "reason": "has 3 fields, the header names 2", "raw": 'quo"te,x,y'},
        {"file": train.name, "plugin": "task", "line": 99, "reason": "has no label", "raw": json.dumps({"text": "no label", "label": ""})},
        {"file": test.name, "plugin": "task", "line": 97, "reason": "has 1 field, the header names 2", "raw": "two"},
    ]  # fmt: skip
    path = run.output / "bad_rows.jsonl"
    only = f"{train}: 3 malformed of 98 rows set aside in {path}; 1 of them only lack a label"
    assert only in data.notes
    assert f"{test}: 1 malformed of 96 rows set aside in {path}" in data.notes


def test_it_is_said_again_when_the_file_comes_from_the_cache(
    write: Any, texts: Any, run: Any
) -> None:
    path = write("train.csv", csv("one"))
    notes = [texts(path, run, on_bad_row="skip").notes for _ in range(2)]
    assert notes[0] == notes[1] != []
    with pytest.raises(FtError, match=r"train\.csv:97: has 1 field"):
        texts(path, run)


def test_a_sentence_with_a_bad_line_is_set_aside_whole(write: Any, words: Any, run: Any) -> None:
    good = "w\tO\n\n" * 5
    path = write("a.conll", f"{good}# c\nAnn\tB-PER\nlonely\nruns\tO\ntwo\n\n{good}")
    data = words(path, run, on_bad_row="skip")
    assert data.splits["train"].num_rows == 10
    assert data.splits["train"]["line"][5] == 17
    (row,) = map(json.loads, (run.output / "bad_rows.jsonl").read_text().splitlines())
    assert row["line"] == 13
    assert row["reason"] == (
        "has 1 column, the rows of this file have 2 (and 1 more lines of this sentence)"
    )
    assert row["raw"] == "Ann\tB-PER\nlonely\nruns\tO\ntwo"


@pytest.mark.parametrize("scheme", ["IOB1", "BIOES"])
def test_conversion_keeps_what_was_set_aside(scheme: str, write: Any, words: Any, run: Any) -> None:
    tags = {"IOB1": "a\tI-X\nb\tB-X\n\n", "BIOES": "a\tS-X\n\n"}[scheme]
    path = write("a.conll", tags * 5 + "lonely\n")
    data = words(path, run, on_bad_row="skip")
    assert any(f"1 malformed of 6 rows set aside in {run.output}" in note for note in data.notes)


@pytest.mark.parametrize(("bad", "allowed"), [(10, True), (11, False)])
def test_ten_are_allowed_in_a_small_file(
    bad: int, allowed: bool, write: Any, texts: Any, run: Any
) -> None:
    path = write("a.csv", csv(*["one"] * bad, good=["a,x"] * 5))
    if allowed:
        assert len(texts(path, run, on_bad_row="skip").splits["train"]) == 5
        return
    with pytest.raises(
        FtError, match=r"11 of 16 rows are malformed, more than the 10% that may be"
    ):
        texts(path, run, on_bad_row="skip")
    assert not run.output.exists()


def test_any_number_of_rows_may_lack_a_label(write: Any, texts: Any, run: Any) -> None:
    path = write("train.csv", csv(*[f"unlabelled {i}," for i in range(1100)], "one", "n,nan"))
    data = texts(path, run, on_bad_row="skip")
    assert data.splits["train"].num_rows == 95
    assert any(note.endswith("; 1,101 of them only lack a label") for note in data.notes)
    path = write("none.csv", csv(*[f"unlabelled {i}," for i in range(30)], good=[]))
    with pytest.raises(FtError, match=r"30 of 30 rows are malformed.* it has no label"):
        texts(path, run, on_bad_row="skip")


@pytest.mark.parametrize(("bad", "allowed"), [(20, True), (21, False)])
def test_a_tenth_is_allowed_in_a_large_file(
    bad: int, allowed: bool, write: Any, texts: Any, run: Any
) -> None:
    path = write("a.csv", csv(*["one"] * bad, good=["a,x"] * (200 - bad)))
    if allowed:
        assert len(texts(path, run, on_bad_row="skip").splits["train"]) == 180
    else:
        with pytest.raises(
            FtError, match=r"a\.csv: 21 of 200 rows are malformed.* line 181: it has 1"
        ):
            texts(path, run, on_bad_row="skip")


def test_without_a_run_there_is_nowhere_to_set_them_aside(write: Any) -> None:
    path = write("a.csv", csv("one"))
    with pytest.raises(FtError, match=r"a\.csv:97: has 1 field(.|\n)*there is no run folder"):
        read_table(path, config=DataConfig(on_bad_row="skip"), owner="t")


@pytest.mark.parametrize("policy", ["refuse", "skip"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.conll"])
def test_a_wrong_file_is_given_up_on(
    policy: str, name: str, write: Any, words: Any, run: Any
) -> None:
    content = {
        "a.csv": "tokens,tags\n" + "one\n" * 5000,
        "a.jsonl": "one\n" * 5000,
        "a.conll": "a\tO\nb\tO\n" * 400 + "\n" + "one\n\n" * 2000,
    }[name]
    with pytest.raises(FtError) as caught:
        words(write(name, content), run, on_bad_row=policy)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-2].endswith(
        "more than half of the first rows are malformed; reading was given up"
    )


def test_a_run_folder_that_cannot_be_written(write: Any, texts: Any, run: Any) -> None:
    run.output.write_text("a file")
    with pytest.raises(FtError, match="the rows set aside cannot be written"):
        texts(write("a.csv", csv("one")), run, on_bad_row="skip")


def minutes(row: Any) -> str | None:
    return None if row["minutes"].isdigit() else f"has {row['minutes']!r} for minutes"


def test_what_a_task_finds_fault_with_is_malformed_too(write: Any, run: Any) -> None:
    lines = [f"text {i},{i}" for i in range(30)]
    path = write("a.csv", "\n".join(["text,minutes", *lines, "a,soon", "one", "b,-1"]) + "\n")
    config = DataConfig(train=str(path), test=str(path))
    with pytest.raises(FtError) as caught:
        read_split_tables(config, owner="t", run=run, columns=("text",), check=minutes)
    said = str(caught.value)
    assert "a.csv:32: has 'soon' for minutes" in said
    assert "a.csv:33: has 1 field" in said
    assert "mend the rows, or set t.on_bad_row = 'skip'" in said
    assert not (run.output / "bad_rows.jsonl").exists()
    config = config.model_copy(update={"on_bad_row": "skip"})
    for _ in range(2):  # the second time from the cache
        data = read_split_tables(config, owner="t", run=run, columns=("text",), check=minutes)
        assert len(data.splits["test"]) == 30
        assert data.place("test", 29).endswith("a.csv:31")
        bad = [json.loads(line) for line in (run.output / "bad_rows.jsonl").open()]
        assert [(row["line"], row["reason"]) for row in bad] == [
            (32, "has 'soon' for minutes"),
            (33, "has 1 field, the header names 2"),
            (34, "has '-1' for minutes"),
        ]
        assert json.loads(bad[0]["raw"]) == {"text": "a", "minutes": "soon"}
    # What is found decides, not the code: another check gives other rows.
    data = read_split_tables(config, owner="t", run=run, check=lambda row: None)
    assert len(data.splits["test"]) == 32


def test_too_many_faults_are_refused_and_a_failing_check_names_its_row(
    write: Any, texts: Any, run: Any
) -> None:
    path = write("a.csv", csv(good=["a,x"] * 40))
    with pytest.raises(FtError, match="40 of 40 rows are malformed"):
        texts(path, run, on_bad_row="skip", check=lambda row: "is dull")
    with pytest.raises(KeyError) as caught:
        texts(path, run, check=lambda row: row["team"])
    assert caught.value.__notes__ == [f"while the row at {path}:2 was checked"]


def test_a_table_may_be_checked(write: Any, run: Any) -> None:
    path = write("a.csv", "text,minutes\na,1\nb,x\n")
    config = DataConfig(on_bad_row="skip")
    rows = read_table(path, config=config, owner="t", run=run, check=minutes)
    assert rows["text"] == ["a"]


def test_rows_set_aside_in_training_stay_when_other_data_is_scored(
    write: Any, texts: Any, run: Any
) -> None:
    train, test = write("train.csv", csv("one")), write("test.csv", csv("two"))
    texts(train, run, on_bad_row="skip")
    run.wanted = "test"
    data = texts("gone.csv", run, test=test, on_bad_row="skip")
    assert set(data.splits) == {"test"}
    assert "one" in (run.output / "bad_rows.jsonl").read_text()
    assert '"two"' in (run.output / "bad_rows-test.jsonl").read_text()
