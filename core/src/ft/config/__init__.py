"""The configuration of a run: read, checked, written."""

from ft.config.resolver import Resolved, resolve
from ft.config.source import CONFIG_FILE, run_config, source_file
from ft.config.write import json_schema, to_toml

__all__ = [
    "CONFIG_FILE",
    "Resolved",
    "json_schema",
    "resolve",
    "run_config",
    "source_file",
    "to_toml",
]
