"""Numbers in one language and another, tiny models that learn them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft_kit import write_rows
from ft_seq2seq import write_model

WORDS = ["one", "two", "three", "four"]
OTHERS = ["eins", "zwei", "drei", "vier"]
RUN: dict[str, Any] = {
    "epochs": 8,
    "learning_rate": 3e-3,
    "advice": False,
}


def make_row(rng: random.Random) -> dict[str, str]:
    chosen = [rng.randrange(4) for _ in range(rng.randint(1, 3))]
    one, other = (" ".join(words[i] for i in chosen) for words in (WORDS, OTHERS))
    return {"source": one, "target": other}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    rng = random.Random(0)
    folder = tmp_path_factory.mktemp("data")
    return {
        split: write_rows(folder / f"{split}.jsonl", [make_row(rng) for _ in range(count)])
        for split, count in (("train", 160), ("validation", 24), ("test", 24))
    }


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A tiny model of a kind that knows the words as pieces."""
    made: dict[str, Path] = {}

    def model(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind) / "model"
            texts = [" ".join(WORDS), " ".join(OTHERS)] * 20
            settings: Any = {"kind": kind, "size": "tiny", "vocabulary": 320, "dropout": 0.0}
            write_model(made[kind], texts, **settings)
        return made[kind]

    return model


@pytest.fixture(scope="session")
def go(models: Callable[[str], Path], ft_train: Callable[..., Any]) -> Callable[..., Any]:
    """Train: ``go(settings, plugins, kind="t5", epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, kind: str = "t5", **more: Any) -> Any:
        values = {"model": str(models(kind)), **RUN, **more}
        return ft_train(["seq2seq", *plugins], seq2seq=settings, **values)

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], files: dict[str, str]) -> Any:
    """A run that has learnt the numbers, six texts of validation written on the way."""
    return go({**files, "beams": 2, "generate": 6}, report=True)
