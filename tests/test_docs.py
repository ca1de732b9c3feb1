"""The docs hold what they say: hooks with their signatures, navigation, code that runs."""

from __future__ import annotations

import inspect
import re
import runpy
import shlex
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml

from ft.contract import hookspecs

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
HOOKS = {
    name: spec
    for name, spec in vars(hookspecs).items()
    if callable(spec) and hasattr(spec, "ft_kind")
}
FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, the file that it shows, its first line, its text."""

    language: str
    title: str
    line: int
    text: str


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that name a language."""
    source = page.read_text(encoding="utf-8")
    found = []
    for fence in FENCE.finditer(source):
        info = re.fullmatch(r'(\w+)(?: title="([^"]+)")?', fence[2].strip())
        if info:
            line = source.count("\n", 0, fence.start(3))
            found.append(Block(info[1], info[2] or "", line, textwrap.dedent(fence[3])))
    return found


def commands(text: str) -> Iterator[list[str]]:
    """The commands in a block of `sh`, each as its words up to a pipe or a redirection.

    A variable of the shell stands as 0, which any setting takes.
    """
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub(r"\$\w+", "0", line), comments=True)
        ends = [words.index(mark) for mark in ("|", ">", "<") if mark in words]
        if words:
            yield words[: min(ends, default=len(words))]


def title(page: Path) -> str:
    return str(page.relative_to(DOCS))


def pages_of(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for child in entry.values() if isinstance(entry, dict) else entry:
            yield from pages_of(child)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_page_with_its_signature(hook: str) -> None:
    page = DOCS / "reference" / "hooks" / f"{hook}.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    arguments = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    assert lines[0] == f"# {hook}"
    assert f"`{hook}({arguments})`" in lines
    kind, since = HOOKS[hook].ft_kind, HOOKS[hook].ft_versionadded
    assert f"{kind.capitalize()} hook, since {since}." in lines
    assert "## Example" in lines


def test_every_hook_page_is_of_a_hook() -> None:
    pages = {page.stem for page in (DOCS / "reference" / "hooks").glob("*.md")}
    assert pages - {"index"} == set(HOOKS)


def test_every_page_is_in_the_navigation_once() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(pages_of(settings["nav"])) == sorted(
        page.relative_to(DOCS).as_posix() for page in PAGES
    )


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(page.name[:4]) for page in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=title)
def test_what_a_page_shows_works(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of a page, one after another, in an empty folder.

    A block with a title is written to the file of that name. Other Python blocks run, all in one
    module. In blocks of ``sh``, `ft` commands run on the pages of the tutorial, with a tiny model in
    place of the starter's; elsewhere their plugins, settings and options must exist. A block fenced
    as ``{.python .norun}`` is left out.
    """
    module = ModuleType("docs_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    trains = page.parent.name == "tutorial"
    if trains:
        offer_starter(page, tmp_path, monkeypatch)
    for block in blocks(page):
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            code = "\n" * block.line + block.text
            exec(compile(code, str(page), "exec"), vars(module))
        elif block.language == "sh":
            for command in commands(block.text):
                run_command(command) if trains else check_command(command)


def offer_starter(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a starter, in place of all others, whose model knows the words of a page."""
    from ft.loading import installed, starters
    from ft_kit import tiny_bert

    words = re.findall(r"[a-z]+", page.read_text(encoding="utf-8").lower())
    model = tiny_bert(folder / ".tiny", words)
    place = ModuleType("tiny_starter")
    vars(place)["model"] = lambda: model
    monkeypatch.setitem(sys.modules, place.__name__, place)
    tiny = installed.Installed("model", "tiny", "1.0", "", "tiny_starter:model")

    def offered(group: str = installed.PLUGINS) -> list[installed.Installed]:
        return [tiny] if group == starters.GROUP else installed.installed(group)

    monkeypatch.setattr(starters, "installed", offered)


def run_command(words: list[str]) -> None:
    """Run a command of the tutorial: `ft` itself, or a file that the page has written."""
    from ft.cli.main import main

    if words[0] == "python":
        runpy.run_path(words[1], run_name="__main__")
    elif words[0] == "ft":
        assert main(words[1:]) == 0, shlex.join(words)


def check_command(words: list[str]) -> None:
    """Check that the plugins, settings and options of a command exist."""
    from ft.cli.main import app, main

    if words[0] != "ft":
        return
    if words[1:2] == ["run"] and "--resume" not in words:
        assert main([*words[1:], "--explain"]) == 0, shlex.join(words)
        return
    rest = words[1:]
    command: Any = typer.main.get_command(app)
    context = None
    while hasattr(command, "resolve_command") and rest:
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
        _, command, rest = command.resolve_command(context, rest)
    command.make_context(command.name, rest, parent=context)


def test_the_readme_has_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(
        r"^<!-- command: (\w+) -->\n```sh\n(.*)\n```\n<!-- end -->$", text, re.MULTILINE
    )
    assert [name for name, _ in commands] == ["run", "test"]
    assert all(command.startswith("python3 -m venv .venv && ") for _, command in commands)


def test_the_readmes_plugin_is_that_of_the_tutorial() -> None:
    (plugin,) = [one.text for one in blocks(ROOT / "README.md") if one.language == "python"]
    assert plugin in [one.text for one in blocks(DOCS / "tutorial" / "own-plugin.md")]
    assert 15 <= len(plugin.strip().splitlines()) <= 18


CARDS = [ROOT / "core" / "README.md", *sorted(ROOT.glob("plugins/*/README.md"))]


@pytest.mark.parametrize("page", [ROOT / "README.md", *CARDS], ids=lambda page: page.parent.name)
def test_links_of_a_card_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def test_the_linters_of_ci_use_the_readmes_environment() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "command: test" in script
    for tool in ("ruff check", "ruff format --check", "mypy", "mkdocs build --strict"):
        assert f"run .venv/bin/{tool}" in script
