"""One series of posts: what is usual at this hour of the week, and whether an hour is out of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ft_monitor.chance import LEVELS, anew, given, level, tails
from ft_monitor.settings import Settings

WINDOWS = {1: 1, 6: 3, 24: 6}
"""Hours of a window, and after how many hours it is looked at again."""

WEEK = 168
"""Hours of a week."""

A_MONTH = 730.0
"""Hours of a month."""

KEPT = max(WINDOWS) + max(WINDOWS.values())
"""Hours of which the posts are kept: of a window and the one before it."""

TESTS = sum(A_MONTH / every for every in WINDOWS.values())
"""Looks at a series in a month."""

PRIOR = 50.0
"""Posts that the series as a whole counts for, at an hour of the week with few of its own."""

HALF_LIFE = 8 * WEEK
"""Hours after which what was counts half."""

CALM = 10.0
"""Windows that speak for a spread of chance alone, beside those that were seen."""


@dataclass(frozen=True)
class Surge:
    """A window with more of the negative than chance explains.

    Attributes:
        hours: of the window.
        posts: in it.
        negative: of them.
        usual: the share that was expected.
        p: how likely chance gives as many.
    """

    hours: int
    posts: int
    negative: int
    usual: float
    p: float


@dataclass
class Series:
    """What is known of a series; all of it is in the state.

    Attributes:
        began: its first hour, counted from 1970.
        hour: the last hour that it was told.
        slots: posts and negative ones by the hour of the week, those of long ago counting less.
        whole: the same of all hours.
        recent: hour, posts, negative ones, the share that was expected and its variance, of the last hours.
        spread: by window: sum of squared deviations in units of chance, and their number.
        watched: the hours in which surges were looked for, those of long ago counting less.
        chance: by level of p, how many surges chance gives in so many hours, those that go on counted once.
    """

    began: int
    hour: int
    slots: dict[int, list[float]] = field(default_factory=dict)
    whole: list[float] = field(default_factory=lambda: [0.0, 0.0])
    recent: list[list[float]] = field(default_factory=list)
    spread: dict[int, list[float]] = field(default_factory=lambda: {w: [0.0, 0.0] for w in WINDOWS})
    watched: float = 0.0
    chance: list[float] = field(default_factory=lambda: [0.0] * len(LEVELS))

    def usual(self, slot: int) -> tuple[float, float]:
        """The share of the negative that is usual at an hour of the week, and its variance."""
        posts, negative = self.whole
        level = (negative + 0.5) / (posts + 1)
        own_posts, own_negative = self.slots.get(slot, (0.0, 0.0))
        share = (PRIOR * level + own_negative) / (PRIOR + own_posts)
        variance = share * (1 - share) * (1 / (PRIOR + own_posts + 1) + 1 / (posts + 1))
        return share, variance

    def alpha(self, allowed: float) -> float:
        """The p of a surge, so that chance gives as many a month as are allowed."""
        if self.watched < WEEK:  # too few looks to know what chance gives
            return allowed / TESTS
        return level(np.array(self.chance) * (A_MONTH / self.watched), allowed, TESTS)

    def look(
        self, hour: int, slot: int, posts: int, negative: int, alpha: float, settings: Settings
    ) -> list[Surge]:
        """Whether the windows that end with this hour are out of the usual; then the hour is learned.

        Args:
            hour: counted from 1970; later than all before.
            slot: the hour of the week.
            posts: of this hour.
            negative: of them.
            alpha: the p of a surge.
            settings: what a surge needs beside it.
        """
        if posts:
            share, variance = self.usual(slot)
            self.recent.append([hour, posts, negative, share, variance])
        self.recent = [one for one in self.recent if one[0] > hour - KEPT]
        fade = 0.5 ** ((hour - self.hour) / HALF_LIFE)
        self.watched = self.watched * fade + hour - self.hour
        chance = np.array(self.chance) * fade
        found, until = [], self._until(hour)
        for hours, every in WINDOWS.items():
            inside = [one for one in self.recent if one[0] > hour - hours]
            if inside and hour % every == 0:
                surge, likely = self._surge(hours, inside, alpha, settings)
                found += [] if surge is None else [surge]
                chance += likely * anew(_alike(hour, hours, until, settings.least))
        self.chance = chance.tolist()
        return found

    def _until(self, hour: int) -> list[float]:
        """Posts of the hours that are kept, up to the end of each of them; 0 before the first."""
        posts = [0.0] * KEPT
        for one in self.recent:
            posts[int(one[0]) - hour - 1] = one[1]
        return [0.0, *itertools.accumulate(posts)]

    def _surge(
        self, hours: int, inside: Sequence[Sequence[float]], alpha: float, settings: Settings
    ) -> tuple[Surge | None, np.ndarray]:
        """A surge in some hours, and how likely chance gave one at each level."""
        posts = int(sum(one[1] for one in inside))
        negative = int(sum(one[2] for one in inside))
        share = sum(one[1] * one[3] for one in inside) / posts
        unsure = sum((one[1] / posts) ** 2 * one[4] for one in inside)
        chance = share * (1 - share)
        seen, count = self.spread[hours]
        dispersion = max(1.0, (seen + CALM) / (count + CALM))
        # The variance of the count, in units of the binomial one.
        wide = dispersion + posts * unsure / chance
        least = max(settings.least, math.ceil(posts * (share + settings.rise)))
        surge, likely = None, np.zeros(len(LEVELS))
        if least <= posts:
            falling = tails(posts, least, share, wide)
            likely = given(falling)
            if negative >= least and falling[negative - least] <= alpha:
                surge = Surge(hours, posts, negative, share, float(falling[negative - least]))
        if surge is None:  # what is out of the usual does not make the usual wider
            own = (negative - posts * share) ** 2 / (posts * chance * (1 + posts * unsure / chance))
            self.spread[hours] = [0.999 * seen + min(own, 9.0), 0.999 * count + 1]
        return surge, likely

    def learn(self, hour: int, slot: int, posts: int, negative: int, weight: float) -> None:
        """Let an hour count for what is usual from now on.

        ``weight`` is less than 1 for an hour of an alarm, which is not usual unless it lasts.
        """
        fade = 0.5 ** ((hour - self.hour) / HALF_LIFE)
        self.hour = hour
        self.whole = [one * fade for one in self.whole]
        if posts:
            # A slot is met once a week, and fades by a week each time.
            own = [one * 0.5 ** (WEEK / HALF_LIFE) for one in self.slots.get(slot, (0.0, 0.0))]
            for counts in (own, self.whole):
                counts[0] += weight * posts
                counts[1] += weight * negative
            self.slots[slot] = own

    def translated(self, before: tuple[float, float], after: tuple[float, float]) -> None:
        """What is usual, as another model would have answered.

        Args:
            before: how often the old model answers the negative where it is true, and where it is not.
            after: how often the new one does.
        """
        for counts in (self.whole, *self.slots.values()):
            posts, negative = counts
            if posts <= 0:
                continue
            gap = before[0] - before[1]
            truth = min(1.0, max(0.0, (negative / posts - before[1]) / gap)) if gap > 0.05 else 0.5
            # Known less well than before: the shares of both models are estimates.
            counts[0] = posts / 2
            counts[1] = counts[0] * (truth * after[0] + (1 - truth) * after[1])
        self.recent = []

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **vars(self),
            "slots": {str(slot): one for slot, one in self.slots.items()},
            "spread": {str(hours): one for hours, one in self.spread.items()},
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Series:
        """What `to_json` gave."""
        return cls(
            **{
                **values,
                "slots": {int(slot): one for slot, one in values["slots"].items()},
                "spread": {int(hours): one for hours, one in values["spread"].items()},
            }
        )


def _alike(hour: int, hours: int, until: Sequence[float], least: int) -> list[float]:
    """What a window shares with each look before it that it overlaps, as a correlation of their counts."""
    found = []
    own = until[KEPT] - until[KEPT - hours]
    for other, every in WINDOWS.items():
        # At the same hour the shorter windows are looked at before.
        ago = hour % every if other < hours else (hour - 1) % every + 1
        for end in range(KEPT - ago, KEPT - hours, -every):
            begin = max(0, end - other)
            its = until[end] - until[begin]
            both = until[end] - until[max(KEPT - hours, begin)]
            if both and its >= least:
                found.append(min(0.999, both / math.sqrt(own * its)))
    return found
