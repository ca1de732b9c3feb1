"""Write what the pages of the reference take from the code: `python docs/generate.py`.

Between `<!-- generated: NAME -->` and `<!-- end -->` stands what the function `NAME` here returns.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

import ft

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
MARK = re.compile(r"(?<=<!-- generated: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)

API = {
    "To run": ("run", "predict", "load", "Trained", "Answer", "evaluate", "Result", "derive"),
    "To compose tasks": ("compose", "Tasks"),
    "To write a plugin": ("Plugin", "hookimpl", "Config", "Run", "derive_seed"),
    "Settings": ("RunConfig", "DataConfig", "WordsConfig", "Tunable"),
    "Data and what it is": (
        *("TaskData", "Schema", "Words", "Text", "Label", "Target"),
        *("EXAMPLE_ID", "FILE", "LINE"),
    ),
    "To read data": (
        *("read_words", "read_texts", "read_split_tables", "read_table", "read_pool"),
        *("read_lines", "label_reader", "spelled", "is_blank", "tags", "lint", "Finding"),
        *("data_or_starter", "starter"),
    ),
    "What hooks hand each other": (
        *("Loss", "Predictions", "Evaluation", "Metric", "Table"),
        *("predicted", "is_right", "mix_into_order"),
    ),
    "Baselines": ("BM25",),
    "Confidence intervals": (
        "bootstrap_items",
        "bootstrap_sums",
        "auroc",
        "Interval",
        "read_draws",
        "Draws",
    ),
    "To write a command": (
        "run_options",
        "RunOptions",
        "resolve",
        "Resolved",
        "to_toml",
        "table_text",
        "html_page",
        "Intervals",
        *("read_requests", "content_hash", "cache_folder"),
        *("write_whole", "file_hash", "to_json", "listed", "did_you_mean"),
    ),
    "Errors": (
        *("FtError", "UserError", "ConfigError", "DataError"),
        *("PluginError", "TrainingError", "Problems", "Interrupted"),
    ),
}
"""Every public name under the heading that it is listed under."""

ELSEWHERE = {
    "Plugin": "[A plugin class](plugin.md) and [its hooks](hooks/index.md).",
    "Run": "[What a hook may ask of the run](run.md).",
    "RunConfig": "[Its settings](settings.md#run).",
    "DataConfig": "[Its settings](settings.md#every-task).",
    "WordsConfig": "[Its settings](settings.md#ner).",
    "Config": "[How to write one](plugin.md#settings).",
    "RunOptions": "Its method `resolve()` gives `Resolved`. "
    "[How a command takes them](../how-to/new-command.md).",
    "hookimpl": "Marks a method of a plugin as the implementation of the hook of that name.",
}
"""Names that have a page of their own, or no docstring."""


def write(page: Path) -> str:
    """The text of a page with its generated parts as they should be."""
    functions: Mapping[str, Callable[[], Iterator[str]]] = {
        "commands": commands,
        "run_settings": run_settings,
        "data_settings": data_settings,
        "plugin_settings": plugin_settings,
        "api": api,
    }

    def replace(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}\n" + "\n".join(functions[found[1]]()).strip() + "\n\n"

    return MARK.sub(replace, page.read_text(encoding="utf-8"))


def commands() -> Iterator[str]:
    """Every command with its arguments and options."""
    from ft.cli.main import app

    core = typer.main.get_command(app)
    yield from command(core, "ft")
    context = core.make_context("ft", [], resilient_parsing=True)
    for name in repository_offers("ft.commands"):
        _, one, _ = core.resolve_command(context, [name])  # type: ignore[attr-defined]
        yield from command(one, f"ft {name}", context)


def command(one: Any, name: str, above: Any = None) -> Iterator[str]:
    """A command, and those below it."""
    context = one.make_context(name, [], parent=above, resilient_parsing=True)
    taken = [part for part in one.params if part.param_type_name == "argument"]
    names = {part.name: part.metavar or part.name.upper() for part in taken}
    usage = [name, "[OPTIONS]", *names.values()]
    below = getattr(one, "commands", {})
    yield f"## {name}\n\n```text\n{' '.join(usage + ['COMMAND'] * bool(below))}\n```\n"
    yield " ".join(one.help.split()) + "\n"
    rows = []
    for part in one.params:
        record = part.get_help_record(context)
        if record and part.name != "help":
            written = re.sub(r"[][<>{}]", "", names.get(part.name, record[0]))
            rows.append((f"`{written}`", " ".join(record[1].replace("[required]", "").split())))
    yield from table(("", ""), rows)
    for child in below:
        yield from command(below[child], f"{name} {child}", context)


def run_settings() -> Iterator[str]:
    """The settings of the run."""
    yield from settings("run", ft.RunConfig, set())


def data_settings() -> Iterator[str]:
    """The settings of every task that reads files."""
    yield from settings("TASK", ft.DataConfig, set())


def plugin_settings() -> Iterator[str]:
    """The settings of the plugins of this repository, tasks first."""
    from ft.loading.load import load
    from ft.loading.outline import outline_of

    loaded = [load(name) for name in repository_plugins()]
    loaded.sort(key=lambda one: (outline_of(one.cls).kind, one.name))
    for one in loaded:
        config = one.cls.Config
        yield f"## {one.name}\n"
        yield (inspect.getdoc(one.cls) or "").split("\n\n")[0].replace("\n", " ") + "\n"
        shared = set(ft.DataConfig.model_fields) if issubclass(config, ft.DataConfig) else set()
        if shared:
            unused = getattr(config, "unused_settings", ())
            without = f" but {', '.join(f'`{one}`' for one in unused)}" if unused else ""
            yield f"The settings of [every task](#every-task){without}, and:\n"
        yield from settings(one.name, config, shared)


def repository_plugins() -> list[str]:
    """The names of the plugins of this repository."""
    return repository_offers("ft.plugins")


def repository_offers(group: str) -> list[str]:
    """What the distributions of this repository offer by entry points of a group."""
    names: list[str] = []
    for path in sorted((ROOT / "plugins").glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        names += project.get("entry-points", {}).get(group, {})
    return names


def settings(table_name: str, config: Any, without: set[str]) -> Iterator[str]:
    """A table of settings: key, what it may be, default, help."""
    from ft.config.describe import expected, shown
    from ft.contract.plugin import fields_by_key

    rows = []
    for key, field in fields_by_key(config).items():
        if key in without:
            continue
        value = field.get_default(call_default_factory=True)
        default = "required" if field.is_required() else f"`{shown(value)}`"
        rows.append((f"`{table_name}.{key}`", expected(field), default, field.description or ""))
    yield from table(("setting", "value", "default", ""), rows)


def api() -> Iterator[str]:
    """Every public name with its signature and what it is."""
    listed = [name for names in API.values() for name in names]
    if sorted(listed) != sorted(ft.__all__):
        odd = ", ".join(sorted(set(listed) ^ set(ft.__all__)))
        raise SystemExit(f"API in {__file__} and ft.__all__ differ: {odd}")
    for heading, names in API.items():
        yield f"## {heading}\n"
        for name in names:
            yield f"### {name}\n"
            yield from described(name, getattr(ft, name))


def described(name: str, value: Any) -> Iterator[str]:
    """A public name: signature, summary, and what its docstring says of each part."""
    if name in ELSEWHERE:
        if name != "hookimpl":
            yield paragraphs(inspect.getdoc(value) or "")[0] + "\n"
        yield ELSEWHERE[name] + "\n"
    elif inspect.ismodule(value):
        yield paragraphs(value.__doc__ or "")[0] + "\n"
        functions = [
            (key, one)
            for key, one in vars(value).items()
            if inspect.isfunction(one) and one.__module__ == value.__name__ and key[0] != "_"
        ]
        for key, function in functions:
            yield signature(f"ft.{name}.{key}", function)
            yield paragraphs(inspect.getdoc(function) or "")[0] + "\n"
    elif isinstance(value, str):
        yield f"`{value!r}`. {constant_doc(name)}\n"
    elif inspect.isclass(value):
        if "__init__" in vars(value):
            yield signature(name, value)
        yield from docstring(value)
    else:
        yield signature(f"ft.{name}", value)
        yield from docstring(value)


def signature(name: str, value: Any) -> str:
    """A fenced signature, an argument a line where it is long."""
    found = inspect.signature(value)
    parts = [argument(one) for one in found.parameters.values()]
    keyword_only = [one.kind is one.KEYWORD_ONLY for one in found.parameters.values()]
    if any(keyword_only):
        parts.insert(keyword_only.index(True), "*")
    returns = "" if inspect.isclass(value) else f" -> {found.return_annotation}"
    text = f"{name}({', '.join(parts)}){returns}"
    if len(text) > 90:
        text = f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"
    return f"```{{.python .norun}}\n{text}\n```\n"


def argument(one: inspect.Parameter) -> str:
    """An argument as it is written in a signature."""
    text = "*" * (one.kind is one.VAR_POSITIONAL) + "**" * (one.kind is one.VAR_KEYWORD)
    text += f"{one.name}: {one.annotation}"
    if one.default is one.empty:
        return text
    made = type(one.default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS"
    return f"{text} = {'...' if made else repr(one.default)}"


def docstring(value: Any) -> Iterator[str]:
    """A docstring in Google's style as Markdown."""
    for part in paragraphs(inspect.getdoc(value) or ""):
        head, _, body = part.partition("\n")
        if head in ("Args:", "Attributes:", "Raises:"):
            yield f"{head}\n"
            entries = re.split(r"\n(?=\S)", textwrap.dedent(body))
            for entry in entries:
                key, _, what = entry.partition(":")
                yield f"- `{key}`: {' '.join(what.split())}"
            yield ""
        elif head == "Returns:":
            yield f"Returns: {' '.join(body.split())}\n"
        else:
            yield code(part) + "\n"


def constant_doc(name: str) -> str:
    """The text that stands below a constant in the source."""
    source = inspect.getsource(importlib.import_module("ft.contract.schema"))
    found = re.search(rf'^{name} = .*\n"""([^"]*)"""', source, re.MULTILINE)
    return code(" ".join(found[1].split())) if found else ""


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a docstring, marked up as Markdown."""
    return [code(part) for part in re.split(r"\n\n+", text.strip())]


def code(text: str) -> str:
    """Double backticks as single ones."""
    return text.replace("``", "`")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; nothing where there are no rows."""
    if not rows:
        return
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for one in rows:
        yield "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in one) + " |"
    yield ""


PAGES = tuple(REFERENCE / name for name in ("command-line.md", "settings.md", "api.md"))

if __name__ == "__main__":
    for page in PAGES:
        page.write_text(write(page), encoding="utf-8")
