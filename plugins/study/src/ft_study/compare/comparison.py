"""Runs side by side: the difference of each metric to the first run, tested on the same examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ft import Intervals, Metric, Table, UserError
from ft_study.compare.differences import differences
from ft_study.costs import UNITS, costs
from ft_study.gains import ALPHA, Gain, gain, holm, p_text
from ft_study.results import Results
from ft_study.runs import Finished, paired, same_test_data

ALL = "all"


@dataclass(frozen=True)
class Row:
    """A metric of one run beside that of the first.

    Attributes:
        metric: its name.
        run: position of the other run.
        difference: of the other run to the first, in the metric's own direction.
        p: not corrected; ``None`` where it is not tested.
        corrected: by Holm over all tests.
    """

    metric: str
    run: int
    difference: Gain
    p: float | None
    corrected: float | None


@dataclass(frozen=True)
class Comparison:
    """Several runs on the same test data, the first of them the one to beat.

    Attributes:
        runs: the runs.
        names: what they are called, all different.
        metrics: the metrics that all of them have.
        tested: those among them that were chosen to be tested.
        rows: a row for each metric and each run but the first.
    """

    runs: Sequence[Finished]
    names: Sequence[str]
    metrics: Sequence[str]
    tested: Sequence[str]
    rows: Sequence[Row]


def compare_runs(runs: Sequence[Finished], wanted: Sequence[str] | None = None) -> Comparison:
    """Compare runs with the first of them.

    Args:
        runs: two at least.
        wanted: the metrics to test; by default the first run's main metric; ``all`` for all.

    Raises:
        UserError: fewer than two runs, other test data, or a metric that they do not share.
    """
    if len(runs) < 2:
        raise UserError("there is nothing to compare with", hint="name two runs at least")
    places = [(run.path.resolve(), run.task) for run in runs]
    if len(set(places)) < len(places):
        twice, _ = next(place for place in places if places.count(place) > 1)
        raise UserError("this run is named twice", where=str(twice))
    same_test_data(runs)
    first, *others = runs
    shared = [name for name in first.metrics if all(name in run.metrics for run in others)]
    # The tasks of a run of several have no main metric of their own.
    main = next((run.main for run in runs if run.main in shared), None)
    tested = _tested(main, shared, wanted)
    rows = []
    for name in shared:
        for k, other in enumerate(others, 1):
            draws = paired(other, first, name)
            found = gain(
                [other.metrics[name].value],
                [first.metrics[name].value],
                None if draws is None else [draws],
            )
            rows.append(Row(name, k, found, found.p if name in tested else None, None))
    corrected = holm([row.p for row in rows])
    rows = [
        Row(row.metric, row.run, row.difference, row.p, p)
        for row, p in zip(rows, corrected, strict=True)
    ]
    return Comparison(runs, _names(runs), shared, tested, rows)


def _tested(main: str | None, shared: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    whole = [name for name in shared if "/" not in name]
    if wanted and ALL in wanted:
        return whole
    names = list(wanted or [main or ""])
    for name in names:
        if name not in shared:
            raise UserError(
                f"not every run has the metric '{name}'" if name else "the runs share no metric",
                where="--metric",
                hint=f"they share {', '.join(whole) or 'none'}",
            )
    return names


def _names(runs: Sequence[Finished]) -> list[str]:
    """The names of the folders, or their paths where two have the same name."""
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]


def verdict(row: Row, higher_is_better: bool) -> str:
    """What a row says, in words."""
    if row.corrected is None:
        return "" if row.difference.p is not None else "no test: this metric cannot be tested"
    if row.corrected > ALPHA:
        return "no difference shown"
    return "better" if (row.difference.value > 0) == higher_is_better else "worse"


def results(found: Comparison) -> Results:
    """The comparison, for print and page."""
    return Results(
        "Runs compared",
        " and ".join(found.names),
        list(_tables(found)),
        _as_json(found),
        charts=list(_charts(found)),
    )


def _tables(found: Comparison) -> Iterator[Table]:
    """The comparison as tables for people."""
    shown = [name for name in found.metrics if "/" not in name or name in found.tested]
    runs = [f"{letter}: {name}" for letter, name in zip(letters(found), found.names, strict=True)]
    yield Table(
        "Runs, on the same test data",
        ("metric", *runs),
        tuple((name, *(_score(run.metrics[name]) for run in found.runs)) for name in shown),
        "95 % intervals in brackets; those of two runs may overlap although they differ",
    )
    columns = ("metric", "runs", "difference", "95 % interval", "p", "corrected p", "")
    yield Table(
        "Differences",
        columns,
        tuple(_row(found, row) for row in found.rows if row.metric in shown),
        _method(found),
    )
    for k, other in enumerate(found.runs[1:], 1):
        pair = f"{letters(found)[0]} and {letters(found)[k]}"
        rows = [
            (one.kind, one.name, one.first, one.other) for one in differences(found.runs[0], other)
        ]
        yield Table(
            f"What differs between {pair}",
            ("kind", "what", letters(found)[0], letters(found)[k]),
            tuple(rows),
            "" if rows else "nothing",
        )
    told = [costs(run) for run in found.runs]
    yield Table(
        "Cost",
        ("", *letters(found)),
        tuple(
            (unit, *(_number(cost[name]) for cost in told))
            for name, unit in UNITS.items()
            if any(cost[name] is not None for cost in told)
        ),
    )


def _charts(found: Comparison) -> Iterator[Intervals]:
    """The differences of each tested metric."""
    for metric in found.tested:
        rows = [
            (found.names[row.run], *_ends(row.difference))
            for row in found.rows
            if row.metric == metric and row.p is not None
        ]
        title = f"{metric}: difference to {found.names[0]}, with its 95 % interval"
        yield Intervals(title, rows)


def _ends(found: Gain) -> tuple[float, float | None, float | None]:
    return found.value, found.low, found.high


def letters(found: Comparison) -> list[str]:
    """A short name for each run."""
    return [chr(ord("A") + k) if k < 26 else f"R{k + 1}" for k in range(len(found.runs))]


def _row(found: Comparison, row: Row) -> tuple[str, ...]:
    names, one = letters(found), row.difference
    up = found.runs[0].metrics[row.metric].higher_is_better
    return (
        row.metric,
        f"{names[row.run]} - {names[0]}",
        f"{one.value:+.4f}",
        "" if one.low is None or one.high is None else f"{one.low:+.4f} to {one.high:+.4f}",
        p_text(row.p),
        p_text(row.corrected),
        verdict(row, up),
    )


def _score(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return f"{metric.value:.4f}"
    return f"{metric.value:.4f} [{metric.low:.4f}, {metric.high:.4f}]"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _method(found: Comparison) -> str:
    tests = sum(row.p is not None for row in found.rows)
    lines = ["paired bootstrap: both runs scored on the same draws of test items"]
    if tests > 1:
        lines.append(f"p corrected for {tests} tests (Holm)")
    lines.append(
        "a run with another seed would differ too, and that is not in these intervals: "
        "`ft ablate` repeats runs with several seeds"
    )
    return "; ".join(lines)


def _as_json(found: Comparison) -> dict[str, Any]:
    """The comparison as plain values."""
    return {
        "runs": [
            {
                "name": name,
                "path": str(run.path),
                "metrics": {key: run.metrics[key].to_json() for key in found.metrics},
                "costs": costs(run),
            }
            for name, run in zip(found.names, found.runs, strict=True)
        ],
        "tested": list(found.tested),
        "differences": [
            {
                "metric": row.metric,
                "run": found.names[row.run],
                "to": found.names[0],
                "p": row.p,
                "corrected_p": row.corrected,
                **{key: getattr(row.difference, key) for key in ("value", "low", "high", "items")},
            }
            for row in found.rows
        ],
        "changes": {
            name: [asdict(one) for one in differences(found.runs[0], run)]
            for name, run in zip(found.names[1:], found.runs[1:], strict=True)
        },
    }
