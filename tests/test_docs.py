"""The docs hold what they say: hooks with their signatures, navigation, code that runs."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from ft import hookspecs

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
HOOKS = {
    name: spec
    for name, spec in vars(hookspecs).items()
    if callable(spec) and hasattr(spec, "ft_kind")
}
FENCE = re.compile(r"^( *)```python *\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


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


@pytest.mark.parametrize(
    "page", [page for page in PAGES if FENCE.search(page.read_text(encoding="utf-8"))], ids=title
)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after another, in one module and an empty folder.

    A block fenced as ``{.python .norun}`` is left out.
    """
    module = ModuleType("docs_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    for block in FENCE.finditer(text):
        before = text.count("\n", 0, block.start(2))
        code = "\n" * before + textwrap.dedent(block.group(2))
        exec(compile(code, str(page), "exec"), vars(module))


def test_the_readme_has_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(
        r"^<!-- command: (\w+) -->\n```sh\n(.*)\n```\n<!-- end -->$", text, re.MULTILINE
    )
    assert [name for name, _ in commands] == ["run", "test"]
    assert all(command.startswith("python3 -m venv .venv && ") for _, command in commands)


def test_the_linters_of_ci_use_the_readmes_environment() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "command: test" in script
    for tool in ("ruff check", "ruff format --check", "mypy", "mkdocs build --strict"):
        assert f"run .venv/bin/{tool}" in script
