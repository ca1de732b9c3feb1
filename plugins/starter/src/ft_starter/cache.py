"""Folders of files that are made once and then only checked."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ft import UserError, file_hash

MANIFEST = "manifest.json"


def root() -> Path:
    """Where this version's files are kept: in ``$FT_CACHE``, else in ``~/.cache/ft``."""
    from ft_starter import __version__

    cache = os.environ.get("FT_CACHE")
    base = Path(cache) if cache else Path.home() / ".cache" / "ft"
    return base / f"starter-{__version__}"


def folder(name: str, build: Callable[[Path], dict[str, int]]) -> Path:
    """The folder ``name``, made by ``build`` unless it is there and whole.

    It is made under another name and then renamed, so that it is never seen half-made; of several
    processes that make it at once, one wins and the others use its work.

    Args:
        name: of the folder.
        build: fills an empty folder and returns its counts, kept in the manifest.

    Raises:
        ft.UserError: the cache folder cannot be written.
    """
    target = root() / name
    if _whole(target):
        return target
    try:
        root().mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root()))
    except OSError as error:
        raise UserError(
            f"cannot write to the cache folder: {error.strerror}",
            where=str(root()),
            who="ft-starter",
            hint="set FT_CACHE to a folder that can be written",
        ) from error
    try:
        made = work / "new"
        made.mkdir()
        counts = build(made)
        _write_manifest(made, counts)
        _put(made, target, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _put(made: Path, target: Path, work: Path) -> None:
    """Rename ``made`` to ``target``, first moving a damaged ``target`` out of the way."""
    for attempt in range(3):
        try:
            made.rename(target)
        except OSError:
            if _whole(target):
                return
            # Damaged, or taken away by another process that is repairing it as well.
            try:
                target.rename(work / f"damaged-{attempt}")
            except FileNotFoundError:
                continue
        else:
            return
    made.rename(target)


def _write_manifest(made: Path, counts: dict[str, int]) -> None:
    files = {path.name: file_hash(path) for path in sorted(made.iterdir())}
    text = json.dumps({"sha256": files, "counts": counts}, indent=1)
    (made / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _whole(target: Path) -> bool:
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        return all(
            file_hash(target / name) == digest for name, digest in manifest["sha256"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
