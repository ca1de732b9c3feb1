"""What a search has found: its trials, the best of them, and which settings matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from ft import Intervals, Table
from ft_study.results import Results
from ft_study.tune import trials
from ft_study.tune.folder import SearchFolder
from ft_study.tune.search import shown

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

SHOWN = 10
"""Trials in the table for people; all are in ``tune.json``."""

FEWEST = 4
"""Below so many finished trials nothing is said of what matters."""

STATES = {
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "stopped",
    TrialState.RUNNING: "running",
}


@dataclass(frozen=True)
class Row:
    """One trial.

    Attributes:
        number: its number in the study.
        state: ``done``, ``stopped`` early, ``failed`` or ``running``.
        value: the best value of the metric; ``None`` where there is none.
        values: of the settings that are searched, by dotted key.
        run: the run's folder.
        host: the machine that it is on.
        told: what the run gave, as `trials.DONE` has it.
        error: what it failed with.
    """

    number: int
    state: str
    value: float | None
    values: Mapping[str, Any]
    run: str
    host: str
    told: Mapping[str, Any]
    error: str | None

    @property
    def rank(self) -> float:
        """The value, turned so that higher is better."""
        assert self.value is not None
        return self.value if self.told["higher_is_better"] else -self.value


@dataclass(frozen=True)
class Outcome:
    """A search so far.

    Attributes:
        rows: the trials in their order.
        importances: by dotted key, adding up to 1; empty where too few trials are done.
    """

    rows: Sequence[Row]
    importances: Mapping[str, float]

    @property
    def finished(self) -> list[Row]:
        """The trials that ran to their end, the best first."""
        done = [row for row in self.rows if row.state == "done"]
        return sorted(done, key=lambda row: (-row.rank, row.number))

    @property
    def best(self) -> Row | None:
        """The best trial that ran to its end."""
        return next(iter(self.finished), None)

    @property
    def metric(self) -> str:
        """The metric that the search goes by."""
        return str(self.finished[0].told["metric"]) if self.finished else ""

    @property
    def keys(self) -> list[str]:
        """The settings that are searched."""
        return list(dict.fromkeys(key for row in self.rows for key in row.values))

    @property
    def counts(self) -> str:
        """How many trials are in which state, in words."""
        states = ("done", "stopped", "failed", "running")
        return ", ".join(f"{self.count(one)} {one}" for one in states if self.count(one))

    def count(self, state: str) -> int:
        """How many trials are in a state."""
        return sum(row.state == state for row in self.rows)


def outcome(study: Study) -> Outcome:
    """What a study holds."""
    rows = [_row(one) for one in study.get_trials(deepcopy=False) if not trials.is_void(one)]
    return Outcome(rows, _importances(study, rows))


def _row(one: FrozenTrial) -> Row:
    attributes = one.user_attrs
    told = attributes.get(trials.DONE, {})
    error = attributes.get(trials.ERROR)
    return Row(
        one.number,
        "failed" if error else STATES.get(one.state, "failed"),
        told.get("value"),
        dict(one.params),
        attributes.get(trials.RUN, ""),
        attributes.get(trials.HOST, ""),
        told,
        error,
    )


def _importances(study: Study, rows: Sequence[Row]) -> dict[str, float]:
    """Share of each setting in the spread of the metric among the better trials.

    PED-ANOVA: Watanabe et al. 2023, `arXiv 2304.10255 <https://arxiv.org/abs/2304.10255>`__.
    """
    done = [row for row in rows if row.state == "done"]
    if len(done) < FEWEST or len({row.value for row in done}) < 2:
        return {}
    from optuna.importance import get_param_importances

    return get_param_importances(study)


def results(found: Outcome, folder: SearchFolder, name: str) -> Results:
    """The search, for print, files and page."""
    importances = Intervals(
        "Which settings matter: share in what tells good trials from bad",
        [(key, share, None, None) for key, share in found.importances.items()],
    )
    return Results(
        "Search",
        name,
        list(_tables(found)) if found.best else [],
        _as_json(found, folder, name),
        _words(found, folder),
        [importances],
        [_all(found)],
    )


def _tables(found: Outcome) -> Iterator[Table]:
    """The search as tables for people."""
    keys = found.keys
    ranked = found.finished[:SHOWN]
    yield Table(
        f"The best trials, by {found.metric} on the validation split",
        ("trial", found.metric, *keys, "seconds"),
        tuple(
            (
                row.number,
                f"{row.value:.4f}",
                *(shown(row.values.get(key, "")) for key in keys),
                f"{row.told['seconds']:.0f}",
            )
            for row in ranked
        ),
        found.counts,
    )
    if found.importances:
        yield Table(
            "Which settings matter",
            ("setting", "share"),
            tuple((key, f"{share:.0%}") for key, share in found.importances.items()),
            f"of what tells better trials from worse (PED-ANOVA), from {len(found.finished)} trials; "
            "a few dozen give a picture, fewer a hint",
        )


def _words(found: Outcome, folder: SearchFolder) -> list[str]:
    """The end of the search in sentences."""
    best = found.best
    running = found.count("running")
    lines = [f"{running} trials are still running; the same command tells the end"] * bool(running)
    if best is None:
        return [*lines, "no trial has been finished yet"]
    first = found.rows[0]
    if first.state == "done" and first is not best:
        lines.append(
            f"the settings as given reached {found.metric} {first.value:.4f}, "
            f"the best {best.value:.4f}"
        )
    elif first is best:
        lines.append(f"no trial was better than the settings as given: {best.value:.4f}")
    test = best.told["test"].get(found.metric)
    if test:
        ends = test.get("low"), test.get("high")
        interval = "" if None in ends else f" [{ends[0]:.4f}, {ends[1]:.4f}]"
        lines.append(
            f"{found.metric} of the best on the test split: {test['value']:.4f}{interval}; the value "
            "on the validation split is optimistic: it is the best of several"
        )
    where = f" on {best.host}" if not best.run.startswith(str(folder.path)) else ""
    lines.append(f"the best run is {best.run}{where}")
    lines.append(f"its settings are in {folder.best}: ft run --config {folder.best}")
    return lines


def _as_json(found: Outcome, folder: SearchFolder, name: str) -> dict[str, Any]:
    """The search as plain values."""
    best = found.best
    return {
        "study": name,
        "folder": str(folder.path),
        "metric": found.metric or None,
        "best": _plain(best) if best else None,
        "settings": str(folder.best) if best else None,
        "importances": dict(found.importances),
        "trials": [_plain(row) for row in found.rows],
    }


def _plain(row: Row) -> dict[str, Any]:
    return {
        "number": row.number,
        "state": row.state,
        "value": row.value,
        "values": dict(row.values),
        "run": row.run,
        "host": row.host,
        "seconds": row.told.get("seconds"),
        "epoch": row.told.get("epoch"),
        "test": row.told.get("test"),
        "error": row.error,
    }


def _all(found: Outcome) -> Table:
    """Every trial in its order."""
    failed = any(row.error for row in found.rows)
    rows = tuple(
        (
            row.number,
            row.state,
            "" if row.value is None else f"{row.value:.4f}",
            *(shown(row.values[key]) if key in row.values else "" for key in found.keys),
            row.told.get("epoch"),
            *([row.error or ""] if failed else []),
        )
        for row in found.rows
    )
    columns = ("trial", "", found.metric, *found.keys, "epochs", *(["error"] if failed else []))
    return Table("All trials", columns, rows, found.counts)
