"""The rules of the house: who imports whom, how long a file may be, what importing ft costs."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import ft

ROOT = Path(__file__).resolve().parents[1]
LINES = 400
CORE = sorted((ROOT / "core" / "src").rglob("*.py"))
PACKAGES = {path.parent.name: path for path in sorted((ROOT / "plugins").glob("*/src"))}
KIT = "kit"
"""Looks at what plugins do from inside, so that it alone may import more than `ft` exports."""

HEAVY = {"torch", "transformers", "datasets", "accelerate", "pandas", "sklearn", "numpy"}


def imports(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every module that a file imports, at any depth of its code, and the names taken from it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield node.module or "", tuple(alias.name for alias in node.names)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_imports_no_plugin(path: Path) -> None:
    taken = {module for module, _ in imports(path) if module.startswith("ft_")}
    assert not taken, f"{path} imports {taken}"


@pytest.mark.parametrize("plugin", PACKAGES)
def test_a_plugin_imports_what_ft_exports_and_no_other_plugin(plugin: str) -> None:
    own = f"ft_{plugin}"
    for path in PACKAGES[plugin].rglob("*.py"):
        for module, names in imports(path):
            top = module.split(".")[0]
            assert not top.startswith("ft_") or top == own, f"{path} imports {module}"
            if top == "ft" and plugin != KIT:
                assert module == "ft", f"{path} imports {module}, which is not the public API"
                private = set(names) - set(ft.__all__)
                assert not private, f"{path} imports {private}, which ft does not export"


@pytest.mark.parametrize("plugin", PACKAGES)
def test_a_plugin_is_a_distribution_with_a_card_and_types(plugin: str) -> None:
    folder = ROOT / "plugins" / plugin
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == f"ft-{plugin}"
    assert project["license"] == "Apache-2.0"
    assert any(need.startswith("ft-core") for need in project["dependencies"])
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# ")
    assert (folder / "src" / f"ft_{plugin}" / "py.typed").is_file()
    assert f"-e ./plugins/{plugin}" in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_no_source_file_is_too_long() -> None:
    sources = [*CORE, *(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))]
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources
    }
    assert {path: lines for path, lines in lengths.items() if lines > LINES} == {}


def test_importing_ft_loads_nothing_heavy() -> None:
    code = f"import sys, ft; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_requirement_files_name_no_host() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        entries = [line for line in lines if line and not line.startswith("#")]
        assert entries
        assert not [
            line for line in entries if "://" in line or line.startswith(("--", "-i", "-f"))
        ]


def test_every_constraint_is_an_exact_public_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert not [line for line in pins if line.count("==") != 1 or "+" in line]
