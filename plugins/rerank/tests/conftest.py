"""Queries for a thing, and offers of three qualities; a tiny model that knows the words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ft_kit import tiny_bert, write_rows

COLOURS = ("red", "green", "blue")
QUALITIES = ("poor", "fair", "good")
THINGS = ("car", "house", "tree", "boat", "door", "hat")
RUN: dict[str, Any] = {
    "epochs": 4,
    "learning_rate": 3e-3,
}


def rows(things: Iterable[str]) -> list[dict[str, Any]]:
    """For each thing and colour a query, with three candidates, a good, a fair and a poor one.

    BM25 cannot tell them apart: each has the same words of the query.
    """
    found = []
    for thing in things:
        for k, colour in enumerate(COLOURS):
            for n in range(3):
                grade = (n + k) % 3
                text = f"{QUALITIES[grade]} {colour} {thing}"
                found.append({"query": f"{colour} {thing}", "text": text, "grade": grade})
    return found


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = [*COLOURS, *QUALITIES, *THINGS]
    return tiny_bert(tmp_path_factory.mktemp("tiny"), words, dropout=0.0)


@pytest.fixture(scope="session")
def go(model: Path, ft_train: Callable[..., Any]) -> Callable[..., Any]:
    """Train: ``go(settings, plugins, epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, **more: Any) -> Any:
        values = {"model": str(model), **RUN, **more}
        return ft_train(["rerank", *plugins], rerank=settings, **values)

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run that has learnt what is good."""
    folder = tmp_path_factory.mktemp("data")
    settings = {
        "train": write_rows(folder / "train.jsonl", rows(THINGS[:4])),
        "validation": write_rows(folder / "validation.jsonl", rows(THINGS[4:5])),
        "test": write_rows(folder / "test.jsonl", rows(THINGS[5:])),
    }
    return go(settings, epochs=12, report=True)
