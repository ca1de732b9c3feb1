"""What is kept of a trial in the study, and whose turn it is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

VOID = "void"
"""Attribute of a trial that was never run: why. It counts for nothing."""

FOLDER = "folder"
"""Attribute: the id of the search's folder that its run is in."""

RUN = "run"
"""Attribute: the run's folder."""

HOST = "host"
"""Attribute: the machine that the run is on."""

KILLED = "killed"
"""Attribute: how often its process has ended without a word."""

ERROR = "error"
"""Attribute: what the run failed with."""

DONE = "done"
"""Attribute: what the run gave: its metric, scores and times."""

WAIT_SECONDS = 10.0
"""How long another process may take to draw the values of its trial."""


def is_void(trial: FrozenTrial) -> bool:
    """Whether a trial was never run."""
    return VOID in trial.user_attrs


def counted_before(trials: Sequence[FrozenTrial], number: int) -> int:
    """How many trials with a lower number count.

    Numbers are given out by the storage, each once, so that processes which look at the same time
    agree on who is still within the budget.
    """
    return sum(not is_void(one) for one in trials if one.number < number)


def twin(study: Study, number: int, values: Mapping[str, Any]) -> int | None:
    """An earlier trial with the same values.

    A trial that another process is drawing at this moment is waited for.
    """
    end = time.monotonic() + WAIT_SECONDS
    while True:
        earlier = [one for one in study.get_trials(deepcopy=False) if one.number < number]
        earlier = [one for one in earlier if not is_void(one)]
        if all(_is_drawn(one, values) for one in earlier) or time.monotonic() > end:
            break
        time.sleep(0.05)
    return next((one.number for one in earlier if one.params == values), None)


def _is_drawn(trial: FrozenTrial, values: Mapping[str, Any]) -> bool:
    return trial.state.is_finished() or set(values) <= set(trial.params)
