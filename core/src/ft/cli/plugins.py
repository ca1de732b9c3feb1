"""``ft plugins``: what is installed, and what one plugin is and takes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ft.cli.commands import Command
from ft.cli.failure import guarded
from ft.cli.options import Debug, split_names

if TYPE_CHECKING:
    from ft.loading.installed import Installed
    from ft.loading.load import Loaded

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]

app = typer.Typer(
    help="List the installed plugins, or show one.",
    rich_markup_mode=None,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def plugins(context: typer.Context, as_json: Json = False) -> None:
    """List the installed plugins, or show one."""
    if context.invoked_subcommand is None:
        list_installed(as_json=as_json)


@app.command("list", cls=Command)
@guarded
def list_installed(as_json: Json = False) -> None:
    """List the installed plugins, from metadata alone: none is imported."""
    from ft.loading.installed import duplicates, installed
    from ft.reporters.text import aligned, terminal_width

    found = _told_apart(installed())
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "distribution": one.distribution,
            "version": one.version,
            "kind": one.kind,
            "summary": one.summary,
            "uses": list(one.uses),
        }
        for one in found
    ]
    clashes = duplicates(found)
    if as_json:
        from ft.contract.files import to_json

        typer.echo(to_json({"plugins": rows, "clashes": sorted(clashes)}))
        return
    if not rows:
        typer.echo("no plugin is installed; a plugin of your own runs with --plugins ./file.py")
        return
    columns = ("name", "kind", "distribution", "version", "summary, and what it is for")
    for row in rows:
        row[columns[-1]] = " ".join(
            [row["summary"], *(["For: " + ", ".join(row["uses"]) + "."] if row["uses"] else [])]
        )
    cells = [[row[column] or "?" for column in columns] for row in rows]
    for line in aligned(columns, cells, terminal_width(sys.stdout)):
        typer.echo(line)
    for name, offers in clashes.items():
        both = " and ".join(one.owner for one in offers)
        print(f"warning: '{name}' is offered by {both}; uninstall one of them", file=sys.stderr)


def _told_apart(found: list[Installed]) -> list[Installed]:
    """Where a distribution offers several plugins, what each says of itself in its source."""
    from ft.loading.summary import kind_of, summary_of

    offered = Counter(one.distribution for one in found)
    return [
        one
        if offered[one.distribution] == 1
        else replace(
            one,
            summary=summary_of(one.target) or one.summary,
            kind=kind_of(one.target) or one.kind,
        )
        for one in found
    ]


@app.command("show", cls=Command)
@guarded
def show(
    name: Annotated[
        str, typer.Argument(help="As in --plugins: ner, ./file.py, package.module:Class.")
    ],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a plugin's hooks, what it declares, its settings and its card. This imports the plugin."""
    from ft.contract.errors import FtError
    from ft.contract.files import to_json
    from ft.loading.load import FLAG, load
    from ft.loading.outline import outline_of
    from ft.reporters.text import folded, terminal_width

    try:
        loaded = load(name)
    except FtError as error:
        if error.where == FLAG:
            error.where = f"ft plugins show {name}"
        raise
    facts = {
        "name": loaded.name,
        "distribution": loaded.distribution,
        "version": loaded.version,
        "source": loaded.source,
        "kind": outline_of(loaded.cls).kind,
        "hooks": dict(outline_of(loaded.cls).hooks),
        "declares": _declared(loaded),
        "settings": list(_settings(loaded)),
        "card": _card(loaded),
    }
    if as_json:
        typer.echo(to_json(facts))
        return
    width = terminal_width(sys.stdout)
    for line in _page(facts):
        for part in folded(line, width):
            typer.echo(part)
    if facts["card"]:
        typer.echo("\n" + _plain_card(str(facts["card"]), width or PAGE))


@app.command("schema", cls=Command)
@guarded
def schema(
    names: Annotated[list[str], typer.Argument(metavar="A,B", help="Plugins, as in --plugins.")],
    debug: Debug = False,
) -> None:
    """Print the JSON schema of a configuration with these plugins, for editors."""
    import json

    from ft.config.write import json_schema
    from ft.loading.load import load_all

    typer.echo(json.dumps(json_schema(load_all(split_names(names) or [])), indent=2))


def _settings(loaded: Loaded) -> Iterator[dict[str, Any]]:
    from ft.config.describe import expected, shown
    from ft.contract.plugin import fields_by_key

    for key, field in fields_by_key(loaded.cls.Config).items():
        default = (
            "required"
            if field.is_required()
            else shown(field.get_default(call_default_factory=True))
        )
        yield {
            "key": f"{loaded.name}.{key}",
            "type": expected(field),
            "default": default,
            "help": field.description or "",
        }


def _declared(loaded: Loaded) -> dict[str, Any]:
    """What the plugin declares with its default settings, which may decide it."""
    from ft.hooks.declarations import declared

    try:
        return declared(loaded.cls(loaded.cls.Config()))
    except Exception:  # it cannot be made without settings: what the class itself says
        return declared(loaded.cls)


def _card(loaded: Loaded) -> str:
    """The distribution's README, or else what the class says of itself."""
    import inspect
    from importlib import metadata

    about: Any = metadata.metadata(loaded.distribution) if loaded.distribution else {}
    text = about.get_payload() if loaded.distribution else ""
    text = text or about.get("Description") or inspect.getdoc(loaded.cls) or ""
    return str(text).strip()


def _plain_card(text: str, width: int) -> str:
    """Markdown as a terminal shows it, with lines of at most so many characters."""
    from io import StringIO

    from rich.console import Console
    from rich.markdown import Markdown

    out = StringIO()
    console = Console(file=out, width=width, force_terminal=False, color_system=None)
    console.print(Markdown(text, hyperlinks=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


PAGE = 80
"""Characters of a line of a card where the output is no terminal."""

SAID = {
    "needs": "needs the plugin",
    "after": "is named after",
    "before": "is named before",
    "conflicts": "cannot work with",
    "needs_schema": "needs data with",
    "families": "is made for models of the family",
    "early_backward": "calls `run.backward` early: what needs the graph is named before it",
    "needs_graph": "needs the graph: is named before what calls `run.backward` early",
    "own_items": "joins losses with items of their own",
    "varies": "encodes anew in every epoch",
    "whole_batch": "compares the examples of a batch: it is not cut",
}
"""What a declaration means, to be read with the names that it has."""


def _page(facts: dict[str, Any]) -> Iterator[str]:
    origin = " ".join(part for part in (facts["distribution"], facts["version"]) if part)
    yield f"{facts['name']}, a {facts['kind']}" + (f", from {origin}" if origin else "")
    yield f"  {facts['source']}"
    yield ""
    yield "hooks"
    for hook, part in facts["hooks"].items():
        yield f"  {part} {hook}"
    yield ""
    if facts["declares"]:
        yield "declares, with its default settings"
        for name, value in facts["declares"].items():
            names = "" if value is True else " " + " and ".join(value).replace("|", " or ")
            yield f"  {SAID[name]}{names}"
        yield ""
    yield "settings" if facts["settings"] else "no settings"
    for setting in facts["settings"]:
        yield f"  {setting['key']} = {setting['default']}"
        yield f"      {setting['type']}" + (f": {setting['help']}" if setting["help"] else "")
