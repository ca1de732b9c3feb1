"""ft, the pytest of fine-tuning: a small core that owns the run, and plugins for everything else."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ft.contract.version import __version__ as __version__

if TYPE_CHECKING:
    from ft.api import derive, evaluate, load, predict, run
    from ft.builtin.compose import Tasks, compose
    from ft.cli.options import RunOptions, run_options
    from ft.config.resolve import Resolved, resolve
    from ft.config.write import to_toml
    from ft.contract.answers import is_right, predicted
    from ft.contract.auroc import auroc
    from ft.contract.draws import Draws, read_draws
    from ft.contract.errors import (
        ConfigError,
        DataError,
        FtError,
        Interrupted,
        PluginError,
        Problems,
        TrainingError,
        UserError,
    )
    from ft.contract.files import file_hash, to_json, write_whole
    from ft.contract.intervals import Interval, bootstrap_items, bootstrap_sums
    from ft.contract.messages import did_you_mean, listed
    from ft.contract.plugin import Config, Plugin, derive_seed, hookimpl
    from ft.contract.results import Answer, Evaluation, Loss, Metric, Predictions, Result, Table
    from ft.contract.run import Run, Trained
    from ft.contract.schema import (
        EXAMPLE_ID,
        FILE,
        LINE,
        Label,
        Schema,
        Target,
        TaskData,
        Text,
        Words,
    )
    from ft.contract.settings import DataConfig, RunConfig
    from ft.contract.tunable import Tunable
    from ft.data.bm25 import BM25
    from ft.data.config import WordsConfig
    from ft.data.labels import label_reader
    from ft.data.lint.finding import Finding
    from ft.data.lint.lint import lint
    from ft.data.read_lines import read_lines
    from ft.data.read_pool import read_pool
    from ft.data.read_tables import read_split_tables, read_table
    from ft.data.read_texts import read_texts
    from ft.data.read_words import read_words
    from ft.data.rows.cache import cache_folder
    from ft.data.rows.hashing import content_hash
    from ft.data.spelled import spelled
    from ft.data.tags import tags
    from ft.data.tags.cutting import is_blank
    from ft.engine.batch.order import mix_into_order
    from ft.engine.batch.read_requests import read_requests
    from ft.loading.starters import data_or_starter, starter
    from ft.page.sheet import Intervals, html_page
    from ft.reporters.text import table_text

__all__ = [
    "BM25",
    "EXAMPLE_ID",
    "FILE",
    "LINE",
    "Answer",
    "Config",
    "ConfigError",
    "DataConfig",
    "DataError",
    "Draws",
    "Evaluation",
    "Finding",
    "FtError",
    "Interrupted",
    "Interval",
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
    "Target",
    "TaskData",
    "Tasks",
    "Text",
    "Trained",
    "TrainingError",
    "Tunable",
    "UserError",
    "Words",
    "WordsConfig",
    "auroc",
    "bootstrap_items",
    "bootstrap_sums",
    "cache_folder",
    "compose",
    "content_hash",
    "data_or_starter",
    "derive",
    "derive_seed",
    "did_you_mean",
    "evaluate",
    "file_hash",
    "hookimpl",
    "html_page",
    "is_blank",
    "is_right",
    "label_reader",
    "lint",
    "listed",
    "load",
    "mix_into_order",
    "predict",
    "predicted",
    "read_draws",
    "read_lines",
    "read_pool",
    "read_requests",
    "read_split_tables",
    "read_table",
    "read_texts",
    "read_words",
    "resolve",
    "run",
    "run_options",
    "spelled",
    "starter",
    "table_text",
    "tags",
    "to_json",
    "to_toml",
    "write_whole",
]

_HOMES = {
    name: module
    for module, names in {
        "ft.api": "derive evaluate load predict run",
        "ft.builtin.compose": "Tasks compose",
        "ft.cli.options": "RunOptions run_options",
        "ft.reporters.text": "table_text",
        "ft.config.resolve": "Resolved resolve",
        "ft.config.write": "to_toml",
        "ft.data.bm25": "BM25",
        "ft.data.config": "WordsConfig",
        "ft.data.labels": "label_reader",
        "ft.data.lint.finding": "Finding",
        "ft.data.lint.lint": "lint",
        "ft.data.read_lines": "read_lines",
        "ft.data.read_pool": "read_pool",
        "ft.data.read_tables": "read_split_tables read_table",
        "ft.data.read_texts": "read_texts",
        "ft.data.read_words": "read_words",
        "ft.data.rows.cache": "cache_folder",
        "ft.data.rows.hashing": "content_hash",
        "ft.data.spelled": "spelled",
        "ft.data.tags": "tags",
        "ft.data.tags.cutting": "is_blank",
        "ft.engine.batch.order": "mix_into_order",
        "ft.engine.batch.read_requests": "read_requests",
        "ft.contract.answers": "is_right predicted",
        "ft.contract.auroc": "auroc",
        "ft.contract.draws": "Draws read_draws",
        "ft.contract.run": "Run Trained",
        "ft.contract.errors": "ConfigError DataError FtError Interrupted PluginError Problems TrainingError "
        "UserError",
        "ft.contract.plugin": "Config Plugin derive_seed hookimpl",
        "ft.page.sheet": "Intervals html_page",
        "ft.contract.results": "Answer Evaluation Loss Metric Predictions Result Table",
        "ft.contract.schema": "EXAMPLE_ID FILE LINE Label Schema Target TaskData Text Words",
        "ft.contract.settings": "DataConfig RunConfig",
        "ft.loading.starters": "data_or_starter starter",
        "ft.contract.files": "file_hash to_json write_whole",
        "ft.contract.messages": "did_you_mean listed",
        "ft.contract.intervals": "Interval bootstrap_items bootstrap_sums",
        "ft.contract.tunable": "Tunable",
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
