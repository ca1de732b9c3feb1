"""What ft does of its own, as plugins like anybody's: this is their list."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

HOMES: Mapping[str, str] = {
    "standard": "ft.builtin.standard.plugin:Standard",
    "processor": "ft.builtin.processor.plugin:Processor",
    "frozen": "ft.builtin.frozen:Frozen",
    "advice": "ft.builtin.advice.plugin:Advice",
    "report": "ft.builtin.report.plugin:Report",
}
"""Where the class of each built-in plugin is, by its name."""


def builtin() -> dict[str, Any]:
    """The class of each built-in plugin, by its name; this imports them, and torch with them."""
    homes = {name: home.split(":") for name, home in HOMES.items()}
    return {name: getattr(import_module(module), cls) for name, (module, cls) in homes.items()}
