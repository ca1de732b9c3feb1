"""An ablation as tables, sentences and plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ft import Intervals, Table
from ft_study.ablate.arms import arm_name
from ft_study.ablate.budget import left_out_text
from ft_study.ablate.study import Job, Study
from ft_study.ablate.verdicts import Finding, Findings, sentence
from ft_study.costs import costs
from ft_study.gains import p_text
from ft_study.results import Results


def _tables(study: Study, found: Findings) -> Iterator[Table]:
    """The gains, and what each arm scored and cost."""
    yield Table(
        f"What each technique brings to {study.plugins[0]}: {found.metric} on the test data",
        (
            *("technique", "", "gain", "95 % interval", "corrected p"),
            *("extra time", "extra memory", "seeds", "verdict"),
        ),
        tuple(_row(row) for row in found.rows),
        _method(found),
    )
    rows = []
    for arm in study.arms:
        runs = [run for job, run in found.runs.items() if job.arm == arm]
        if runs:
            scores = [run.metrics[found.metric].value for run in runs]
            told = [costs(run) for run in runs]
            rows.append(
                (
                    arm_name(arm),
                    f"{sum(scores) / len(scores):.4f}",
                    f"{min(scores):.4f} to {max(scores):.4f}",
                    len(runs),
                    _mean([one["train_seconds"] for one in told]),
                    _mean([one["peak_memory"] for one in told], 0),
                )
            )
    columns = ("plugins", found.metric, "lowest to highest", "seeds", "training, s", "peak, MiB")
    yield Table("Runs", columns, tuple(rows), "means over the seeds")


def _row(row: Finding) -> tuple[Any, ...]:
    one, found = row.contrast, row.gain
    return (
        one.what,
        one.where,
        f"{found.value:+.4f}",
        "" if found.low is None or found.high is None else f"{found.low:+.4f} to {found.high:+.4f}",
        p_text(row.corrected),
        "" if row.seconds is None else f"{row.seconds:+.0%}",
        "" if row.memory is None else f"{row.memory:+.0f} MiB",
        found.seeds,
        row.verdict,
    )


def _mean(values: Sequence[float | None], places: int = 1) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):,.{places}f}" if known else ""


def _method(found: Findings) -> str:
    tests = sum(row.corrected is not None for row in found.rows)
    over = "seeds and test items"
    if any(row.gain.items is None for row in found.rows):
        over = "seeds alone: the runs kept no draws of this metric"
    elif any(row.gain.seed_variance is None for row in found.rows):
        over = "test items alone where there is one seed"
    few = min((row.gain.seeds for row in found.rows), default=0) == 2
    return (
        f"intervals and p over {over}; an interval is that of its row alone, p is corrected for "
        f"{tests} tests (Holm)"
        + "; with two seeds the test errs a little more often than it says"
        * few
        * few
    )


def _words(study: Study, found: Findings, left_out: Sequence[Job]) -> list[str]:
    """The findings as sentences, and what there is none for."""
    said = [sentence(row, found.metric) for row in found.rows]
    said += [f"{one.what}, {one.where}: no runs to tell from." for one in found.missing]
    if left_out:
        said.append(f"Left out for the budget: {left_out_text(left_out)}.")
    return said


def _as_json(study: Study, found: Findings, left_out: Sequence[Job]) -> dict[str, Any]:
    """The study as plain values."""
    return {
        "plugins": list(study.plugins),
        "metric": found.metric,
        "findings": [
            {
                "what": row.contrast.what,
                "where": row.contrast.where,
                "with": list(row.contrast.better),
                "without": list(row.contrast.worse),
                **asdict(row.gain),
                "corrected_p": row.corrected,
                "extra_time": row.seconds,
                "extra_memory_mib": row.memory,
                "verdict": row.verdict,
                "why": row.why,
            }
            for row in found.rows
        ],
        "runs": [
            {
                "plugins": list(job.arm),
                "seed": job.seed,
                "path": str(run.path),
                "score": run.metrics[found.metric].value,
                **costs(run),
            }
            for job, run in found.runs.items()
        ],
        "missing": [f"{one.what}, {one.where}" for one in found.missing],
        "left_out": [job.name for job in left_out],
    }


def results(study: Study, found: Findings, left_out: Sequence[Job]) -> Results:
    """The findings, for print, files and page."""
    gains = Intervals(
        f"Gain of {found.metric}, with its 95 % interval",
        [
            (
                f"{row.contrast.what}, {row.contrast.where}",
                *(row.gain.value, row.gain.low, row.gain.high),
            )
            for row in found.rows
        ],
    )
    return Results(
        "Ablation",
        ", ".join(study.plugins),
        list(_tables(study, found)),
        _as_json(study, found, left_out),
        _words(study, found, left_out),
        [gains],
    )
