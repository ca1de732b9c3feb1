"""A small world of items of three kinds, and users who like one kind each."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import tiny_bert
from ft_recommend import Recommend, RecommendConfig

KINDS = ("red", "green", "blue")
WORDS = [f"{kind}ish{k}" for kind in KINDS for k in range(6)]
HOUR = 3600


@dataclass
class World:
    """Files of items and interactions, to be changed before they are written.

    Attributes:
        folder: where they are written.
        items: rows ``item, title, year, kind``.
        interactions: rows ``user, item, rating, timestamp``.
    """

    folder: Path
    items: list[list[Any]] = field(default_factory=list)
    interactions: list[list[Any]] = field(default_factory=list)
    header: list[str] = field(default_factory=lambda: ["user", "item", "rating", "timestamp"])
    item_header: list[str] = field(default_factory=lambda: ["item", "title", "year", "kind"])

    def settings(self, **more: Any) -> dict[str, Any]:
        """Write the files; settings that name them."""
        write(self.folder / "items.csv", self.item_header, self.items)
        write(self.folder / "interactions.csv", self.header, self.interactions)
        named = {name: str(self.folder / f"{name}.csv") for name in ("items", "interactions")}
        return {**named, **more}


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def fill(world: World, users: int = 30, items: int = 36) -> World:
    rng = random.Random(0)
    for k in range(items):
        kind = KINDS[k % 3]
        words = rng.sample([word for word in WORDS if word.startswith(kind)], 2)
        mark = f"{kind}|big" if k % 2 else kind
        world.items.append([f"i{k}", " ".join([*words, f"no {k}"]), 1990 + k % 20, mark])
    for u in range(users):
        liked = [k for k in range(items) if k % 3 == u % 3]
        time = 10**9 + u * HOUR
        for k in rng.sample(liked, rng.randint(5, 9)):
            time += rng.randint(1, 100) * HOUR
            world.interactions.append([f"u{u}", f"i{k}", rng.randint(1, 5), time])
    return world


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def world(tmp_path: Path) -> World:
    return fill(World(tmp_path))


@pytest.fixture
def empty_world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("tiny"), [*WORDS, *KINDS, "big", "no"])


RUN: dict[str, Any] = {
    "epochs": 1,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "head_learning_rate": 1e-2,
    "precision": "fp32",
    "device": "cpu",
    "lint": "off",
    "report": False,
    "advice": False,
}


@pytest.fixture(scope="session")
def go(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Train: ``go(world.settings(), epochs=2)``."""

    def run(settings: dict[str, Any], plugins: Sequence[str] = ("recommend",), **more: Any) -> Any:
        return ft.run(
            list(plugins),
            recommend=settings,
            output=tmp_path_factory.mktemp("run") / "run",
            **{**RUN, "model": str(model), **more},
        )

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A two-tower run that has learnt something."""
    world = fill(World(tmp_path_factory.mktemp("world")))
    return go(world.settings(), epochs=6, report=True, advice=True)


class FakeRun:
    """What `load_data` asks of a run."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.restored = False
        self.wanted = None
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Any]:
    """Load data alone: ``data, plugin = load(world.settings())``."""

    def read(settings: dict[str, Any]) -> Any:
        plugin = Recommend(RecommendConfig(**settings))
        plugin.seed("recommend", 0)
        run: Any = FakeRun(tmp_path / "run")
        return plugin.load_data(run), plugin

    return read
