"""ft, the pytest of fine-tuning: a small core that owns the run, and plugins for everything else."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ft.api import evaluate, predict, run
    from ft.cli.options import RunOptions, run_options
    from ft.cli.text import table_text
    from ft.config import Resolved, resolve, to_toml
    from ft.data import (
        Finding,
        WordsConfig,
        lint,
        read_split_tables,
        read_table,
        read_texts,
        read_words,
        tags,
    )
    from ft.draws import Draws, read_draws
    from ft.engine.outcome import Result
    from ft.engine.run import Run
    from ft.errors import (
        ConfigError,
        DataError,
        FtError,
        Interrupted,
        PluginError,
        Problems,
        TrainingError,
        UserError,
    )
    from ft.plugin import Config, Plugin, derive_seed, hookimpl
    from ft.report.sheet import Intervals, html_page
    from ft.results import Evaluation, Loss, Metric, Predictions, Table
    from ft.schema import EXAMPLE_ID, FILE, LINE, Label, Schema, TaskData, Text, Words
    from ft.settings import DataConfig, RunConfig
    from ft.starters import data_or_starter, starter
    from ft.stats import bootstrap_items, bootstrap_sums
    from ft.tunable import Tunable

__version__ = "0.1.0"

__all__ = [
    "EXAMPLE_ID",
    "FILE",
    "LINE",
    "Config",
    "ConfigError",
    "DataConfig",
    "DataError",
    "Draws",
    "Evaluation",
    "Finding",
    "FtError",
    "Interrupted",
    "Intervals",
    "Label",
    "Loss",
    "Metric",
    "Plugin",
    "PluginError",
    "Predictions",
    "Problems",
    "Resolved",
    "Result",
    "Run",
    "RunConfig",
    "RunOptions",
    "Schema",
    "Table",
    "TaskData",
    "Text",
    "TrainingError",
    "Tunable",
    "UserError",
    "Words",
    "WordsConfig",
    "bootstrap_items",
    "bootstrap_sums",
    "data_or_starter",
    "derive_seed",
    "evaluate",
    "hookimpl",
    "html_page",
    "lint",
    "predict",
    "read_draws",
    "read_split_tables",
    "read_table",
    "read_texts",
    "read_words",
    "resolve",
    "run",
    "run_options",
    "starter",
    "table_text",
    "tags",
    "to_toml",
]

_HOMES = {
    name: module
    for module, names in {
        "ft.api": "evaluate predict run",
        "ft.cli.options": "RunOptions run_options",
        "ft.cli.text": "table_text",
        "ft.config": "Resolved resolve to_toml",
        "ft.data": "Finding WordsConfig lint read_split_tables read_table read_texts read_words tags",
        "ft.draws": "Draws read_draws",
        "ft.engine.outcome": "Result",
        "ft.engine.run": "Run",
        "ft.errors": "ConfigError DataError FtError Interrupted PluginError Problems TrainingError "
        "UserError",
        "ft.plugin": "Config Plugin derive_seed hookimpl",
        "ft.report.sheet": "Intervals html_page",
        "ft.results": "Evaluation Loss Metric Predictions Table",
        "ft.schema": "EXAMPLE_ID FILE LINE Label Schema TaskData Text Words",
        "ft.settings": "DataConfig RunConfig",
        "ft.starters": "data_or_starter starter",
        "ft.stats": "bootstrap_items bootstrap_sums",
        "ft.tunable": "Tunable",
    }.items()
    for name in names.split()
}


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: `ft --help` needs none of it, and `Run` imports torch.
    if name not in _HOMES:
        raise AttributeError(f"module 'ft' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
