"""Feeds of simulated posts, a model that reads its answers from them, and a run of topic and feeling."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ft
from ft_kit import tiny_bert, write_rows
from ft_monitor.model import Answered
from ft_monitor.quantify import Confusion
from ft_monitor.settings import Settings
from ft_monitor.state import Folder
from ft_monitor.watch import Watch

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
FEELINGS = ("negative", "neutral", "positive")
TOPICS = ("price", "service")


class Reads:
    """A model that finds topic and feeling as words in the text; some answers are wrong."""

    names = FEELINGS
    negative = (0,)
    positive = (2,)
    notes: Sequence[str] = ()

    def __init__(self, version: str = "one", wrong: float = 0.0) -> None:
        self.version = version
        self.wrong = wrong
        right = 1 - wrong
        counts = np.full((3, 3), wrong / 2) + (right - wrong / 2) * np.eye(3)
        self.confusion = Confusion(FEELINGS, counts * 300)

    def answer(self, texts: Sequence[str]) -> list[Answered | None]:
        """What the text says; which ones are taken wrongly hangs on the text and the version."""
        found: list[Answered | None] = []
        for text in texts:
            topic, feeling, *_ = text.split()
            k = FEELINGS.index(feeling)
            if self.wrong:
                draw = random.Random(f"{text}{self.version}")
                if draw.random() < self.wrong:
                    k = (k + draw.choice((1, 2))) % 3
            found.append(Answered(k, (topic,)))
        return found


def make_posts(
    days: int, *, seed: int = 0, per_hour: float = 3, surges: Any = ()
) -> list[dict[str, Any]]:
    """Posts with a daily and weekly pattern in number and in feeling.

    ``surges``: (first hour, hours, topic, share of the negative).
    """
    rng = np.random.default_rng(seed)
    posts = []
    for hour in range(24 * days):
        at = BEGIN + timedelta(hours=hour)
        busy = 1.5 if 8 <= at.hour < 20 else 0.4
        weekend = at.weekday() > 4
        for topic in TOPICS:
            usual = 0.3 if weekend else 0.2 - 0.05 * (at.hour < 8)
            share = next((s for a, n, t, s in surges if t == topic and a <= hour < a + n), usual)
            for _ in range(rng.poisson(per_hour * busy)):
                feeling = rng.choice(3, p=[share, (1 - share) / 2, (1 - share) / 2])
                when = at + timedelta(seconds=int(rng.integers(0, 3600)))
                text = f"{topic} {FEELINGS[feeling]} {rng.integers(0, 10**9)}"
                posts.append({"time": when.isoformat(), "text": text, "source": "x"})
    return sorted(posts, key=lambda one: one["time"])


def write_feed(file: Path, posts: Sequence[dict[str, Any]]) -> Path:
    """Write a feed."""
    file.write_text("".join(json.dumps(one) + "\n" for one in posts), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def posts() -> Callable[..., list[dict[str, Any]]]:
    """Makes posts: ``posts(days, seed=0, surges=[(hour, hours, topic, share)])``."""
    return make_posts


@pytest.fixture(scope="session")
def reads() -> type[Reads]:
    """The model that reads its answers from the posts."""
    return Reads


def watcher(place: Path) -> Callable[..., Watch]:
    """What watches a feed, which it writes to a folder where it is given posts."""

    def run(
        feed: Any, folder: Path | None = None, model: Any = None, tell: Any = None, **settings: Any
    ) -> Watch:
        file = feed if isinstance(feed, Path) else write_feed(place / "feed.jsonl", feed)
        kept = None if folder is None else Folder(folder)
        try:
            found = Watch(
                model or Reads(),
                Settings(**settings),
                kept,
                tell or (lambda _: None),
                lambda _: None,
            )
            found.run(file)
        finally:
            if kept is not None:
                kept.close()
        return found

    return run


@pytest.fixture(scope="session", name="watcher")
def _watcher() -> Callable[[Path], Callable[..., Watch]]:
    """Gives what watches feeds, with a folder for those that it writes."""
    return watcher


@pytest.fixture
def watch(tmp_path: Path) -> Callable[..., Watch]:
    """Watches a feed: ``watch(posts or file, folder=None, model=None, **settings)``."""
    return watcher(tmp_path)


@pytest.fixture(scope="session")
def surged() -> list[dict[str, Any]]:
    """Posts of 38 days, with a surge of the negative on price at the noon of the 31st."""
    return make_posts(38, surges=[(24 * 30 + 12, 9, "price", 0.85)])


@pytest.fixture(scope="session")
def plain(surged: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """They are watched, with the settings that ft has."""
    return watcher(tmp_path_factory.mktemp("plain"))(surged)


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that gives topic and feeling of a text."""
    folder = tmp_path_factory.mktemp("both")
    rng = random.Random(0)
    words = [*TOPICS, *FEELINGS, "the", "a", "and", "of", "today"]
    files = {}
    for split, count in (("train", 160), ("validation", 30), ("test", 60)):
        rows = []
        for _ in range(count):
            topic, feeling = rng.choice(TOPICS), rng.choice(FEELINGS)
            text = " ".join([topic, feeling, *rng.choices(words[5:], k=3)])
            rows.append({"text": text, "topic": topic, "mood": feeling})
        files[split] = str(write_rows(folder / f"{split}.jsonl", rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(folder / "cache"))
        return ft.run(
            ["multitask"],
            multitask={
                "tasks": {"topic": "sentiment", "mood": "sentiment"},
                "settings": {
                    name: {**files, "columns": {"label": name}} for name in ("topic", "mood")
                },
            },
            model=str(tiny_bert(folder / "tiny", words)),
            epochs=4,
            learning_rate=5e-3,
            batch_size=16,
            precision="fp32",
            device="cpu",
            lint="off",
            advice=False,
            report=False,
            output=folder / "run",
        ).output
