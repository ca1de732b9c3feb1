"""`ft monitor` on simulated years of real texts: false alarms where nothing happens, and what it finds of surges.

    python tests/benchmarks/monitor.py --data DIR [--years 10] [--surges 100] [--out FILE]

``DIR`` holds ``financial_phrasebank``. A run of ``sentiment`` (the starter's encoder) learns half of its
training texts; the other half are the posts: each post of a topic is one of them, drawn by the feeling that it should have, with
the answer that the run gives it. Number and feeling follow a pattern by hour and weekday. Of a year without surges
the posts are written to a file too, which the command's own reader and the model's answers turn into the same alarms. The other years are given
to the monitor's judge as counts of answers, an hour at a time, so that a year takes seconds.

Beside it stand two detectors of change of river 0.26.1 (`pip install river==0.26.1`), one for each topic, which are told every post
as 0 or 1: Page-Hinkley (Page 1954) and ADWIN (Bifet and Gavalda 2007), of which changes upwards count. Each with its default settings,
and with those of a list that find most and give no more false alarms than the monitor. "Always" alarms in every hour, "never" in none.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ft
from ft_monitor.hours import ALL, Hour
from ft_monitor.judge import Judge
from ft_monitor.model import Answered, Model
from ft_monitor.quantify import Confusion
from ft_monitor.settings import Settings
from ft_monitor.watch import Watch

TOPICS = tuple(f"topic {k}" for k in range(5))
FEELINGS = ("negative", "neutral", "positive")
START = 473_328  # the first hour of 2024
YEAR = 8760
MONTH = 730.0
WARM_UP = 14 * 24
SIZES = ((0.3, 1), (0.3, 3), (0.5, 1), (0.5, 3), (0.8, 1), (0.8, 3))
"""Of surges: the share of the negative, where .2 to .36 is usual, and how many times the posts."""

Alarms = list[tuple[int, str]]
"""The hour and the series of each."""


class Texts:
    """Real texts with the answers of a run.

    Attributes:
        model: of the run, as the monitor has it.
        pool: by true feeling, (text, answer).
        mixed: (truth, answer) how often each answer is given in the pool.
    """

    def __init__(self, data: Path, folder: Path) -> None:
        rows = {}
        for split in ("train", "dev", "test"):
            file = data / "financial_phrasebank" / f"{split}.csv"
            with file.open(encoding="utf-8", newline="") as stream:
                rows[split] = list(csv.DictReader(stream))
        np.random.default_rng(0).shuffle(rows["train"])
        half = len(rows["train"]) // 2
        run = ft.run(
            ["sentiment", "linear_probe"],
            sentiment={
                "train": rows["train"][:half],
                "validation": rows["dev"],
                "test": rows["test"],
            },
            epochs=5,
            learning_rate=2e-4,
            output=folder / "run",
            report=False,
            advice=False,
            lint="off",
        )
        self.model = Model(run.output)
        assert self.model.names == FEELINGS
        rest = rows["train"][half:]
        self.known: dict[str, Answered | None] = {}
        answers = self.model.answer([row["text"] for row in rest])
        self.pool: list[list[tuple[str, int]]] = [[] for _ in FEELINGS]
        for row, answer in zip(rest, answers, strict=True):
            assert answer is not None
            self.pool[FEELINGS.index(row["label"])].append((row["text"], answer.feeling))
            self.known[row["text"]] = answer
        counts = [np.bincount([k for _, k in part], minlength=3) for part in self.pool]
        self.mixed = np.array([one / one.sum() for one in counts])

    @property
    def confusion(self) -> Confusion:
        """Of the run's own test split, which holds none of these texts."""
        return self.model.confusion


