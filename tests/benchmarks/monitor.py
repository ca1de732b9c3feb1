"""`ft monitor` on simulated years: false alarms where nothing happens, and what it finds of surges.

    python tests/benchmarks/monitor.py [--years 10] [--surges 40] [--posts 1000000] [--out FILE]

Posts of five topics, with a pattern by hour and weekday in number and in feeling; the answers of a
classifier that takes 15 in 100 for something else. Hours are given to the monitor's judge as counts, so
that a year takes seconds. Beside it stands Page-Hinkley (Page 1954) on each series' share of the negative by
the hour, with the settings that river has by default (delta 0.005, threshold 50, alpha 0.9999) and with a
threshold that gives as few false alarms as the monitor's; "always" alarms in every hour.
``--posts`` reads a feed of so many posts to its end, with answers that cost nothing, for the memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ft_monitor.hours import Hour
from ft_monitor.judge import Judge
from ft_monitor.model import Answered
from ft_monitor.quantify import Confusion
from ft_monitor.settings import Settings
from ft_monitor.state import Folder
from ft_monitor.watch import Watch

TOPICS = tuple(f"topic {k}" for k in range(5))
FEELINGS = ("negative", "neutral", "positive")
WRONG = 0.15
MIXED = np.full((3, 3), WRONG / 2) + (1 - WRONG * 1.5) * np.eye(3)
CONFUSION = Confusion(FEELINGS, MIXED * 500)
START = 473_328  # the first hour of 2024
MONTH = 730.0


def year(random: np.random.Generator, hours: int, surge: Any = None) -> np.ndarray:
    """(hours, topics, feelings) answers; ``surge``: first hour, hours, topic, share, times the posts."""
    number = np.arange(hours)
    hour, weekday = number % 24, number // 24 % 7
    volume = 3.0 * np.where((hour >= 8) & (hour < 20), 1.5, 0.4) * np.where(weekday > 4, 0.6, 1.0)
    share = 0.2 + np.where(weekday > 4, 0.08, 0.0) - np.where(hour < 8, 0.05, 0.0)
    found = np.zeros((hours, len(TOPICS), 3))
    for topic in range(len(TOPICS)):
        level = np.clip(share + 0.02 * topic, 0, 1)
        posts = volume.copy()
        if surge is not None and surge[2] == topic:
            inside = slice(surge[0], surge[0] + surge[1])
            level[inside] = surge[3]
            posts[inside] *= surge[4]
        truth = np.stack([level, (1 - level) * 0.5, (1 - level) * 0.5], 1)
        found[:, topic] = random.multinomial(random.poisson(posts), truth @ MIXED)
    return found


def judged(counts: np.ndarray, false_alarms: float) -> list[tuple[int, str]]:
    """The hour and the series of each alarm of the monitor."""
    judge, settings = Judge(), Settings(false_alarms=false_alarms)
    alarms = []
    for k, row in enumerate(counts.astype(int).tolist()):
        own = {name: one for name, one in zip(TOPICS, row, strict=True) if sum(one)}
        if own:
            own["all"] = [sum(one) for one in zip(*row, strict=True)]
        events, _ = judge.hour(START + k, Hour(own), settings, CONFUSION, [0], [2], "m")
        alarms += [(k, one["series"]) for one in events if one["event"] == "alarm"]
    return alarms


def page_hinkley(
    counts: np.ndarray, threshold: float, delta: float = 0.005, fade: float = 0.9999
) -> list[tuple[int, str]]:
    """The same of Page-Hinkley on the share of the negative, an hour a value."""
    alarms = []
    for topic, name in enumerate(TOPICS):
        mean = total = lowest = 0.0
        seen = 0
        for k, (bad, *rest) in enumerate(counts[:, topic].tolist()):
            posts = bad + sum(rest)
            if not posts:
                continue
            value = bad / posts
            seen += 1
            mean += (value - mean) / seen
            total = fade * total + value - mean - delta
            lowest = min(lowest, total)
            if seen >= 30 and total - lowest > threshold:
                alarms.append((k, name))
                mean = total = lowest = 0.0
                seen = 0
    return sorted(alarms)


def stable(years: int, false_alarms: float) -> dict[str, Any]:
    """False alarms a month over years in which nothing happens, after the warm-up."""
    months = years * (8760 - 14 * 24) / MONTH
    own, began = 0, time.process_time()
    for k in range(years):
        own += len(judged(year(np.random.default_rng(k), 8760), false_alarms))
    seconds = (time.process_time() - began) / years
    return {
        "false_alarms_chosen_a_month": false_alarms,
        "years": years,
        "alarms": own,
        "a_month": round(own / months, 3),
        "processor_seconds_a_year": round(seconds, 1),
    }


def rates(thresholds: Sequence[float], years: int) -> dict[float, float]:
    """False alarms a month of Page-Hinkley by threshold."""
    months = years * 8760 / MONTH
    found = dict.fromkeys(thresholds, 0)
    for k in range(years):
        counts = year(np.random.default_rng(k), 8760)
        for threshold in thresholds:
            found[threshold] += len(page_hinkley(counts, threshold))
    return {threshold: count / months for threshold, count in found.items()}


def surges(share: float, times: float, hours: int, count: int, threshold: float) -> dict[str, Any]:
    """What is found of surges of one size: within 24 hours of their beginning, and after how long."""
    found: dict[str, list[int]] = {"monitor": [], "page_hinkley": []}
    for k in range(count):
        random = np.random.default_rng(1000 + k)
        begin = 24 * 28 + int(random.integers(0, 168))
        counts = year(random, begin + 48, (begin, hours, 2, share, times))
        for name, alarms in (
            ("monitor", judged(counts, 1.0)),
            ("page_hinkley", page_hinkley(counts, threshold)),
        ):
            after = [
                at - begin
                for at, series in alarms
                if begin <= at < begin + 24 and series in (TOPICS[2], "all")
            ]
            found[name] += after[:1]
    return {
        "share": share,
        "times_the_posts": times,
        "hours": hours,
        "surges": count,
        **{f"{name}_found": round(len(one) / count, 3) for name, one in found.items()},
        **{
            f"{name}_hours_until": float(np.median(one)) + 1 if one else None
            for name, one in found.items()
        },
    }


class Free:
    """A model whose answers cost nothing."""

    version, names, negative, positive, notes = "free", FEELINGS, (0,), (2,), ()
    confusion = CONFUSION

    def answer(self, texts: Sequence[str]) -> list[Answered | None]:
        """By the text's last digit."""
        return [Answered(0 if text[-1] in "01" else 1, (text[0],)) for text in texts]


