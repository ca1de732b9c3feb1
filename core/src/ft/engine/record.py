"""The record of a run: what was run, on what, with what result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ft.engine.resume import record

if TYPE_CHECKING:
    from ft.config.resolve import Resolved
    from ft.contract.results import Result
    from ft.engine.resume.progress import Progress
    from ft.engine.run import LiveRun


def run_record(
    run: LiveRun,
    resolved: Resolved,
    fingerprints: Mapping[str, str],
    progress: Progress,
    result: Result,
) -> dict[str, Any]:
    """What ``record.json`` says of a run whose training is done, as JSON values.

    Args:
        run: with the model that was scored.
        resolved: its plugins and settings.
        fingerprints: of its splits.
        progress: of its training.
        result: its scores.
    """
    assert run.model is not None
    return {
        "plugins": record.plugin_rows(resolved),
        "chains": {hook: run.hooks.describe(hook) for hook in run.hooks.names("chain")},
        "libraries": record.library_versions(),
        "machine": record.machine(run),
        "model": record.model_row(run),
        "data": record.splits_row(run, fingerprints),
        "used": run.used,
        "seed": resolved.run.seed,
        "stops": run.stops,
        "main": result.main,
        "epoch": run.epoch,
        "steps": progress.step,
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "tokens": progress.tokens,
        "padding": 1 - progress.tokens / max(1, progress.padded),
        "forwards_per_step": run.hooks.forwards(),
        "train_seconds": round(progress.train_seconds, 3),
        "peak_memory": record.peak_memory(run),
        "metrics": {
            split: {name: metric.to_json() for name, metric in metrics.items()}
            for split, metrics in result.metrics.items()
        },
    }
