"""The record of a run: what was run, on what, with what result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.paths import full_paths
from ft.engine.resume import made_with, record

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
        "tokens": progress.tokens if progress.unit == "tokens" else None,
        "seen": progress.seen,
        "unit": progress.unit,
        "padding": 1 - progress.tokens / max(1, progress.padded),
        "forwards_per_step": run.hooks.forwards(),
        "train_seconds": round(progress.train_seconds, 3),
        "peak_memory": record.peak_memory(run),
        "metrics": {
            split: {name: metric.to_json() for name, metric in metrics.items()}
            for split, metrics in result.metrics.items()
        },
    }


def own_paths(run: LiveRun, resolved: Resolved) -> list[str]:
    """The files and folders of the user that a record may name: data, model, plugins, output."""
    assert run.data is not None
    given = [path for path in full_paths(made_with.settings(resolved)) if _exists(path)]
    plugins = [one.source.rpartition(":")[0] for one in resolved.plugins if one.source]
    found = [str(path) for files in run.data.files.values() for path in files]
    return [*given, *plugins, *found, *run.used, str(run.output), run.model_path]


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False
