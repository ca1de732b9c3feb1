"""Modules that hold plugins: importing one from a file, and the files that it is made of."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType


class _Fresh(SourceFileLoader):
    """Compiles the file as it is now: an edit within the same second counts, and no cache is
    written beside it.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_file(path: Path) -> ModuleType:
    """Run a Python file as a module of its own, known to ``sys.modules`` by a unique name.

    A file that was imported before is run anew, so a session sees what its user has edited.
    """
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = f"ft_file_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module


def search_also(folder: Path) -> None:
    """Let imports look into a folder too, after everything else.

    Behind everything installed, so that no file there can take the place of a library.
    """
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()


def source_files(module: str) -> dict[str, Path]:
    """The files that a module's behaviour comes from, by their path below their import root.

    These are the ``.py`` files of its outermost regular package, or its own file alone, and every
    local module that they import, also within functions: one that is neither ft's nor installed
    among the libraries.

    Args:
        module: dotted name of an imported module.
    """
    files = own_files(module)
    # Relative imports in these stay within their package, all of which is here.
    # ft imports itself and libraries, none of which is local.
    unread = [] if module.partition(".")[0] == "ft" else [(path, "") for path in files.values()]
    looked_up: dict[str, ModuleSpec | None] = {}
    seen: set[str] = set()
    while unread:
        for name in imported_names(*unread.pop()):
            path = None if name in seen else _local(name, looked_up)
            seen.add(name)
            if path is not None and path not in files.values():
                below, package = name.replace(".", "/"), path.name == "__init__.py"
                files[f"{below}/__init__.py" if package else f"{below}.py"] = path
                unread.append((path, name if package else name.rpartition(".")[0]))
    return files


def imported_names(path: Path, package: str = "") -> list[str]:
    """The modules that a file may import by name; none where it cannot be parsed.

    Args:
        path: the file.
        package: that relative imports start from; without one they are left out.
    """
    try:
        source = path.read_bytes()
    except OSError:
        return []
    return list(_imports(source, package))


@lru_cache(maxsize=4096)
def _imports(source: bytes, package: str) -> tuple[str, ...]:
    """Names imported by a source, which is read for every run but parsed once in a process."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (base := _base(node, package)):
            found = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            given = node.args[0].value
            named = called in ("import_module", "__import__") and isinstance(given, str)
            found = [str(given)] if named else []
        for name in found:
            parts = name.split(".")
            names.update(dict.fromkeys(".".join(parts[: k + 1]) for k in range(len(parts))))
    return tuple(name for name in names if name)


def _base(node: ast.ImportFrom, package: str) -> str:
    """The module that is imported from; empty where it is relative to an unknown package."""
    if not node.level:
        return node.module or ""
    above = package.split(".")[: package.count(".") + 2 - node.level] if package else []
    return ".".join([*above, *([node.module] if node.module else [])]) if above else ""


def _local(name: str, looked_up: dict[str, ModuleSpec | None]) -> Path | None:
    """The file of a module that is neither ft's nor a library's; ``None`` for any other.

    Args:
        name: of the module, dotted.
        looked_up: the outermost packages that are known already; new ones are added.
    """
    top = name.partition(".")[0]
    try:
        if top not in looked_up:
            looked_up[top] = _outermost(top)
        spec = looked_up[top]
        if spec is None:
            return None
        for k in range(2, name.count(".") + 2):  # the packages above it are not imported for this
            inside = spec.submodule_search_locations if spec is not None else None
            below = ".".join(name.split(".")[:k])
            spec = PathFinder.find_spec(below, list(inside)) if inside else None
    except (ImportError, ValueError):
        return None
    origin = spec.origin if spec is not None else None
    return Path(origin) if origin and origin.endswith(".py") else None


def _outermost(top: str) -> ModuleSpec | None:
    """An outermost package or module; ``None`` for ft's, a library's and those that are not there."""
    if top == "ft" or top in sys.stdlib_module_names:
        return None
    spec = importlib.util.find_spec(top)
    return None if spec is None or _is_library(spec) else spec


def _is_library(spec: ModuleSpec) -> bool:
    places = [spec.origin or "", *(spec.submodule_search_locations or ())]
    return any({"site-packages", "dist-packages"} & set(Path(place).parts) for place in places)


def own_files(module: str) -> dict[str, Path]:
    """The ``.py`` files of a module's outermost regular package, by their path there.

    A module outside any package gives its own file alone.

    Args:
        module: dotted name of an imported module.
    """
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        origin = getattr(sys.modules.get(".".join(parts[:depth])), "__file__", None)
        if origin is None:  # a namespace package has no file of its own
            continue
        path = Path(origin)
        if path.name != "__init__.py":
            return {path.name: path}
        root = path.parent.parent
        return {
            file.relative_to(root).as_posix(): file for file in sorted(path.parent.rglob("*.py"))
        }
    return {}
