"""ft, the pytest of fine-tuning: a small core that owns the run, and plugins for everything else."""

from ft.errors import ConfigError, DataError, FtError, PluginError, TrainingError, UserError
from ft.plugin import Config, Plugin, derive_seed, hookimpl
from ft.results import Evaluation, Loss, Metric, Predictions, Table
from ft.schema import EXAMPLE_ID, FILE, LINE, Label, Schema, TaskData, Text, Words
from ft.settings import DataConfig, RunConfig
from ft.stats import bootstrap_items, bootstrap_sums

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
    "FtError",
    "Label",
    "Loss",
    "Metric",
    "Plugin",
    "PluginError",
    "Predictions",
    "RunConfig",
    "Schema",
    "Table",
    "TaskData",
    "Text",
    "TrainingError",
    "UserError",
    "Words",
    "bootstrap_items",
    "bootstrap_sums",
    "derive_seed",
    "hookimpl",
]
