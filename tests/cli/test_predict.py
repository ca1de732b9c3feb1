"""What `ft predict` reads and writes: every form, nothing lost, one wrong request among many."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main

ROWS = [
    {"id": 7, "text": "anna went to london", "label": "good"},
    {"id": 8, "text": 'bob, "here"', "label": "bad"},
]


@pytest.fixture(scope="module")
def run(start: Any, data_files: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose training file calls the text ``review``."""
    folder = tmp_path_factory.mktemp("predict")
    settings = {}
    for split, path in data_files["sentiment"].items():
        settings[split] = str(folder / f"{split}.jsonl")
        text = Path(path).read_text().replace('"text":', '"review":')
        Path(settings[split]).write_text(text)
    values = {"max_steps": 1, "sentiment": {**settings, "columns": {"text": "review"}}}
    result: Path = start(["sentiment"], folder / "run", **values).output
    return result


def test_the_column_of_the_training_file_is_read_where_another_has_our_name(run: Path) -> None:
    both, plain = ft.predict(run, [{"text": "another column", "review": "good soup"}, "good soup"])
    assert (both["text"], both["given_text"]) == ("good soup", "another column")
    assert both["scores"] == pytest.approx(plain["scores"], abs=1e-6)


def as_csv(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write(folder: Path, name: str) -> Path:
    path = folder / name
    form = name.removesuffix(".gz").rpartition(".")[2]
    if form == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(ROWS), path)
        return path
    text = {
        "jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
        "json": json.dumps(ROWS, indent=1),
        "csv": as_csv(ROWS),
        "tsv": as_csv(ROWS, "\t"),
    }[form]
    (gzip.open if name.endswith(".gz") else open)(path, "wb").write(text.encode())
    return path


@pytest.mark.parametrize(
    "name", ["in.jsonl", "in.json", "in.csv", "in.tsv", "in.parquet", "in.csv.gz", "in.jsonl.gz"]
)
def test_every_form_is_read_and_nothing_of_a_request_is_lost(
    run: Path, tmp_path: Path, name: str
) -> None:
    answers = ft.predict(run, write(tmp_path, name))
    assert [int(answer["id"]) for answer in answers] == [7, 8]
    assert [answer["text"] for answer in answers] == [row["text"] for row in ROWS]
    assert [answer["given_label"] for answer in answers] == ["good", "bad"]
    plain = ft.predict(run, [row["text"] for row in ROWS])
    assert [answer["label"] for answer in answers] == [answer["label"] for answer in plain]


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "tsv"])
def test_standard_input_is_told_by_its_first_line(
    run: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    given = write(tmp_path, f"in.{form}").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert main(["predict", str(run), "-q"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] for answer in answers] == [row["text"] for row in ROWS]


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_every_form_is_written(run: Path, tmp_path: Path, form: str) -> None:
    output = tmp_path / f"out.{form}"
    assert (
        main(["predict", str(run), str(write(tmp_path, "in.jsonl")), "-q", "-o", str(output)]) == 0
    )
    read = {
        "jsonl": lambda: [json.loads(line) for line in output.read_text().splitlines()],
        "json": lambda: json.loads(output.read_text()),
        "csv": lambda: list(csv.DictReader(output.open())),
        "tsv": lambda: list(csv.DictReader(output.open(), delimiter="\t")),
    }
    if form == "parquet":
        import pyarrow.parquet as pq

        rows = pq.read_table(output).to_pylist()
    else:
        rows = read[form]()
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    assert [int(row["id"]) for row in rows] == [7, 8]
    expected = [answer["label"] for answer in ft.predict(run, ROWS)]
    assert [row["label"] for row in rows] == expected


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_has_every_column_whichever_request_is_the_first(
    run: Path, tmp_path: Path, form: str
) -> None:
    given = [{"text": ""}, {"text": "anna", "id": "b"}, {"text": "bob", "source": "web"}]
    path, output = tmp_path / "in.jsonl", tmp_path / f"out.{form}"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in given))
    command = ["predict", str(run), str(path), "-q", "-o", str(output)]
    assert main([*command, "--on-bad-row", "skip"]) == 0
    if form == "parquet":
        import pyarrow.parquet as pq

        rows = pq.read_table(output).to_pylist()
    else:
        rows = [
            {name: cell or None for name, cell in row.items()}
            for row in csv.DictReader(output.open())
        ]
    expected = ft.predict(run, given[1:])
    assert [row["label"] for row in rows] == [None, *(one["label"] for one in expected)]
    assert [row["id"] for row in rows] == [None, "b", None]
    assert [row["source"] for row in rows] == [None, None, "web"]
    assert "request 1: has nothing in text" in rows[0]["error"]
    assert rows[1]["error"] is None