def truths(
    random: np.random.Generator, hours: int, surge: Any = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Of each topic, (hours, feelings): how many posts have each feeling.

    ``surge``: first hour, hours, topic, share, times the posts.
    """
    number = np.arange(hours)
    hour, weekday = number % 24, number // 24 % 7
    volume = 3.0 * np.where((hour >= 8) & (hour < 20), 1.5, 0.4) * np.where(weekday > 4, 0.6, 1.0)
    share = 0.2 + np.where(weekday > 4, 0.08, 0.0) - np.where(hour < 8, 0.05, 0.0)
    for topic in range(len(TOPICS)):
        level = share + 0.02 * topic
        posts = volume.copy()
        if surge is not None and surge[2] == topic:
            inside = slice(surge[0], surge[0] + surge[1])
            level[inside] = surge[3]
            posts[inside] *= surge[4]
        parts = np.stack([level, (1 - level) * 0.5, (1 - level) * 0.5], 1)
        yield topic, random.multinomial(random.poisson(posts), parts)


def answered(
    random: np.random.Generator, texts: Texts, hours: int, surge: Any = None
) -> np.ndarray:
    """(hours, topics, feelings): how many posts, texts of the pool by chance, get each answer."""
    found = np.zeros((hours, len(TOPICS), 3), int)
    for topic, truth in truths(random, hours, surge):
        for feeling in range(3):
            found[:, topic] += random.multinomial(truth[:, feeling], texts.mixed[feeling])
    return found


def judged(counts: np.ndarray, confusion: Confusion, false_alarms: float) -> Alarms:
    """The alarms of the monitor."""
    judge, settings = Judge(), Settings(false_alarms=false_alarms)
    alarms = []
    for k, row in enumerate(counts.tolist()):
        own = {name: one for name, one in zip(TOPICS, row, strict=True) if sum(one)}
        if own:
            own[ALL] = [sum(one) for one in zip(*row, strict=True)]
        events, _ = judge.hour(START + k, Hour(own), settings, confusion, [0], [2], "m")
        alarms += [(k, one["series"]) for one in events if one["event"] == "alarm"]
    return alarms


def river(name: str, **settings: Any) -> Any:
    """A detector of the library."""
    from river import drift  # type: ignore[import-not-found, unused-ignore]

    return getattr(drift, name)(**settings)


DETECTORS: dict[str, tuple[Callable[[float], Any], float, tuple[float, ...]]] = {
    "Page-Hinkley": (
        lambda one: river("PageHinkley", threshold=one, mode="up"),
        50.0,
        (5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 80.0),
    ),
    "ADWIN": (
        lambda one: river("ADWIN", delta=one),
        0.002,
        (0.5, 0.2, 0.05, 0.01, 2e-3, 2e-4, 1e-5, 1e-7, 1e-10),
    ),
}
"""How each is made, its default setting, and others, of which the first alarm most."""


def detected(counts: np.ndarray, make: Callable[[], Any]) -> Alarms:
    """The alarms of a detector for each topic that is told every post as 0 or 1."""
    random = np.random.default_rng(0)
    alarms = []
    for topic, name in enumerate(TOPICS):
        detector = make()
        for k, (bad, *rest) in enumerate(counts[:, topic].tolist()):
            before = getattr(detector, "estimation", 0.0)
            posts = np.repeat([1, 0], [bad, sum(rest)])
            random.shuffle(posts)
            up = False
            for post in posts.tolist():
                detector.update(post)
                if detector.drift_detected:
                    up = up or getattr(detector, "estimation", 1.0) > before
            if up:
                alarms.append((k, name))
    return sorted(alarms)


def stable(texts: Texts, years: int, false_alarms: float) -> dict[str, Any]:
    """False alarms over years in which nothing happens, after the warm-up."""
    months = years * (YEAR - WARM_UP) / MONTH
    own, began = 0, time.process_time()
    for k in range(years):
        counts = answered(np.random.default_rng(k), texts, YEAR)
        own += len(judged(counts, texts.confusion, false_alarms))
    seconds = (time.process_time() - began) / years
    spread = 1.96 * (false_alarms * months) ** 0.5
    return {
        "false_alarms_chosen_a_month": false_alarms,
        "years": years,
        "alarms": own,
        "expected": round(false_alarms * months, 1),
        "chance": [round(false_alarms * months + s * spread, 1) for s in (-1, 1)],
        "a_month": round(own / months, 3),
        "processor_seconds_a_year": round(seconds, 1),
    }


def rates(texts: Texts, years: int) -> dict[str, dict[float, float]]:
    """False alarms a month of each detector by its setting, after the warm-up."""
    months = years * (YEAR - WARM_UP) / MONTH
    found: dict[str, dict[float, float]] = {}
    for k in range(years):
        counts = answered(np.random.default_rng(k), texts, YEAR)
        for name, (make, default, others) in DETECTORS.items():
            for one in sorted({default, *others}):
                alarms = detected(counts, lambda make=make, one=one: make(one))  # type: ignore[misc]
                late = sum(hour >= WARM_UP for hour, _ in alarms)
                own = found.setdefault(name, {})
                own[one] = own.get(one, 0.0) + late / months
    return found


def surges(
    texts: Texts, share: float, times: float, count: int, ways: dict[str, Callable[..., Alarms]]
) -> list[dict[str, Any]]:
    """Of each way: what it finds of surges of twelve hours, within a day of their beginning, and when."""
    found: dict[str, list[int]] = {name: [] for name in ways}
    for k in range(count):
        random = np.random.default_rng(1000 + k)
        begin = 24 * 28 + int(random.integers(0, 168))
        counts = answered(random, texts, begin + 24, (begin, 12, 2, share, times))
        for name, way in ways.items():
            after = [
                at - begin for at, one in way(counts) if at >= begin and one in (TOPICS[2], ALL)
            ]
            found[name] += after[:1]
    return [
        {
            "way": name,
            "share": share,
            "times_the_posts": times,
            "surges": count,
            "found": round(len(one) / count, 3),
            "hours_until": float(np.median(one)) + 1 if one else None,
        }
        for name, one in found.items()
    ]


def whole(texts: Texts, folder: Path) -> dict[str, Any]:
    """A year of posts as a file, read as the command reads it; its alarms beside those of the counts."""
    random = np.random.default_rng(10_000)
    counts = np.zeros((YEAR, len(TOPICS), 3), int)
    posts: list[tuple[float, str, str]] = []
    for topic, truth in truths(random, YEAR, (4000, 12, 2, 0.8, 3)):
        for hour, feeling in np.argwhere(truth):
            pool = texts.pool[feeling]
            for k in random.integers(0, len(pool), truth[hour, feeling]):
                text, answer = pool[k]
                counts[hour, topic, answer] += 1
                seconds = (START + int(hour)) * 3600 + float(random.random()) * 3599
                posts.append((seconds, text, TOPICS[topic]))
    posts.sort()
    feed = folder / "feed.jsonl"
    rows = [
        dict(zip(("time", "text", "entity"), one, strict=True), id=k) for k, one in enumerate(posts)
    ]
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    model: Any = texts.model
    ask, known = model.answer, texts.known
    sure = [text for _, text, _ in posts[:200]]
    assert [known[one] for one in sure] == ask(sure)
    model.answer = lambda some: [known[one] for one in some]  # each text is answered once
    watch = Watch(model, Settings(), None, lambda _: None, lambda _: None)
    began = time.process_time()
    watch.run(feed)
    model.answer = ask
    own = [(one["id"], one["series"]) for one in watch.events if one["event"] == "alarm"]
    told = {name: f"entity {name}" for name in TOPICS}
    same = [
        (f"{told.get(name, name)}@{START + hour}", told.get(name, name))
        for hour, name in judged(counts, texts.confusion, 1.0)
    ]
    return {
        "posts_in_the_file": len(posts),
        "alarms": len(own),
        "the_same_from_counts": sorted(own) == sorted(same),
        "surge_found": any("topic 2" in name for _, name in own),
        "processor_seconds": round(time.process_time() - began, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """What is found of surges, a row for each way."""
    head = [f"{share:.0%}, {times}x" for share, times in SIZES]
    lines = ["| | " + " | ".join(head) + " |", "|---" * (len(SIZES) + 1) + "|"]
    for way in dict.fromkeys(one["way"] for one in rows):
        cells = []
        for one in (row for row in rows if row["way"] == way):
            late = "" if one["hours_until"] is None else f", {one['hours_until']:.0f} h"
            cells.append(f"{one['found']:.0%}{late}")
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print a line of JSON for each measurement, and a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--surges", type=int, default=100)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines: list[dict[str, Any]] = []

    def told(line: dict[str, Any]) -> None:
        lines.append(line)
        print(json.dumps(line), flush=True)
        if given.out:
            given.out.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = Texts(given.data, folder)
        told({"answers_by_truth": texts.mixed.round(3).tolist()})
        told(whole(texts, folder))
        own = stable(texts, given.years, 1.0)
        told(own)
        told(stable(texts, given.years, 4.0))
        found = rates(texts, max(1, given.years // 3))
        told({name: {f"{s:g}": round(r, 3) for s, r in one.items()} for name, one in found.items()})
        ways: dict[str, Callable[..., Alarms]] = {
            "`ft monitor --false-alarms 1`": lambda c: judged(c, texts.confusion, 1.0)
        }
        for detector, (make, default, others) in DETECTORS.items():
            quiet = [one for one in others if found[detector][one] <= own["a_month"]]
            for one in dict.fromkeys([default, *quiet[:1]]):
                shown = f"{detector} at {one:g}, {found[detector][one]:.2f} false alarms a month"
                ways[shown] = lambda c, make=make, one=one: detected(c, lambda: make(one))
        ways["always"] = lambda c: [(k, TOPICS[2]) for k in range(len(c))]
        ways["never"] = lambda c: []
        rows = [row for size in SIZES for row in surges(texts, *size, given.surges, ways)]
        for row in rows:
            told(row)
        print(table(rows))


if __name__ == "__main__":
    main()