def memory(posts: int) -> dict[str, Any]:
    """What a feed of so many posts takes, to its end."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "feed.jsonl"
        with file.open("w", encoding="utf-8") as stream:
            for k in range(posts):
                when = START * 3600 + k * 31_536_000 // posts
                row = {"time": when, "text": f"{k % 5} post {k}", "entity": f"e{k % 97}"}
                stream.write(json.dumps(row) + "\n")
        kept = Folder(Path(folder) / "out")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        watch = Watch(Free(), Settings(), kept, lambda _: None, lambda _: None)  # type: ignore[arg-type]
        watch.run(file)
        kept.close()
        return {
            "posts": posts,
            "processor_seconds": round(time.process_time() - began, 1),
            "megabytes_more": round(
                (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1
            ),
            "state_megabytes": round((Path(folder) / "out" / "state.json").stat().st_size / 1e6, 2),
        }


def main() -> None:
    """Print a line of JSON for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--surges", type=int, default=40)
    parser.add_argument("--posts", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines: list[dict[str, Any]] = []

    def told(line: dict[str, Any]) -> None:
        lines.append(line)
        print(json.dumps(line), flush=True)

    if given.posts:
        for posts in (given.posts // 10, given.posts):
            told(memory(posts))
    if given.years:
        own = stable(given.years, 1.0)
        told(own)
        told(stable(given.years, 10.0))
        thresholds = (50.0, 30.0, 20.0, 15.0, 10.0, 7.0, 5.0)
        hinkley = rates(thresholds, min(3, given.years))
        told(
            {"page_hinkley_false_alarms_a_month": {str(t): round(r, 3) for t, r in hinkley.items()}}
        )
        alike = [t for t in thresholds if hinkley[t] <= max(own["a_month"], 0.05)]
        threshold = min(alike, default=50.0)
        for share, times in ((0.3, 1), (0.3, 3), (0.5, 1), (0.5, 3), (0.8, 1), (0.8, 3)):
            told({"threshold": threshold, **surges(share, times, 12, given.surges, threshold)})
    if given.out:
        given.out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