@pytest.mark.parametrize("blank", ["", " \t\u3000", "\u200b\ufeff\u2060\u00ad", "\x00\x1f"])
def test_a_blank_text_is_refused_in_training_and_in_prediction(
    run: Path, start: Any, tmp_path: Path, blank: str
) -> None:
    rows = [{"text": f"text {i}", "label": "ab"[i % 2]} for i in range(12)]
    (tmp_path / "train.jsonl").write_text(
        "".join(f"{json.dumps(row)}\n" for row in [*rows, {"text": blank, "label": "a"}])
    )
    given = {"train": str(tmp_path / "train.jsonl")}
    with pytest.raises(ft.DataError, match=r"train\.jsonl:13: has nothing in text"):
        start(["sentiment"], tmp_path / "refused", sentiment=given)
    with pytest.raises(ft.DataError, match="request 2: has nothing in text") as caught:
        ft.predict(run, ["anna", blank])
    assert "--on-bad-row skip" in str(caught.value)
    answers = ft.predict(run, ["anna", blank, "bob"], on_bad_row="skip")
    assert ["label" in answer for answer in answers] == [True, False, True]


def test_columns_may_be_called_as_in_the_training_file(run: Path) -> None:
    (answer,) = ft.predict(run, [{"review": "anna went", "id": 3}])
    (other,) = ft.predict(run, ["anna went"])
    assert answer["label"] == other["label"]
    assert answer["review"] == "anna went"
    assert answer["id"] == 3


BAD = [
    None,
    3,
    float("nan"),
    b"bytes",
    ["a list"],
    {"text": None},
    {"text": 3},
    {"text": ["a"]},
    {"other": "x"},
    {"text": "half \ud800"},
    "half \udfff",
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_one_wrong_request_is_named_and_the_others_are_answered(run: Path, bad: Any) -> None:
    requests = ["anna went", {"text": "bob"}, bad, "carl"]
    with pytest.raises(ft.DataError, match="request 3"):
        ft.predict(run, requests)
    answers = ft.predict(run, requests, on_bad_row="skip")
    assert ["error" in answer for answer in answers] == [False, False, True, False]
    assert "request 3" in answers[2]["error"]
    alone = ft.predict(run, ["anna went", "bob", "carl"])
    kept = [answer["label"] for answer in answers if "error" not in answer]
    assert kept == [answer["label"] for answer in alone]


@pytest.mark.parametrize(("value", "said"), [(None, "missing"), (5, "of type int")])
def test_a_text_that_is_none_is_named(run: Path, value: Any, said: str) -> None:
    with pytest.raises(ft.DataError, match=f"'text' is {said}, not a text"):
        ft.predict(run, [{"text": value}])


def test_lines_that_cannot_be_read_are_named_and_the_others_are_answered(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(
        b'"anna"\n\n{"text": \n[1]\n{"text": "\xff"}\n{"text": "\\ud83d"}\n{"text": 1, "text": "x"}\n"bob"\n'
    )
    assert main(["predict", str(run), str(path), "-q"]) == 2
    assert f"{path}:3: not JSON" in capsys.readouterr().err
    assert main(["predict", str(run), str(path), "-q", "--on-bad-row", "skip"]) == 0
    said = capsys.readouterr()
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert [answer.get("error", "").partition(" ")[0] for answer in answers] == [
        "", f"{path}:3:", f"{path}:4:", f"{path}:5:", f"{path}:6:", f"{path}:7:", "",
    ]  # fmt: skip
    assert "5 of 7 requests are not answered" in said.err


def test_a_row_of_a_table_with_too_few_values_is_named(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,text\n1,anna\n2\n3,bob\n")
    answers = ft.predict(run, path, on_bad_row="skip")
    assert answers[1] == {"error": f"{path}:3: 1 values under 2 columns\n  to do: a value that "
                          'holds the delimiter stands in "quotes"'}  # fmt: skip
    assert [answer.get("id") for answer in answers] == ["1", None, "3"]


def test_a_table_of_pandas_and_a_data_set_are_read_by_rows(run: Path) -> None:
    import pandas as pd
    from datasets import Dataset

    expected = [answer["label"] for answer in ft.predict(run, ROWS)]
    for table in (pd.DataFrame(ROWS), Dataset.from_list(ROWS)):
        answers = ft.predict(run, table)
        assert [answer["label"] for answer in answers] == expected
        assert [answer["id"] for answer in answers] == [7, 8]


@pytest.mark.parametrize("inputs", [None, b"bytes", 3])
def test_what_holds_no_requests_is_refused(run: Path, inputs: Any) -> None:
    with pytest.raises(ft.DataError, match="requests are texts or mappings"):
        ft.predict(run, inputs)


def test_a_run_that_is_not_there_is_said_before_texts_are_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["predict", "runs/nothere"]) == 2
    assert "runs/nothere: there is no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_a_stream_that_is_closed_or_missing(
    run: Path, stream: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("anna\n")
    for value in (None, io.StringIO()):
        if value is not None:
            value.close()
        monkeypatch.setattr(sys, stream, value)
        command = ["predict", str(run), str(texts), "-o", str(tmp_path / "out.jsonl")]
        assert main(command) == 0


def test_threads_get_the_answers_that_one_gets(run: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    model = ft.load(run)
    texts = [["anna went to london", "bob"], ["carl"], ["anna", "went", "bob here"]] * 4
    alone = [model.predict(some) for some in texts]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(model.predict, texts)) == alone
