"""Questions for a person or a place, contexts of many words, a tiny model that knows them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import tiny_bert
from ft_kit.tasks import OTHER, PEOPLE, PLACES

RUN: dict[str, Any] = {
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 3e-3,
    "max_length": 20,
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


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="session")
def write() -> Callable[[Path, Iterable[Mapping[str, Any]]], str]:
    """Write rows as JSONL, return the path as text."""
    return write_rows


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
def go(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Train: ``go(settings, plugins, epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, **more: Any) -> Any:
        output = tmp_path_factory.mktemp("run") / "run"
        given = {"window_overlap": 8, **settings}
        return ft.run(
            ["qa", *plugins], qa=given, model=str(model), output=output, **{**RUN, **more}
        )

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], files: dict[str, str]) -> Any:
    """A run that has learnt who and where."""
    return go(files, report=True)
