"""Complete hours judged in their order: surges become alarms, days become an index."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ft_monitor.hours import ALL, EXAMPLES, Hour
from ft_monitor.posts import HOUR
from ft_monitor.quantify import Confusion, corrected
from ft_monitor.series import WINDOWS, Series, Surge
from ft_monitor.settings import Settings

ODD = 0.25
"""What the hours of an alarm count for in what is usual."""


@dataclass
class Judge:
    """What is known of all series; all of it is in the state.

    Attributes:
        series: by name.
        alarms: those that have not ended, by series.
        days: of the day in progress, by series, how often each feeling was answered.
        day: it.
        recent: by series, negative posts of the last day, for examples.
    """

    series: dict[str, Series] = field(default_factory=dict)
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    days: dict[str, list[int]] = field(default_factory=dict)
    day: str = ""
    recent: dict[str, list[list[Any]]] = field(default_factory=dict)

    def hour(
        self,
        number: int,
        hour: Hour,
        settings: Settings,
        confusion: Confusion,
        negative: list[int],
        positive: list[int],
        model: str,
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Judge an hour, later than all before.

        Returns:
            What there is to tell of alarms, and the lines of the index of a day that is over.
        """
        local = datetime.fromtimestamp(number * HOUR, UTC).astimezone(ZoneInfo(settings.zone))
        slot = local.weekday() * 24 + local.hour
        index = self._days(local.date().isoformat(), confusion, negative, positive, model)
        told = self._ended(number, settings)
        started = number - 24 * settings.warm_up
        ready = sum(one.began <= started for one in self.series.values())
        allowed = settings.false_alarms / max(1, ready)
        # A window that ends now is looked at also where this hour has no post of the series.
        waiting = [
            name
            for name, one in self.series.items()
            if name not in hour.counts
            and one.recent
            and number % min(w for w in WINDOWS.values() if w > 1) == 0
        ]
        for name in [*sorted(hour.counts), *waiting]:
            counts = hour.counts.get(name, [0] * len(confusion.names))
            posts, bad = sum(counts), sum(counts[k] for k in negative)
            series = self.series.setdefault(name, Series(number, number))
            day = self.days.setdefault(name, [0] * len(counts))
            self.days[name] = [a + b for a, b in zip(day, counts, strict=True)]
            kept = [*self.recent.get(name, ()), *hour.examples.get(name, ())]
            kept = [one for one in kept if one[0] >= (number - max(WINDOWS)) * HOUR]
            self.recent[name] = kept[-4 * EXAMPLES :]
            alpha = series.alpha(allowed)
            surges = series.look(number, slot, posts, bad, alpha, settings)
            surges = surges if series.began <= started else []
            series.learn(number, slot, posts, bad, ODD if surges or name in self.alarms else 1.0)
            if surges:
                told += self._alarm(name, number, surges, alpha, settings, model)
        return told, index

    def _alarm(
        self,
        name: str,
        number: int,
        surges: list[Surge],
        alpha: float,
        settings: Settings,
        model: str,
    ) -> list[dict[str, Any]]:
        """A new alarm; or nothing, where one of the series goes on."""
        going = self.alarms.get(name)
        if going is not None:
            going["last"] = number
            going["windows"] += 1
            return []
        surge = min(surges, key=lambda one: one.p)
        share = surge.negative / surge.posts
        # The newest posts of the window.
        begin = (number + 1 - surge.hours) * HOUR
        examples = [one for one in self.recent[name] if one[0] >= begin][-EXAMPLES:]
        alarm = {
            "event": "alarm",
            "id": f"{name}@{number}",
            "series": name,
            "time": _time(number + 1),
            "reason": (
                f"{surge.negative:,} of {surge.posts:,} posts on {_called(name)} in {_hours(surge.hours)} "
                f"are negative ({share:.0%}); usual at this hour and weekday are {surge.usual:.0%}"
            ),
            **asdict(surge),
            "share": share,
            "alpha": alpha,
            "model": model,
            "silenced": name in settings.silence,
            "examples": [
                {"time": _moment(when), "source": source, "text": text}
                for when, source, text in examples
            ],
        }
        self.alarms[name] = {"id": alarm["id"], "began": number, "last": number, "windows": 1}
        return [alarm]

    def _ended(self, number: int, settings: Settings) -> list[dict[str, Any]]:
        """The alarms that are over: their series has been quiet for long enough."""
        over = [
            n for n, one in sorted(self.alarms.items()) if number - one["last"] >= settings.merge
        ]
        told = []
        for name in over:
            one = self.alarms.pop(name)
            told.append(
                {
                    "event": "end",
                    "id": one["id"],
                    "series": name,
                    "time": _time(one["last"] + 1),
                    "hours": one["last"] - one["began"] + 1,
                    "windows": one["windows"],
                }
            )
        return told

    def _days(
        self,
        day: str,
        confusion: Confusion,
        negative: list[int],
        positive: list[int],
        model: str,
    ) -> list[dict[str, Any]]:
        """The index of the day before, once another begins."""
        if day == self.day:
            return []
        found = self.index(confusion, negative, positive, model)
        self.day, self.days = day, {}
        return found

    def index(
        self, confusion: Confusion, negative: list[int], positive: list[int], model: str
    ) -> list[dict[str, Any]]:
        """The index of the day in progress, for every series that has posts."""
        found = []
        for name, counts in sorted(self.days.items(), key=lambda one: (one[0] != ALL, one[0])):
            if not sum(counts):
                continue
            share, index = corrected(np.array(counts, np.float64), confusion, negative, positive)
            found.append(
                {
                    "day": self.day,
                    "series": name,
                    "posts": sum(counts),
                    "answers": dict(zip(confusion.names, counts, strict=True)),
                    "negative": share.to_json(),
                    "index": index.to_json(),
                    "model": model,
                }
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "series": {n: one.to_json() for n, one in self.series.items()}}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Judge:
        """What `to_json` gave."""
        series = {name: Series.from_json(one) for name, one in values["series"].items()}
        return cls(**{**values, "series": series})


def _called(name: str) -> str:
    return "everything" if name == ALL else name


def _hours(count: int) -> str:
    return "an hour" if count == 1 else f"{count} hours"


def _time(hour: int) -> str:
    return _moment(hour * HOUR)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
