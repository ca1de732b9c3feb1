"""Posts on their way: put into hours, repeats and late ones set aside, until the hours are complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ft_monitor.posts import HOUR, Post
from ft_monitor.series import KEPT
from ft_monitor.settings import Settings

JUMP = 24 * HOUR
"""Seconds beyond the latest post from which on a post waits for others that are dated so too."""

AGREEING = 3
"""So many in succession are believed."""

EXAMPLES = 5
CHARACTERS = 280
ALL = "all"


@dataclass
class Hour:
    """The posts of an hour.

    Attributes:
        counts: by series, how often each feeling was answered.
        examples: by series, some of the negative posts: time, source, text.
    """

    counts: dict[str, list[int]] = field(default_factory=dict)
    examples: dict[str, list[list[Any]]] = field(default_factory=dict)

    def add(self, post: Post, series: list[str], feeling: int, feelings: int, bad: bool) -> None:
        """Count a post in its series."""
        for name in series:
            self.counts.setdefault(name, [0] * feelings)[feeling] += 1
            kept = self.examples.setdefault(name, []) if bad else None
            if kept is not None:
                kept.append([post.time, post.source, post.text[:CHARACTERS]])
                # By time and text, whatever the order in which they came.
                kept.sort(key=lambda one: (one[0], one[2]))
                del kept[EXAMPLES:]


@dataclass
class Hours:
    """What is not complete yet; all of it is in the state.

    Attributes:
        latest: the time of the latest post.
        closed: the hour before which all are complete, counted from 1970.
        last: the last complete hour that has posts.
        open: by hour.
        ahead: posts that are dated far ahead of all others, and wait.
        seen: when the posts of late were seen first, by what is the same for repeats.
        series: how many posts each series has.
        told: how many posts were read, wrong, late, repeated, far ahead of those around them, unanswered,
            and of series beyond the most.
    """

    latest: float = 0.0
    closed: int = 0
    last: int = 0
    open: dict[int, Hour] = field(default_factory=dict)
    ahead: list[Post] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)
    series: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("read", "wrong", "late", "repeated", "ahead", "unanswered", "unwatched"), 0
        )
    )

    def takes(self, post: Post, settings: Settings) -> list[Post]:
        """The posts that count now, neither late nor repeats; the others are counted.

        One wrong date must not end the watch: a post that is dated far ahead of all others waits, until some
        in succession are dated so, or one that is not comes and shows that it was wrong.
        """
        if self.latest and post.time > self.latest + JUMP:
            self.ahead.append(post)
            if len(self.ahead) < AGREEING:
                return []
            found, self.ahead = self.ahead, []
        else:
            found = [post]
            if not self._is_late(post, settings):
                self.told["ahead"] = self.told.get("ahead", 0) + len(self.ahead)
                self.ahead = []
        return [one for one in found if self._counts(one, settings)]

    def waited(self, settings: Settings) -> list[Post]:
        """The posts that waited, where no other comes any more."""
        found, self.ahead = self.ahead, []
        return [one for one in found if self._counts(one, settings)]

    def _is_late(self, post: Post, settings: Settings) -> bool:
        until = max(self.closed, int((self.latest - settings.late) // HOUR))
        return int(post.time // HOUR) < until

    def _counts(self, post: Post, settings: Settings) -> bool:
        """Whether a post is neither late nor a repeat, whatever was read together with it."""
        first = self.seen.get(post.key)
        if first is not None and abs(post.time - first) <= settings.repeats:
            self.told["repeated"] += 1
            return False
        if self._is_late(post, settings):
            self.told["late"] += 1
            return False
        self.seen[post.key] = post.time
        self.latest = max(self.latest, post.time)
        return True

    def names(self, topics: tuple[str, ...], entities: tuple[str, ...], most: int) -> list[str]:
        """The series of a post, each counted; new ones up to ``most``."""
        wanted = [ALL, *(f"topic {one}" for one in topics), *(f"entity {one}" for one in entities)]
        found = []
        for name in wanted:
            if name not in self.series and len(self.series) > most:
                self.told["unwatched"] += 1
                continue
            self.series[name] = self.series.get(name, 0) + 1
            found.append(name)
        return found

    def complete(self, settings: Settings) -> list[tuple[int, Hour]]:
        """The hours that are complete by now, in their order; they are no longer open."""
        until = int((self.latest - settings.late) // HOUR)
        return self._until(until, settings)

    def rest(self, settings: Settings) -> list[tuple[int, Hour]]:
        """The hours that are left where no post comes any more."""
        return self._until(max(self.open, default=self.closed - 1) + 1, settings)

    def _until(self, until: int, settings: Settings) -> list[tuple[int, Hour]]:
        """The hours before ``until``: those with posts, and those without in which a window of such ends."""
        if until <= self.closed:
            return []
        before, self.closed = self.closed, until
        found = {hour: self.open.pop(hour) for hour in sorted(self.open) if hour < until}
        ends = {hour + k for hour in (self.last, *found) for k in range(1, KEPT)}
        quiet = {hour: Hour() for hour in ends if before <= hour < until and hour not in found}
        if found:
            self.last = max(found)
            old = self.latest - settings.repeats - settings.late - HOUR
            self.seen = {key: when for key, when in self.seen.items() if when >= old}
        return sorted({**found, **quiet}.items())

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **vars(self),
            "open": {str(hour): vars(one) for hour, one in self.open.items()},
            "ahead": [vars(one) for one in self.ahead],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Hours:
        """What `to_json` gave."""
        ahead = [
            Post(**{**one, "entities": tuple(one["entities"])}) for one in values.get("ahead", ())
        ]
        hours = {int(hour): Hour(**one) for hour, one in values["open"].items()}
        return cls(**{**values, "open": hours, "ahead": ahead})
