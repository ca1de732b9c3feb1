"""The configuration of a run: read, checked, written."""

from ft.config.resolver import Resolved, resolve
from ft.config.write import CONFIG_FILE, json_schema, to_toml

__all__ = ["CONFIG_FILE", "Resolved", "json_schema", "resolve", "to_toml"]
