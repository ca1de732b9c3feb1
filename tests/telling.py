"""Everything that a run can tell a reporter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ft.contract.results import Metric, Table
from ft.reporters.reporter import Reporter


@dataclass
class Result:
    output: Path
    metrics: dict[str, dict[str, Metric]]
    tables: list[Table] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


def show(reporter: Reporter, result: Any) -> None:
    """Tell a reporter everything that a run can tell."""
    reporter.phase("data", "reading and checking")
    reporter.note("a tenth of train is validation")
    reporter.finding("info", "3 words are long")
    reporter.finding("warning", "2 duplicates (a.conll:3)")
    reporter.progress("encode train", 10, 20)
    reporter.progress("encode train", 20, 20)
    reporter.phase("train", "3 steps")
    reporter.train_start(3, 0, 1.0)
    for step in (1, 2, 3):
        reporter.train_step(step, 100 * step, 0.7 if step == 3 else None, 1e-4)
    reporter.evaluation(
        3, 1, "validation", {"f1": Metric(0.25, 0.2, 0.3), "loss": Metric(0.1)}, True
    )
    reporter.table(Table("by type", ("type", "f1"), (("person", 0.5), ("地点", None)), "strict"))
    reporter.finish(result)


DONE = Result(
    Path("runs/r1"),
    {"test": {"f1": Metric(0.5, 0.4, 0.6), "loss": Metric(float("nan"))}},
    record={
        "steps": 3,
        "train_seconds": 61.0,
        "costs": [{"plugin": "toy", "hook": "encode", "calls": 3, "seconds": 0.25}],
    },
)
