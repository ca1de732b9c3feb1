"""How many examples of each task an epoch has."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ft_multitask.shares import draw_epoch, epoch_sizes


def test_the_temperature_evens_out_the_tasks() -> None:
    sizes = {"large": 900, "small": 100}
    assert epoch_sizes(sizes, 1.0) == sizes
    assert epoch_sizes(sizes, 2.0) == {"large": 750, "small": 250}
    assert epoch_sizes(sizes, 1e9) == {"large": 500, "small": 500}


@given(
    st.lists(st.integers(1, 2000), min_size=2, max_size=5),
    st.floats(1, 1e6),
    st.integers(0, 9),
)
def test_an_epoch_has_as_many_examples_as_there_are(
    counts: list[int], temperature: float, seed: int
) -> None:
    ends = np.cumsum([0, *counts])
    rows = {str(i): np.arange(ends[i], ends[i + 1]) for i in range(len(counts))}
    sizes = epoch_sizes({name: len(own) for name, own in rows.items()}, temperature)
    assert abs(sum(sizes.values()) - sum(counts)) <= len(counts)
    drawn = draw_epoch(rows, sizes, np.random.default_rng(seed))
    for name, own in rows.items():
        times = np.bincount(
            [i - own[0] for i in drawn if own[0] <= i <= own[-1]], minlength=len(own)
        )
        assert times.sum() == sizes[name]
        # None comes again before all others have come.
        assert times.max() - times.min() <= 1
