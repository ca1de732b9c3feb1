"""Queries for a thing, and offers of three qualities; a tiny model that knows the words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import tiny_bert

COLOURS = ("red", "green", "blue")
QUALITIES = ("poor", "fair", "good")
THINGS = ("car", "house", "tree", "boat", "door", "hat")
RUN: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 16,
    "learning_rate": 3e-3,
    "precision": "fp32",
    "device": "cpu",
    "lint": "off",
    "report": False,
}


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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


def write(path: Path, values: Iterable[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return str(path)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = [*COLOURS, *QUALITIES, *THINGS]
    return tiny_bert(tmp_path_factory.mktemp("tiny"), words, dropout=0.0)


@pytest.fixture(scope="session")
def go(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Train: ``go(settings, plugins, epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, **more: Any) -> Any:
        output = tmp_path_factory.mktemp("run") / "run"
        return ft.run(
            ["rerank", *plugins],
            rerank=settings,
            model=str(model),
            output=output,
            **{**RUN, **more},
        )

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run that has learnt what is good."""
    folder = tmp_path_factory.mktemp("data")
    settings = {
        "train": write(folder / "train.jsonl", rows(THINGS[:4])),
        "validation": write(folder / "validation.jsonl", rows(THINGS[4:5])),
        "test": write(folder / "test.jsonl", rows(THINGS[5:])),
    }
    return go(settings, epochs=12, report=True)
