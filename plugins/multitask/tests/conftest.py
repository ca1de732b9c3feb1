"""Two labels of the same texts, and a tiny model that knows the words."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import tiny_bert

RUN: dict[str, Any] = {
    "epochs": 16,
    "batch_size": 16,
    "learning_rate": 3e-3,
    "precision": "fp32",
    "device": "cpu",
    "lint": "off",
    "report": False,
}
WORDS = ("anna", "went", "saw", "the", "house", "in", "paris", "rome")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A file a split with a place and a deed."""
    rng, folder, found = random.Random(0), tmp_path_factory.mktemp("data"), {}
    for split, count in (("train", 96), ("validation", 16), ("test", 16)):
        rows = []
        for _ in range(count):
            place, deed = rng.choice(["paris", "rome"]), rng.choice(["went", "saw"])
            rows.append({"text": f"anna {deed} the house in {place}", "place": place, "deed": deed})
        path = folder / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found[split] = str(path)
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
def go(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Train: ``go(settings, plugins, epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, **more: Any) -> Any:
        output = tmp_path_factory.mktemp("run") / "run"
        return ft.run(
            ["multitask", *plugins],
            multitask=settings,
            model=str(model),
            output=output,
            **{**RUN, **more},
        )

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], tables: dict[str, Any]) -> Any:
    """A run that has learnt both."""
    return go(tables)
