"""Questions that hold two words of their answer; some have none. A tiny model that knows the words."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft_kit import tiny_bert, write_rows
from ft_kit.tasks import OTHER, PEOPLE, PLACES, VOCABULARY

RUN: dict[str, Any] = {
    "epochs": 4,
    "learning_rate": 2e-3,
}


def make_row(rng: random.Random, share: float) -> dict[str, Any]:
    who, place = rng.choice(PEOPLE), rng.choice(PLACES)
    if rng.random() > share:
        return {"question": " ".join(rng.sample(OTHER, 4)), "answer": ""}
    words = [who, place, *rng.sample(OTHER, 2)]
    rng.shuffle(words)
    return {"question": " ".join(words), "answer": f"{who}-{place}"}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A file of answers and splits; a fifth of the questions of two of them has no answer."""
    rng = random.Random(0)
    folder = tmp_path_factory.mktemp("data")
    answers = [{"id": f"{w}-{p}", "answer": f"{w} went to the {p}"} for w in PEOPLE for p in PLACES]
    found = {"answers": write_rows(folder / "answers.jsonl", answers)}
    for split, count, share in (("train", 160, 1.0), ("validation", 60, 0.8), ("test", 60, 0.8)):
        rows = [make_row(rng, share) for _ in range(count)]
        found[split] = write_rows(folder / f"{split}.jsonl", rows)
    return found


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("tiny"), VOCABULARY, dropout=0.0)


@pytest.fixture(scope="session")
def go(model: Path, ft_train: Callable[..., Any]) -> Callable[..., Any]:
    """Train: ``go(settings, plugins, epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, **more: Any) -> Any:
        values = {"model": str(model), **RUN, **more}
        return ft_train(["answers", *plugins], answers=settings, **values)

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], files: dict[str, str]) -> Any:
    """A run that has learnt whose answer is whose, and compares with known questions too."""
    return go({**files, "match": "both", "question_prefix": "who ", "precision": 0.95}, report=True)
