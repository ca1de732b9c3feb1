"""What the readers read, kept as Arrow files on disk and memory-mapped from there.

An entry is a folder ``<key>/`` with ``rows.arrow`` (an Arrow stream), ``bad.jsonl`` (the rows set
aside) and ``meta.json`` (counts, notes and the hashes of the other two). The key is a hash of the
source's content and of everything that decides how it is read, so an entry is never out of date;
it is written under another name and renamed, so it is never half there; and it is checked at
every use, so a damaged one is built anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ft.contract.errors import UserError
from ft.contract.files import PARTIAL, file_hash
from ft.data.rows.bad import Sink
from ft.data.rows.entry import BAD, ROWS, Entry

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 4
"""Raised whenever a reader reads differently, so that no old entry is used."""

UNUSED_DAYS = 30
_META, _BUILDING = "meta.json", "building-"


def cache_folder(part: str) -> Path:
    """A folder of the cache, made if it is not there: in ``$FT_CACHE``, else in ``~/.cache/ft``.

    Args:
        part: what the folder holds, such as ``data``.

    Raises:
        UserError: it cannot be made, or other users could put files there, which a run would read.
    """
    given = os.environ.get("FT_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    root = Path(given or Path(base) / "ft").expanduser()
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        for folder in (root, root / part):
            folder.mkdir(exist_ok=True, mode=0o700)
            about = folder.stat()
            if about.st_mode & 0o022 or about.st_uid not in (0, os.geteuid()):
                raise UserError(
                    "other users can write to the cache, and a run reads from it what they put there",
                    where=str(folder),
                    hint=f"set FT_CACHE to a folder of your own, or `chmod go-w {folder}`",
                )
    except OSError as error:
        raise _unwritable(root, error) from error
    return root / part


def make_key(*parts: object) -> str:
    """A key of everything that decides what an entry holds; ``parts`` are JSON values."""
    text = json.dumps([VERSION, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def cached(key: str, build: Callable[[Sink], Iterator[pa.RecordBatch]]) -> Entry:
    """The entry of a key, built if it is not there or is damaged.

    Args:
        key: see `make_key`.
        build: yields the rows in batches of one schema, at least one batch, and reports rows that
            it cannot read to the sink.

    Raises:
        UserError: the cache folder cannot be written.
        FtError: whatever ``build`` finds wrong; nothing is kept then.
    """
    base = cache_folder("data")
    entry = _open(base / key)
    if entry is None:
        damaged = (base / key).exists()
        try:
            prune(base)
            building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=base))
        except OSError as error:
            raise _unwritable(base, error) from error
        try:
            _write(building, base, build)
            entry = _settle(building, base / key)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        if damaged:
            note = "what was kept of it in the cache is damaged; it was read anew"
            entry = replace(entry, notes=(*entry.notes, note))
    return entry


def _write(building: Path, base: Path, build: Callable[[Sink], Iterator[pa.RecordBatch]]) -> None:
    try:
        with (building / BAD).open("w", encoding="utf-8") as bad:
            sink = Sink(bad)
            _write_arrow(building / ROWS, build(sink), sink)
        meta = {
            "rows": sink.rows,
            "bad": sink.bad,
            "notes": sink.notes,
            "columns": sink.columns,
            "left_out": dict(sink.left_out),
            "layout": sink.layout,
            "unit": sink.unit,
            "sha256": {name: file_hash(building / name) for name in (ROWS, BAD)},
        }
        (building / _META).write_text(json.dumps(meta), encoding="utf-8")
    except OSError as error:
        raise _unwritable(base, error) from error


def _write_arrow(path: Path, batches: Iterator[pa.RecordBatch], sink: Sink) -> None:
    import pyarrow as pa

    first = next(batches)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, first.schema) as writer:
        batch = first
        while batch is not None:
            if batch.num_rows:
                writer.write_batch(batch)
                sink.read(batch.num_rows)
            batch = next(batches, None)


def _open(folder: Path) -> Entry | None:
    """The entry in a folder, ``None`` if there is none or anything about it is not as written."""
    try:
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        whole = all(file_hash(folder / name) == meta["sha256"][name] for name in (ROWS, BAD))
        about = {name: meta[name] for name in ("columns", "left_out", "layout", "unit")}
        entry = Entry(folder, meta["rows"], meta["bad"], tuple(meta["notes"]), **about)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not whole:
        return None
    with contextlib.suppress(OSError):  # a read-only cache serves as well
        os.utime(folder)  # for `prune`
    return entry


def _settle(building: Path, folder: Path) -> Entry:
    """Give a finished entry its name; of several processes that built it, the first one wins."""
    for _ in range(3):
        try:
            building.rename(folder)
        except OSError as error:
            if not folder.exists():
                raise _unwritable(folder.parent, error) from error
        entry = _open(folder)
        if entry is not None:
            return entry
        shutil.rmtree(folder, ignore_errors=True)  # what is there is damaged
    raise UserError(
        "an entry of the cache cannot be replaced",
        where=str(folder),
        hint="remove the folder, or set FT_CACHE to another",
    )


def prune(base: Path) -> None:
    """Remove what no run used for a month, and what a killed one left half built."""
    now = time.time()
    for path in base.iterdir():
        half = path.name.startswith(_BUILDING) or path.suffix == PARTIAL
        try:
            if now - path.stat().st_mtime <= (1 if half else UNUSED_DAYS) * 86400:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        except OSError:
            continue  # another process was quicker


def _unwritable(base: Path, error: OSError) -> UserError:
    return UserError(
        f"the cache cannot be written: {error.strerror or error}",
        where=str(base),
        hint="make room there, or set FT_CACHE to a folder on another disk",
    )
