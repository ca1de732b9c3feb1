"""Tiny runs over classes and words, trained once, and files of texts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import tiny_bert, write_rows

GOOD, BAD = ("good", "great", "fine"), ("bad", "poor", "awful")
PEOPLE, PLACES = ("anna", "ben", "clara", "dora"), ("london", "paris", "oslo", "new york")
OTHER = (
    "the",
    "food",
    "was",
    "and",
    "we",
    "went",
    "to",
    "a",
    "house",
    "in",
    "rain",
    "with",
    "some",
)
Rows = Callable[[int, int], list[dict[str, Any]]]
WORDS = [w for one in (*GOOD, *BAD, *PEOPLE, *PLACES, *OTHER) for w in one.split()]


def review(rng: random.Random, label: str) -> str:
    """A text that says what its label is."""
    own = GOOD if label == "good" else BAD
    return " ".join([*rng.choices(OTHER, k=rng.randint(4, 9)), *rng.choices(own, k=2)])


def make_reviews(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of texts with labels."""
    rng = random.Random(seed)
    labels = [rng.choice(("good", "bad")) for _ in range(count)]
    return [{"text": review(rng, label), "label": label} for label in labels]


def make_sentences(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of words with tags."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        tokens: list[str] = []
        marks: list[str] = []
        for part in rng.choices((*OTHER, *PEOPLE, *PLACES), k=7):
            kind = "PER" if part in PEOPLE else "LOC" if part in PLACES else ""
            for i, word in enumerate(part.split()):
                tokens.append(word)
                marks.append(f"{'I' if i else 'B'}-{kind}" if kind else "O")
        rows.append({"tokens": tokens, "tags": marks})
    return rows


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path_factory.getbasetemp() / "ft-cache"))


@pytest.fixture(scope="session")
def reviews() -> Rows:
    """Makes rows of texts with labels: ``reviews(count, seed)``."""
    return make_reviews


@pytest.fixture(scope="session")
def sentences() -> Rows:
    """Makes rows of words with tags: ``sentences(count, seed)``."""
    return make_sentences


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what all tests share."""
    return tmp_path_factory.mktemp("curate")


@pytest.fixture(scope="session")
def train(base: Path) -> Callable[..., Path]:
    """Train a task on a tiny model: ``train("ner", train="a.jsonl")`` gives the folder."""
    model = tiny_bert(base / "tiny", WORDS)

    def run(task: str, epochs: float = 6, **settings: Any) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FT_CACHE", str(base / "cache"))
            patch.chdir(base)
            return ft.run(
                [task],
                output=base / f"run-{task}-{len(list(base.iterdir()))}",
                model=str(model),
                epochs=epochs,
                batch_size=16,
                learning_rate=5e-3,
                precision="fp32",
                device="cpu",
                lint="off",
                advice=False,
                report=False,
                **{task: settings},
            ).output

    return run


@pytest.fixture(scope="session")
def classes(base: Path, train: Callable[..., Path]) -> Path:
    """A run that tells good from bad; every tenth label of its test split is wrong."""
    rows = make_reviews(80, 3)
    for row in rows[::10]:
        row["label"] = "bad" if row["label"] == "good" else "good"
    return train(
        "sentiment",
        train=str(write_rows(base / "train.jsonl", make_reviews(160, 1))),
        validation=str(write_rows(base / "validation.jsonl", make_reviews(150, 2))),
        test=str(write_rows(base / "test.jsonl", rows)),
    )


@pytest.fixture(scope="session")
def words(base: Path, train: Callable[..., Path]) -> Path:
    """A run that finds people and places; in its test split three places are tagged as people."""
    rows = make_sentences(60, 6)
    for row in [one for one in rows if "B-LOC" in one["tags"]][:3]:
        row["tags"] = [tag.replace("LOC", "PER") for tag in row["tags"]]
    return train(
        "ner",
        train=str(write_rows(base / "sentences.jsonl", make_sentences(200, 4))),
        validation=str(write_rows(base / "more.jsonl", make_sentences(60, 5))),
        test=str(write_rows(base / "others.jsonl", rows)),
    )
