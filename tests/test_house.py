"""The rules of the house: who imports whom, how long a file may be, what importing ft costs."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import ft

ROOT = Path(__file__).resolve().parents[1]
LINES = 400
BASE = ROOT / "core" / "src" / "ft"
CORE = sorted(BASE.rglob("*.py"))
PACKAGES = {path.parent.name: path for path in sorted((ROOT / "plugins").glob("*/src"))}
KIT = "kit"
"""Looks at what plugins do from inside, so that it alone may import more than `ft` exports."""

ROOMS = "cli builtin engine config runfolder loading page data reporters hooks contract"
"""The folders of the core: one may import what stands right of it, and nothing left of it."""

PLACE = {room: i for i, room in enumerate(ROOMS.split())} | {"api": 0, "__main__": 0}
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


def test_imports_go_from_left_to_right_and_in_no_circle() -> None:
    """Those for type checkers and those inside of functions too."""
    names = {path: ".".join(("ft", *path.relative_to(BASE).with_suffix("").parts)) for path in CORE}
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    graph: dict[str, set[str]] = {}
    for path, name in names.items():
        taken = {(module, one) for module, given in imports(path) for one in (*given, "")}
        whole = {
            f"{module}.{one}" if f"{module}.{one}" in names.values() else module
            for module, one in taken
        }
        graph[name] = {module for module in whole if module.split(".")[0] == "ft"} - {name}
        for module in graph[name] if name != "ft" else ():
            here, there = name.split(".")[1], f"{module}.".split(".")[1]
            assert PLACE[here] <= PLACE.get(there, -1), f"{path} imports {module}"
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


def test_the_core_is_seen_at_a_glance() -> None:
    there = {path.relative_to(BASE).parts[0] for path in CORE}
    assert there - set(PLACE) == {"__init__.py", "__main__.py", "api.py"}
    assert len(there) <= 14


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


def test_the_map_has_a_line_for_each_folder_and_each_distribution() -> None:
    text = (ROOT / "docs" / "explanation" / "design.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    top = ROOT / "core" / "src" / "ft"
    folders = [path.parent.relative_to(top).as_posix() for path in top.rglob("__init__.py")]
    distributions = ["ft-core", *(f"ft-{plugin}" for plugin in PACKAGES)]
    assert sorted(lines) == sorted({*folders, *distributions} - {"."})


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
