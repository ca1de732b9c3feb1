"""Questions for a person or a place, contexts of many words, a tiny model that knows them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft_kit import tiny_bert, write_rows
from ft_kit.tasks import OTHER, PEOPLE, PLACES

RUN: dict[str, Any] = {
    "epochs": 8,
    "learning_rate": 3e-3,
    "max_length": 20,
}


def make_row(rng: random.Random, share: float) -> dict[str, Any]:
    words = rng.choices(OTHER, k=rng.randint(8, 26))
    wanted = rng.choice([PEOPLE, PLACES])
    answer = rng.choice(wanted)
    there = rng.random() < share
    if there:
        words[rng.randrange(len(words))] = answer
    context = " ".join(words)
    start = context.find(answer) if there else -1
    return {
        "question": "who" if wanted is PEOPLE else "where",
        "context": context,
        "answers": [{"text": answer, "start": start}] if there else [],
    }


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Splits of which three questions in ten have no answer."""
    rng = random.Random(0)
    folder = tmp_path_factory.mktemp("data")
    return {
        split: write_rows(folder / f"{split}.jsonl", [make_row(rng, 0.7) for _ in range(count)])
        for split, count in (("train", 128), ("validation", 24), ("test", 32))
    }


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = [*OTHER, *PEOPLE, *PLACES, "who", "where"]
    return tiny_bert(tmp_path_factory.mktemp("tiny"), words, dropout=0.0)


@pytest.fixture(scope="session")
def go(model: Path, ft_train: Callable[..., Any]) -> Callable[..., Any]:
    """Train: ``go(settings, plugins, epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, **more: Any) -> Any:
        given = {"window_overlap": 8, **settings}
        return ft_train(["qa", *plugins], qa=given, **{"model": str(model), **RUN, **more})

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], files: dict[str, str]) -> Any:
    """A run that has learnt who and where."""
    return go(files, report=True)
