"""ft, the pytest of fine-tuning: a small core that owns the run, and plugins for everything else."""

from typing import TYPE_CHECKING

from ft.api import evaluate, predict, run
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
from ft.errors import ConfigError, DataError, FtError, PluginError, TrainingError, UserError
from ft.plugin import Config, Plugin, derive_seed, hookimpl
from ft.results import Evaluation, Loss, Metric, Predictions, Table
from ft.schema import EXAMPLE_ID, FILE, LINE, Label, Schema, TaskData, Text, Words
from ft.settings import DataConfig, RunConfig
from ft.starters import data_or_starter, starter
from ft.stats import bootstrap_items, bootstrap_sums

if TYPE_CHECKING:
    from ft.engine.run import Run
else:
    # Annotations alone name it; importing it here would import torch.
    Run = "ft.engine.run.Run"

__version__ = "0.1.0"

__all__ = [
    "EXAMPLE_ID",
    "FILE",
    "LINE",
    "Config",
    "ConfigError",
    "DataConfig",
    "DataError",
    "Evaluation",
    "Finding",
    "FtError",
    "Label",
    "Loss",
    "Metric",
    "Plugin",
    "PluginError",
    "Predictions",
    "Run",
    "RunConfig",
    "Schema",
    "Table",
    "TaskData",
    "Text",
    "TrainingError",
    "UserError",
    "Words",
    "WordsConfig",
    "bootstrap_items",
    "bootstrap_sums",
    "data_or_starter",
    "derive_seed",
    "evaluate",
    "hookimpl",
    "lint",
    "predict",
    "read_split_tables",
    "read_table",
    "read_texts",
    "read_words",
    "run",
    "starter",
    "tags",
]
