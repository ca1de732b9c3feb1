"""``ft run --explain``: what a run would do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from ft.config.describe import shown
from ft.contract.files import to_json
from ft.reporters.text import aligned, folded, terminal_width

if TYPE_CHECKING:
    from ft.config.resolve import Resolved


def show(resolved: Resolved, *, as_json: bool) -> None:
    """Print the starters used, the plugins, the chain of each hook, the forward passes, every setting.

    Raises:
        PluginError: the plugins do not fit together.
    """
    from ft.builtin import builtin
    from ft.engine.explain import explain as explain_run

    facts = explain_run(resolved, builtin())
    if as_json:
        typer.echo(to_json({**facts, "origins": resolved.origins, "notes": resolved.notes}))
        return
    width = terminal_width(sys.stdout)
    for line in lines(resolved, facts, width):
        for part in folded(line, width):
            typer.echo(part)


def lines(resolved: Resolved, facts: dict[str, Any], width: int | None = None) -> list[str]:
    """The explanation as text.

    Args:
        resolved: plugins and settings.
        facts: what `ft.engine.explain.explain` says of them.
        width: characters of a line, see `aligned`.
    """
    found = [f"note: {note}" for note in (*resolved.notes, *facts["starters"])]
    rows = [(p.name, p.distribution or p.source, p.version) for p in resolved.plugins]
    found += [
        "plugins, the first nearest to the task",
        *_indented(aligned(("name", "from", "version"), rows, width and width - 2)),
    ]
    found += _indented(
        f"inside of {name}: {', '.join(inside)}"
        for name, inside in facts.get("inside", {}).items()
        if inside
    )
    found += ["", "hooks, from the outermost plugin to the one that answers"]
    forwards = facts["forwards"]
    passes = f"{forwards} forward{'s' if forwards != 1 else ''} a step"
    chains = [
        (hook, f"{chain}, {passes}" if hook == "compute_loss" else chain)
        for hook, chain in facts["chains"].items()
    ]
    events = [(hook, ", ".join(names)) for hook, names in facts.get("events", {}).items()]
    methods = list(facts["methods"].items())
    found += _indented(f"{hook}: {text}" for hook, text in [*chains, *methods, *events])
    for table, config in {"run": resolved.run, **resolved.configs}.items():
        settings = [
            (key, shown(getattr(config, name)), _origin(resolved.origins, f"{table}.{key}"))
            for name, field in type(config).model_fields.items()
            if name not in getattr(config, "unused_settings", ())
            for key in [field.alias or name]
        ]
        found += ["", f"[{table}]"]
        if settings:
            found += _indented(aligned(("setting", "value", "from"), settings, width and width - 2))
    return found


def _origin(origins: Mapping[str, str], key: str) -> str:
    """Where a setting was given, or the values inside of it where it is a table."""
    if key in origins:
        return origins[key]
    inside = [place for path, place in origins.items() if path.startswith(f"{key}.")]
    return ", ".join(dict.fromkeys(inside)) or "default"


def _indented(texts: Any) -> list[str]:
    return [f"  {text}" for text in texts]
