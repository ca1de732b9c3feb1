"""Damaged files: a correct read or one of our errors, never another, never a hang, never a lost row."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ft import DataConfig, FtError
from ft.data.config import WordsConfig
from ft.data.lint.lint import lint
from ft.data.read_tables import read_split_tables
from ft.data.read_texts import read_texts
from ft.data.read_words import read_words
from ft.data.rows.fingerprints import fingerprint

cases = pytest.mark.parametrize("cases", [15, pytest.param(125, marks=pytest.mark.faults)])
"""How many damaged files of each kind are tried."""

CONLL = (
    "# id = 1\nAnn\tB-PER\nLee\tI-PER\nruns\tO\n\nin\tO\n北京\tB-LOC\n#tag\tO\n\n-DOCSTART-\tO\n\n"
    * 4
)
BIOES = "Ann _ B-PER\nLee _ E-PER\nin _ O\nRome _ S-LOC\n\n" * 4
CSV = 'text,label,n\n"a, ""b""",x,1\ncafé,y,2\n"two\nlines",x,3\n\nlast,y,4\n' * 1
TSV = 'text\tlabel\na "b" c\tx\n"quoted"\ty\ncafé\tx\n'
JSONL = "".join(
    json.dumps({"text": f"t{i} é", "label": i % 2, "meta": {"a": [i, 1.5, None]}}) + "\n"
    for i in range(6)
)
SPANS = "".join(
    json.dumps({"text": "Ann Lee lives in Rome.", "entities": [[0, 7, "PER"], [17, 21, "LOC"]]})
    + "\n"
    for _ in range(4)
)
TOKENS = "".join(
    json.dumps({"tokens": ["Ann", "ran"], "tags": ["B-PER", "O"]}) + "\n" for _ in range(4)
)
LIST = json.dumps([{"text": f"t{i}", "label": "xy"[i % 2]} for i in range(5)], indent=1)


def parquet(**options: Any) -> bytes:
    table = pa.table(
        {
            "text": [f"text {i}" for i in range(20)],
            "label": pa.array(["x", "y"] * 10).dictionary_encode(),
            "n": [[i] for i in range(20)],
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def as_words(path: str, run: Any, policy: Any) -> Any:
    return read_words(WordsConfig(train=path, validation=path, on_bad_row=policy), run, owner="t")


def as_texts(path: str, run: Any, policy: Any) -> Any:
    return read_texts(DataConfig(train=path, validation=path, on_bad_row=policy), run, owner="t")


def as_labels(path: str, run: Any, policy: Any) -> Any:
    config = DataConfig(train=path, validation=path, on_bad_row=policy)
    return read_texts(config, run, owner="t", label_kind="multi")


def as_tables(path: str, run: Any, policy: Any) -> Any:
    return read_split_tables(
        DataConfig(train=path, validation=path, on_bad_row=policy), run=run, owner="t"
    )


KINDS: dict[str, tuple[bytes, str, Callable[..., Any]]] = {
    "conll": (CONLL.encode(), "a.conll", as_words),
    "bioes": (BIOES.encode(), "a.txt", as_words),
    "csv": (CSV.encode(), "a.csv", as_texts),
    "csv table": (CSV.encode(), "a.csv", as_tables),
    "tsv": (TSV.encode(), "a.tsv", as_texts),
    "jsonl": (JSONL.encode(), "a.jsonl", as_texts),
    "jsonl labels": (JSONL.encode(), "a.jsonl", as_labels),
    "jsonl table": (JSONL.encode(), "a.jsonl", as_tables),
    "tokens": (TOKENS.encode(), "a.jsonl", as_words),
    "spans": (SPANS.encode(), "a.jsonl", as_words),
    "list": (LIST.encode(), "a.json", as_texts),
    "parquet": (parquet(), "a.parquet", as_texts),
    "parquet plain": (parquet(compression="none", use_dictionary=False), "a.parquet", as_tables),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", ["refuse", "skip"])
@cases
def test_damaged_files(
    kind: str,
    policy: str,
    cases: int,
    tmp_path: Path,
    load: Callable[[str], ModuleType],
    tally: Callable[..., None],
) -> None:
    content, name, read = KINDS[kind]
    run = SimpleNamespace(output=tmp_path / "run", wanted=None)
    mutate = load("mutations").mutate
    good, refused = 0, 0
    for case in range(cases):
        damaged = mutate(content, random.Random(f"{kind} {case}"))
        (tmp_path / name).write_bytes(damaged)
        begin = time.process_time()
        try:
            data = read(str(tmp_path / name), run, policy)
            lint(data)
            fingerprint(data)
            for rows in data.splits.values():
                assert len(rows[:]["line"]) == len(rows)
        except FtError:
            refused += 1
        except Exception as error:
            error.add_note(f"case {case} of {kind}: {damaged!r}")
            raise
        else:
            good += 1
        assert time.process_time() - begin < 5
    assert refused
    assert good or policy == "refuse" or "parquet" in kind
    tally(fuzzed_data_files=cases)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@cases
def test_no_row_is_lost(name: str, cases: int, tmp_path: Path, tally: Callable[..., None]) -> None:
    """Each line is a row that was read or one that was set aside."""
    content = JSONL * 20 if name == "a.jsonl" else "text,label\n" + "some text,x\n" * 100
    rng = random.Random(name)
    for _ in range(cases):
        lines = content.splitlines()
        head = [] if name == "a.jsonl" else [lines.pop(0)]
        for _ in range(rng.randrange(6)):
            at = rng.randrange(len(lines))
            lines[at] = lines[at].replace(
                rng.choice(lines[at]), rng.choice(["", "\0", "{", "x,y"]), 1
            )
        path = tmp_path / name
        path.write_text("\n".join([*head, *lines]), newline="")
        run = SimpleNamespace(output=tmp_path / f"run{rng.random()}", wanted=None)
        data = as_texts(str(path), run, "skip")
        aside = run.output / "bad_rows.jsonl"
        bad = aside.read_text().splitlines() if aside.exists() else []
        numbers = [json.loads(row)["line"] for row in bad]
        numbers += data.splits["train"]["line"]
        assert sorted(numbers) == [
            i for i, line in enumerate([*head, *lines], 1) if line.strip() and i > len(head)
        ]
    tally(fuzzed_data_files=cases)


@cases
def test_no_word_is_lost(cases: int, tmp_path: Path, tally: Callable[..., None]) -> None:
    """Each line of a CoNLL file is a word that was read, a comment, or in a sentence set aside."""
    rng = random.Random(0)
    for _ in range(cases):
        lines = [f"w{i}\tO" if i % 5 else "" for i in range(1, 1000)]
        for _ in range(rng.randrange(8)):
            lines[rng.randrange(len(lines))] = rng.choice(
                ["one", "a\tb\tO", "\0\tO", "# c", "#\tO", "", "\tO", " "]
            )
        path = tmp_path / "a.conll"
        path.write_text("\n".join(lines))
        run = SimpleNamespace(output=tmp_path / f"run{rng.random()}", wanted=None)
        data = as_words(str(path), run, "skip")
        aside = run.output / "bad_rows.jsonl"
        bad = [json.loads(row) for row in aside.read_text().splitlines()] if aside.exists() else []
        found = sum(map(len, data.splits["train"]["tags"]))
        found += sum(len(row["raw"].split("\n")) for row in bad)
        assert found == sum(bool(line.strip(" ")) and line != "# c" for line in lines)
    tally(fuzzed_data_files=cases)
