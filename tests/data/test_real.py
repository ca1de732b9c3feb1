"""Real files, with the counts that their cards state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ft import DataConfig
from ft.data.config import WordsConfig
from ft.data.lint.lint import lint
from ft.data.read_tables import read_split_tables, read_table
from ft.data.read_texts import read_texts
from ft.data.read_words import read_words


def test_wnut17(shared_data: Path) -> None:
    data = read_words(WordsConfig(train=str(shared_data / "wnut17")), None, owner="ner")
    assert {split: (len(rows), sum(map(len, rows["tokens"]))) for split, rows in data.splits.items()} == {
        "train": (3394, 62730), "validation": (1009, 15733), "test": (1287, 23394)
    }  # fmt: skip
    kinds = ("corporation", "creative-work", "group", "location", "person", "product")
    assert data.schema.words.labels == ("O", *(f"{p}-{kind}" for kind in kinds for p in "BI"))
    assert data.schema.words.scheme == "BIO2"
    assert data.notes == [
        "running text is cut into words by the rule 'treebank', which gives 97% of your words as you "
        "cut them"
    ]
    tags = [tag for rows in data.splits.values() for row in rows["tags"] for tag in row]
    assert [sum(tag[0] == prefix for tag in tags) for prefix in "BIO"] == [3890, 2260, 95707]


def test_wnut17s_zero_width_tokens_are_kept_and_said(shared_data: Path) -> None:
    data = read_words(WordsConfig(train=str(shared_data / "wnut17")), None, owner="ner")
    held = [
        token
        for row in data.splits["validation"]["tokens"]
        for token in row
        if "\u200b" in token or "\ufeff" in token
    ]
    assert len(held) == 2
    finding = next(finding for finding in lint(data) if finding.code == "zero-width")
    assert (finding.severity, finding.count) == ("info", 2)
    for place in finding.places:
        path, line = place.rsplit(":", 1)
        text = Path(path).read_text(encoding="utf-8").split("\n")
        sentence = text[int(line) - 1 : text.index("", int(line))]
        assert any(token in row for token in held for row in sentence)


@pytest.mark.parametrize("scheme", ["IOB1", "BIOES"])
def test_wnut17_in_other_schemes(scheme: Any, shared_data: Path, tmp_path: Path) -> None:
    from ft.data.tags.tags import from_bio2

    folder = shared_data / "wnut17"
    bio2 = read_words(WordsConfig(train=str(folder)), None, owner="ner").splits["train"]
    with (tmp_path / "train.conll").open("w", encoding="utf-8") as file:
        for tokens, tags in zip(bio2["tokens"], bio2["tags"], strict=True):
            rows = zip(tokens, from_bio2(tags, scheme), strict=True)
            file.write("".join(f"{token}\t{tag}\n" for token, tag in rows) + "\n")
    path = str(tmp_path / "train.conll")
    data = read_words(WordsConfig(train=path, validation=path), None, owner="ner")
    assert data.splits["train"]["tags"][:] == bio2["tags"][:]
    assert data.splits["train"]["tokens"][:] == bio2["tokens"][:]


@pytest.mark.parametrize(
    ("name", "counts", "labels"),
    [
        ("sst2", (6920, 872, 1821), 2),
        ("banking77", (9000, 1003, 3080), 77),
        ("chnsenticorp_hotel", (6212, 777, 776), 2),
        ("financial_phrasebank", None, 3),
        ("imdb_subset", None, 2),
    ],
)
def test_classification(name: str, counts: Any, labels: int, shared_data: Path) -> None:
    data = read_texts(DataConfig(train=str(shared_data / name)), None, owner="t")
    assert counts in (None, tuple(len(rows) for rows in data.splits.values()))
    assert len(data.schema.label.names) == labels
    assert not [finding for finding in lint(data) if finding.severity == "error"]


def test_overlap_is_what_the_cards_state(shared_data: Path) -> None:
    for name, overlap in (("sst2", 2), ("banking77", 6)):
        data = read_texts(DataConfig(train=str(shared_data / name)), None, owner="t")
        (finding,) = [f for f in lint(data) if f.code == "overlap-train-test"]
        assert finding.count == overlap


def test_a_pair_of_questions(shared_data: Path) -> None:
    config = DataConfig(
        train=str(shared_data / "covid_faq" / "pairs.csv"),
        columns={"text": "question_1", "pair": "question_2", "label": "similar"},
    )
    data = read_texts(config, None, owner="match", pair="pair")
    assert data.schema.label.names == ("0", "1")
    assert set(data.splits) == {"train", "validation"}


def test_tables(shared_data: Path) -> None:
    relations = read_table(shared_data / "semeval2010_task8" / "train.jsonl", owner="relation")
    assert relations[0]["e1"] == {"text": "configuration", "start": 73, "end": 86}
    assert (
        len(read_table(shared_data / "movielens_small" / "interactions.csv", owner="r")) == 100_836
    )
    squad = read_split_tables(
        DataConfig(train=str(shared_data / "squad_subset")), owner="qa", columns=["question"]
    )
    assert [len(rows) for rows in squad.splits.values()] == [1308, 202, 287]


def test_importing_stays_light() -> None:
    code = "import ft.data, sys; print([m for m in ('numpy', 'pyarrow', 'datasets', 'torch') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
