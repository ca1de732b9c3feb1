"""What the bootstrap drew for each metric, kept so that runs can be compared example by example.

The helpers of `ft.contract.intervals` draw the same examples in every run on the same data. Kept beside the
predictions, the scores of those draws give the difference of two runs draw by draw: a paired
bootstrap of any statistic, without its code, its plugin or the data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ft.contract.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from ft.contract.results import Metric

SUFFIX = ".draws.safetensors"
_ABOUT = "draws"


@dataclass(frozen=True)
class Draws:
    """The scores of one metric on samples of test items, drawn with replacement.

    Attributes:
        values: (draws,), NaN where a draw does not define the metric.
        items: how many items there are, and a draw has.
        seed: of the draws; with the same ``items`` and ``seed`` the same items were drawn.
    """

    values: np.ndarray
    items: int
    seed: int

    def paired(self, other: Draws) -> bool:
        """Whether both drew the same items, provided that they are of the same data."""
        return (self.items, self.seed, len(self.values)) == (
            other.items,
            other.seed,
            len(other.values),
        )


@dataclass(frozen=True)
class Interval:
    """An interval that a helper gave, with what it was made of.

    Attributes:
        low: its lower end.
        high: its upper end.
        whole: the statistic of all items.
        draws: the statistic of each draw.
    """

    low: float
    high: float
    whole: float
    draws: Draws


_KEPT: ContextVar[list[Interval] | None] = ContextVar("ft_draws", default=None)


@contextmanager
def keeping() -> Iterator[list[Interval]]:
    """Collect the intervals that the bootstrap helpers give meanwhile."""
    kept: list[Interval] = []
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


def keep(intervals: Iterable[Interval]) -> None:
    """Hand in intervals, if somebody collects them."""
    kept = _KEPT.get()
    if kept is not None:
        kept.extend(intervals)


def by_metric(metrics: Mapping[str, Metric], kept: list[Interval]) -> dict[str, Draws]:
    """The draws of every metric whose interval a helper gave.

    A metric belongs to the interval with its very ends; where several statistics have them, to
    the one with its value, and of equal ones to the first that is left.
    """
    left = list(kept)
    found: dict[str, Draws] = {}
    for name, metric in metrics.items():
        same = [one for one in left if (one.low, one.high) == (metric.low, metric.high)]
        if not same:
            same = [one for one in kept if (one.low, one.high) == (metric.low, metric.high)]
        if same:
            nearest = min(same, key=lambda one: abs(one.whole - metric.value))
            found[name] = nearest.draws
            left = [one for one in left if one is not nearest]
    return found


def to_bytes(draws: Mapping[str, Draws]) -> bytes:
    """Draws by metric as safetensors."""
    import numpy as np
    from safetensors.numpy import save

    about = {name: {"items": one.items, "seed": one.seed} for name, one in draws.items()}
    values = {name: np.ascontiguousarray(one.values, np.float32) for name, one in draws.items()}
    return bytes(save(values, {_ABOUT: json.dumps(about)}))


def read_draws(run: str | Path, split: str = "test") -> dict[str, Draws]:
    """The draws of every metric of a run that has any, by the metric's name.

    Args:
        run: the run's folder.
        split: a scored split.

    Raises:
        DataError: there are none, or they cannot be read.
    """
    import numpy as np
    from safetensors import SafetensorError, safe_open

    path = Path(run) / "predictions" / f"{split}{SUFFIX}"
    try:
        with safe_open(path, "numpy") as stream:
            about = json.loads((stream.metadata() or {})[_ABOUT])
            return {
                name: Draws(np.asarray(stream.get_tensor(name), np.float64), **about[name])
                for name in about
            }
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            "what the bootstrap drew cannot be read"
            if path.exists()
            else f"the run has nothing to compare of its split '{split}'",
            where=str(path),
            hint=f"score the split again: ft evaluate {run} --split {split}",
        ) from error
