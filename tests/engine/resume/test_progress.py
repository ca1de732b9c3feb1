"""Which evaluation's weights are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ft import Metric
from ft.engine.resume.progress import Progress


def kept(scores: list[float], width: float | None, *, higher: bool = True) -> tuple[int, Progress]:
    """The step that is kept of evaluations at steps 1, 2 and so on, whose intervals are so wide."""
    progress = Progress()
    for step, score in enumerate(scores, 1):
        progress.step = step
        ends = () if width is None else (score - width / 2, score + width / 2)
        said = progress.judge(Metric(score, *ends, higher_is_better=higher))
        assert said == (progress.best_step == step)
    return progress.best_step, progress


@pytest.mark.parametrize(
    ("scores", "width", "step"),
    [
        ([0.44, 0.52, 0.46, 0.44], 0.36, 4),  # a standard error of .092
        ([0.44, 0.52, 0.46, 0.42], 0.36, 3),
        ([0.44, 0.52, 0.46, 0.44], 0.0392, 2),  # one of .01
        ([0.44, 0.52, 0.46, 0.44], None, 2),
        ([0.4, 0.5, 0.5, 0.3], None, 2),
        ([0.4, 1.0, 1.0, 1.0], 0.0, 2),  # perfect ones have no error
        ([0.4, 0.5, 0.5, 0.3], 0.1, 3),
        ([0.50, 0.49, 0.48, 0.47], 0.0392 * 1.5, 2),  # below the best, not below the one before
    ],
)
def test_the_latest_within_a_standard_error_of_the_best_is_kept(
    scores: list[float], width: float | None, step: int
) -> None:
    assert kept(scores, width)[0] == step
    assert kept([-one for one in scores], width, higher=False)[0] == step


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0, 0.5))
def test_what_is_kept_is_no_further_from_the_best_than_its_error(
    scores: list[float], width: float
) -> None:
    step, progress = kept(scores, width)
    assert scores[step - 1] >= max(scores) - width / 3.92 - 1e-12
    if width / 3.92 > 1e-9:
        assert all(one < max(scores) - width / 3.92 + 1e-12 for one in scores[step:])
    else:
        assert scores[step - 1] == pytest.approx(max(scores), abs=1e-9)
    assert progress.misses == len(scores) - 1 - scores.index(max(scores))
