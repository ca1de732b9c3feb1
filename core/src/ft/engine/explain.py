"""What a run would do, without doing it."""

from __future__ import annotations

from typing import Any

from ft.config.resolve import Resolved
from ft.contract.settings import DataConfig
from ft.engine.setup import Builtin, make_hooks
from ft.loading.installed import installed
from ft.loading.starters import GROUP, MODEL, data_note, starter


def explain(resolved: Resolved, builtin: Builtin) -> dict[str, Any]:
    """What a run would do, without doing it: plugins, chains, forward passes, starters, settings."""
    hooks = make_hooks(resolved, builtin)
    chains = {hook: hooks.describe(hook) for hook in hooks.names("chain")}
    events = {hook: hooks.listeners(hook) for hook in hooks.names("event")}
    return {
        "plugins": [
            {"name": m.name, "distribution": m.distribution, "version": m.version}
            for m in hooks.members
        ],
        "inside": {m.name: {p.name: p.owner for p in m.inside()} for m in hooks.members},
        "builtin": [m.name for m in hooks.builtin],
        "chains": chains,
        "methods": hooks.methods(),
        "events": {hook: names for hook, names in events.items() if names},
        "forwards": hooks.forwards(),
        "starters": fallbacks(resolved),
        "settings": {
            "run": resolved.run.model_dump(mode="json"),
            **{name: config.model_dump(mode="json") for name, config in resolved.configs.items()},
        },
    }


def fallbacks(resolved: Resolved) -> list[str]:
    """What a run would take from the starters, one sentence each, in the words of the run."""
    found = []
    if resolved.run.model is None:
        offered = any(one.name == "model" for one in installed(GROUP))
        found.append(MODEL if offered else "no --model given, and no starter model is installed")
    for name, config in resolved.configs.items():
        if isinstance(config, DataConfig) and config.train is None:
            settings = starter(name) or {}
            if settings and all(getattr(config, key, None) is None for key in settings):
                found.append(data_note(name, settings))
    return found
