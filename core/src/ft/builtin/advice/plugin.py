"""Looks at a finished run and says what its user should know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ft.builtin.advice import baselines, lines
from ft.builtin.report.headline import headline_split
from ft.contract.files import to_json, write_whole
from ft.contract.plugin import Plugin, hookimpl
from ft.runfolder.read import RunFiles

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

MOST = 4
"""Lines of advice; the place of the page is told beside them."""


class Advice(Plugin):
    """Compares the score with simple baselines, and advises; unless ``run.advice`` is false."""

    @hookimpl
    def on_record(self, run: LiveRun) -> None:
        """Add ``baselines`` and ``advice`` to the record; a trained run does not fail for them."""
        if not run.config.advice:
            return
        try:
            files = RunFiles(run.output)
            run.added |= advise(run, files)
            # The page is made from the file.
            write_whole(run.output / "record.json", to_json({**files.record, **run.added}, 2))
        except Exception as error:
            run.note(f"no advice: {type(error).__name__}: {error}")


def advise(run: LiveRun, files: RunFiles) -> dict[str, Any]:
    """What is added to the record of a run."""
    record = files.record
    split, main = headline_split(record["metrics"]), record.get("main")
    metric = record["metrics"].get(split, {}).get(main)
    if split is None or main is None or metric is None:
        return {}
    known = baselines.scores(run, split, main)
    told = {"split": split, "metric": main, "values": known}
    found = [line for line in _lines(run, files, split, main, known) if line]
    return {"baselines": told, "advice": found[:MOST]}


def _lines(
    run: LiveRun, files: RunFiles, split: str, main: str, known: dict[str, float]
) -> Iterator[str | None]:
    """Every line that holds, the most important one first."""
    record, best = files.record, files.record.get("best") or {}
    metric, rows = record["metrics"][split][main], record["data"][split]["examples"]
    settings = {one.name: one.plugin.config.model_dump() for one in run.hooks.members}
    labels = record["data"].get("train", {}).get("statistics", {}).get("labels", {})
    yield lines.never_predicted(files.schema, files.pairs(split), split)
    yield lines.no_better(metric, main, split, known)
    yield lines.length(files.log, best, record.get("stops"))
    yield lines.skewed(labels, settings)
    yield lines.calibration(files.log, best)
    yield lines.too_small(metric, main, split, rows)
