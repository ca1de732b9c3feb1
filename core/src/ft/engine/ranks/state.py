"""What a checkpoint holds for each process beside the main one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ft.engine.batch.memory import Budget
from ft.engine.randomness import separate

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

OTHERS = "others"
BUDGET = "budget"


def add_others(run: LiveRun, state: dict[str, Any]) -> None:
    """Add to the main process's state what is different in the others: they all call this.

    That is their random states, plugin states where they are not the main one's, the sums for the
    next line of the log, and what they know of the memory.
    """
    state[BUDGET] = asdict(run.budget)
    own = {
        "random": state["random"],
        "plugins": state["plugins"],
        "sums": state["progress"]["sums"],
        BUDGET: state[BUDGET],
    }
    others = run.ranks.gather(own)[1:]
    state[OTHERS] = [{**other, "plugins": _different(other["plugins"], state)} for other in others]


def _different(plugins: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """Plugin states, without those that are the main process's."""
    return {
        name: {key: value for key, value in kept.items() if value != state["plugins"][name][key]}
        for name, kept in plugins.items()
    }


def of_this_rank(run: LiveRun, state: Mapping[str, Any]) -> dict[str, Any]:
    """A saved state as this process takes it up, whatever the number of processes was then.

    A process that was not there then takes the main one's; `begin` gives it random numbers of its
    own. The sums of those that are not there now are the main one's.
    """
    others = state.get(OTHERS, [])
    index = run.ranks.index
    own = dict(state)
    sums: list[Any]
    if index == 0:
        sums = [state["progress"]["sums"], *(one["sums"] for one in others[run.ranks.count - 1 :])]
    elif index <= len(others):
        other = others[index - 1]
        own["random"] = other["random"]
        own["plugins"] = {
            name: {**kept, **other["plugins"].get(name, {})}
            for name, kept in state["plugins"].items()
        }
        sums = [other["sums"]]
    else:
        sums = []
    own["progress"] = {**state["progress"], "sums": _added(sums)}
    _take_budget(run, state, others)
    return own


def _added(sums: list[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for one in sums:
        for name, (value, kind) in one.items():
            total[name] = (total[name][0] + value if name in total else value, kind)
    return total


def _take_budget(run: LiveRun, state: Mapping[str, Any], others: list[Mapping[str, Any]]) -> None:
    """The smallest passes that any process needed, unless the settings ask for smaller ones."""
    known = [Budget(**one[BUDGET]) for one in (state, *others) if BUDGET in one]
    budgets = (run.budget, *known)
    run.budget.training = min(one.training for one in budgets)
    run.budget.prediction = min(one.prediction for one in budgets)


def begin(run: LiveRun, known: int = 1) -> None:
    """Give this process random numbers of its own, unless its state is one of the ``known``.

    The main process goes on with the numbers of a run in one process.
    """
    if run.ranks.index >= known:
        plugins = [member.plugin for member in run.hooks.kept]
        separate(run.config.seed, plugins, "process", run.ranks.index, run.step)
