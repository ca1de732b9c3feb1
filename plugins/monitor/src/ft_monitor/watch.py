"""A feed read to its end, or for ever: posts answered, hours judged, alarms told, the state kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ft import ConfigError, DataError, UserError
from ft_monitor.hours import Hour, Hours
from ft_monitor.judge import Judge
from ft_monitor.model import Model
from ft_monitor.posts import HOUR, Line, Post, lines
from ft_monitor.quantify import Confusion
from ft_monitor.settings import Settings
from ft_monitor.state import Folder

TOGETHER = 256
"""Posts that are answered together; the state is kept between two such blocks alone."""

SAVE = 10.0
"""Seconds after which the state is kept, also without an alarm."""


@dataclass
class Watch:
    """A monitor at work.

    Attributes:
        model: answers.
        settings: of the user.
        folder: takes state and output; ``None`` for a look back, which keeps nothing.
        tell: is given every event of an alarm, once the state holds it.
        say: is told what the user should know.
        show: is called when the state holds more alarms or days than before.
    """

    model: Model
    settings: Settings
    folder: Folder | None
    tell: Callable[[dict[str, Any]], None]
    say: Callable[[str], None]
    show: Callable[[Watch], None] = lambda _: None

    def __post_init__(self) -> None:
        self.hours, self.judge = Hours(), Judge()
        self.at = 0
        self.first_wrong = ""
        self.events: list[dict[str, Any]] = []
        self.index: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []
        self._more = False
        self._saved = time.monotonic()
        if self.folder is not None and "at" in self.folder.state:
            self._go_on(self.folder.state)

    def _go_on(self, state: dict[str, Any]) -> None:
        """Take up a state; another model is no news."""
        if state["settings"] != self.settings.judging():
            changed = [
                name
                for name, one in self.settings.judging().items()
                if state["settings"].get(name) != one
            ]
            raise ConfigError(
                f"this monitor was begun with other settings: {', '.join(changed)}",
                where="--output",
                hint="give those settings again, or name another --output to begin anew",
            )
        self.at = state["at"]
        self.hours = Hours.from_json(state["hours"])
        self.judge = Judge.from_json(state["judge"])
        self._waiting = state["waiting"]
        before, names = state["model"], tuple(state["feelings"])
        if before == self.model.version:
            return
        if set(names) != set(self.model.names):
            raise UserError(
                f"this monitor counts the feelings {', '.join(names)}, and the run gives "
                f"{', '.join(self.model.names)}",
                where="--output",
                hint="name another --output to begin anew",
            )
        old = Confusion(names, np.array(state["confusion"]))
        bad = [names.index(self.model.names[k]) for k in self.model.negative]
        good = [names.index(self.model.names[k]) for k in self.model.positive]
        self._write(self.judge.index(old, bad, good, before), "index")
        self.judge.days = {}
        order = [names.index(name) for name in self.model.names]
        for hour in self.hours.open.values():
            hour.counts = {n: [one[k] for k in order] for n, one in hour.counts.items()}
        rates = old.rates(bad), self.model.confusion.rates(self.model.negative)
        for series in self.judge.series.values():
            series.translated(*rates)
        event = {
            "event": "model",
            "before": before,
            "model": self.model.version,
            "posts": self.hours.told["read"],
        }
        self._events([event])
        self.say(
            "the model is another one than before: what is usual is translated, and that is no news"
        )

    def run(self, file: Path, follow: float = 0) -> None:
        """Read the feed from where the state is; to its end, or waiting for more."""
        self._send()
        for block, last in self._blocks(file, follow):
            self._take(block)
            self._settle(self.hours.complete(self.settings))
            if last and not follow and self.folder is None:
                self._answer(self.hours.waited(self.settings))
                self._settle(self.hours.rest(self.settings))
            if self._waiting or last or time.monotonic() - self._saved > SAVE:
                self.save()
                self._send()
                if self._more:
                    self._more = False
                    self.show(self)
        self.save()
        if self.hours.told["read"] and self._nothing():
            raise DataError(
                f"none of its {self.hours.told['read']:,} lines is a post; {self.first_wrong}",
                where=str(file),
                hint="a feed has a JSON object a line, with the keys time (--time-key) and text",
            )

    def _blocks(self, file: Path, follow: float) -> Iterator[tuple[list[Line], bool]]:
        """The lines in blocks that are the same however often the monitor is begun again."""
        block: list[Line] = []
        for line in lines(file, self.at, self.settings.time_key, follow=follow):
            if line is None:
                if block:
                    yield block, True
                    block = []
                continue
            block.append(line)
            if len(block) == TOGETHER:
                yield block, False
                block = []
        yield block, True

    def _take(self, block: list[Line]) -> None:
        told = self.hours.told
        posts = []
        for line in block:
            told["read"] += 1
            if line.post is None:
                told["wrong"] += 1
                self.first_wrong = self.first_wrong or f"post {told['read']:,}: {line.wrong}"
            else:
                posts += self.hours.takes(line.post, self.settings)
        if block:
            self.at = block[-1].end
        self._answer(posts)

    def _answer(self, posts: list[Post]) -> None:
        told = self.hours.told
        for post, answer in zip(
            posts, self.model.answer([post.text for post in posts]), strict=True
        ):
            if answer is None:
                told["unanswered"] += 1
                continue
            number = int(post.time // HOUR)
            names = self.hours.names(answer.topics, post.entities, self.settings.most_series)
            self.hours.open.setdefault(number, Hour()).add(
                post,
                names,
                answer.feeling,
                len(self.model.names),
                answer.feeling in self.model.negative,
            )

    def _settle(self, hours: list[tuple[int, Hour]]) -> None:
        model = self.model
        for number, hour in hours:
            events, index = self.judge.hour(
                number,
                hour,
                self.settings,
                model.confusion,
                model.negative,
                model.positive,
                model.version,
            )
            self._events(events)
            self._write(index, "index")

    def _events(self, events: list[dict[str, Any]]) -> None:
        self._write(events, "alarms")
        self._waiting += [one for one in events if not one.get("silenced")]

    def _write(self, rows: list[dict[str, Any]], name: str) -> None:
        self._more = self._more or bool(rows)
        if self.folder is not None:
            self.folder.add(name, rows)
        else:
            (self.events if name == "alarms" else self.index).extend(rows)

    def save(self) -> None:
        """Keep the state."""
        self._saved = time.monotonic()
        if self.folder is None or self._nothing():
            return
        self.folder.save(
            {
                "settings": self.settings.judging(),
                "at": self.at,
                "model": self.model.version,
                "feelings": list(self.model.names),
                "confusion": self.model.confusion.counts.tolist(),
                "hours": self.hours.to_json(),
                "judge": self.judge.to_json(),
                "waiting": self._waiting,
            }
        )

    def _nothing(self) -> bool:
        """Whether no post could be read so far."""
        return self.hours.told["read"] == self.hours.told["wrong"]

    def _send(self) -> None:
        """Tell what the state holds but nobody was told; a kill in between tells it once more."""
        if not self._waiting:
            return
        for event in self._waiting:
            self.tell(event)
        self._waiting = []
        self.save()

    def results(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """All events and the whole index, the day in progress included."""
        model = self.model
        today = self.judge.index(model.confusion, model.negative, model.positive, model.version)
        if self.folder is None:
            return self.events, [*self.index, *today]
        return self.folder.read("alarms"), [*self.folder.read("index"), *today]

    def summary(self) -> list[str]:
        """What was read and set aside, in words."""
        told = self.hours.told
        parts = {
            "late": "came more than --late behind the others",
            "repeated": "repeat another",
            "wrong": "cannot be read",
            "ahead": "are dated more than a day ahead of the posts around them",
            "unanswered": "have no answer of the model",
        }
        said = [f"{told['read']:,} posts read"]
        said += [
            f"{told[name]:,} {what}: not counted" for name, what in parts.items() if told.get(name)
        ]
        if told["late"] > told["read"] / 2:
            said.append(
                "most posts came late: is the feed in order of time, and the first date right?"
            )
        if self.first_wrong:
            said.append(f"the first that cannot be read, {self.first_wrong}")
        if told["unwatched"]:
            said.append(
                f"{told['unwatched']:,} mentions of topics or entities beyond the first "
                f"{self.settings.most_series} are not watched (--most-series)"
            )
        return said
