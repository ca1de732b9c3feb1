"""Modules that hold plugins: importing one from a file, and the files that it is made of."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from importlib.machinery import SourceFileLoader
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
