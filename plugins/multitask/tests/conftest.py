"""Two labels of the same texts, and a tiny model that knows the words."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft_kit import tiny_bert, write_rows

RUN: dict[str, Any] = {
    "epochs": 16,
    "learning_rate": 3e-3,
}
WORDS = ("anna", "went", "saw", "the", "house", "in", "paris", "rome")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A file a split with a place and a deed."""
    rng, folder, found = random.Random(0), tmp_path_factory.mktemp("data"), {}
    for split, count in (("train", 96), ("validation", 16), ("test", 16)):
        rows = []
        for _ in range(count):
            place, deed = rng.choice(["paris", "rome"]), rng.choice(["went", "saw"])
            rows.append({"text": f"anna {deed} the house in {place}", "place": place, "deed": deed})
        found[split] = write_rows(folder / f"{split}.jsonl", rows)
    return found


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("tiny"), WORDS, dropout=0.0)


@pytest.fixture(scope="session")
def tables(files: dict[str, str]) -> dict[str, Any]:
    """The settings of two tasks from one file."""
    own = {name: {**files, "columns": {"label": name}} for name in ("deed", "place")}
    return {"tasks": dict.fromkeys(own, "sentiment"), "settings": own}


@pytest.fixture(scope="session")
def go(model: Path, ft_train: Callable[..., Any]) -> Callable[..., Any]:
    """Train: ``go(settings, plugins, epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, **more: Any) -> Any:
        values = {"model": str(model), **RUN, **more}
        return ft_train(["multitask", *plugins], multitask=settings, **values)

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], tables: dict[str, Any]) -> Any:
    """A run that has learnt both."""
    return go(tables)
