"""Folders of tensors that are there whole or not at all, and that notice when they are damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ft.contract.errors import TrainingError
from ft.contract.files import PARTIAL, file_hash, flush, remove
from ft.runfolder.folder import parse

COMPLETE = "complete.json"
STATE = "state.json"
PART = 1 << 20
"""Numbers of a tensor that are read at a time."""
LARGEST_ABOUT = 1_000_000
"""Bytes of the list of files, which is read before anything else of a folder is known."""


def write_folder(
    folder: Path,
    tensors: Mapping[str, Mapping[str, Tensor]],
    state: Any,
    about: Mapping[str, Any],
    hint: str,
) -> None:
    """Write files of tensors and a JSON state beside them as one folder.

    The folder is made under another name, flushed to the disk, and renamed. What stood there
    before is moved aside until then; `recover` brings it back if the process ends between the two.

    Args:
        folder: where.
        tensors: by file name.
        state: JSON values.
        about: JSON values that `read_about` gives without reading the state.
        hint: what to tell the user to do if it fails.

    Raises:
        TrainingError: the disk is full or not writable; what was there before is untouched.
    """
    partial, old = _partial(folder), _old(folder)
    try:
        remove(partial)
        partial.mkdir(parents=True)
        for name, values in tensors.items():
            save_file({key: value.contiguous() for key, value in values.items()}, partial / name)
            (partial / name).chmod(partial.stat().st_mode & 0o666)
        (partial / STATE).write_text(json.dumps(state))
        files = {path.name: digest(path) for path in sorted(partial.iterdir())}
        (partial / COMPLETE).write_text(json.dumps({"files": files, **about}))
        for path in [*partial.iterdir(), partial]:
            flush(path)
        if folder.exists():
            remove(old)
            folder.rename(old)
        partial.rename(folder)
        flush(folder.parent)
        remove(old)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise TrainingError(
            f"cannot write the checkpoint: {error}", where=str(folder), hint=hint
        ) from error


def recover(parent: Path) -> None:
    """Bring back what `write_folder` had moved aside when the process ended, delete the unfinished."""
    for partial in parent.glob(f".*{PARTIAL}"):
        remove(partial)
    for old in parent.glob(".*.old"):
        folder = parent / old.name[1 : -len(".old")]
        if folder.exists():
            remove(old)
        else:
            old.rename(folder)


def damage(folder: Path) -> str | None:
    """What is wrong with a folder, or ``None`` if it is complete and unchanged."""
    try:
        files = read_about(folder)["files"]
        expected = {name: (row["bytes"], row["sha256"]) for name, row in files.items()}
    except FileNotFoundError:
        return "it was not finished" if folder.exists() else "it is not there"
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return f"{COMPLETE} cannot be read ({type(error).__name__}: {error})"
    if STATE not in expected:
        return f"{COMPLETE} does not name {STATE}"
    for name, wanted in expected.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            return f"{name} is missing"
        found = digest(path)
        if (found["bytes"], found["sha256"]) != wanted:
            return f"{name} is damaged"
    return None


def read_about(folder: Path) -> Any:
    """What `write_folder` was told about a folder, and the list of its files.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or far larger than ft writes it.
    """
    with (folder / COMPLETE).open("rb") as stream:
        text = stream.read(LARGEST_ABOUT + 1)
    if len(text) > LARGEST_ABOUT:
        raise ValueError("it is too large")
    return parse(text)


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """One file of tensors.

    Raises:
        TrainingError: it cannot be read.
    """
    with _reading(folder / name):
        return load_file(folder / name)


class TensorFile:
    """A file of tensors that is read a part at a time: no more than a part is in memory.

    Args:
        folder: where it is.
        name: of the file.

    Attributes:
        shapes: of the tensors, by name.

    Raises:
        TrainingError: it cannot be read.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        with _reading(self._path), safe_open(self._path, "pt") as stream:
            keys = stream.keys()
            self.shapes = {key: list(stream.get_slice(key).get_shape()) for key in keys}

    def parts(self, key: str) -> Iterator[tuple[Any, Tensor]]:
        """The rows of a tensor, on the CPU: where some of them are, and what they hold.

        Raises:
            TrainingError: they cannot be read.
        """
        rows, *others = self.shapes[key] or [1]
        step = max(1, PART // max(1, prod(others)))
        places = [...] if rows <= step else [slice(i, i + step) for i in range(0, rows, step)]
        for place in places:
            # The pages of a file that is mapped stay in memory until it is closed.
            with _reading(self._path), safe_open(self._path, "pt") as stream:
                found = stream.get_tensor(key) if place is ... else stream.get_slice(key)[place]
            yield place, found


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"the checkpoint cannot be read: {error}", where=str(path)) from error


def read_state(folder: Path) -> Any:
    """The JSON state.

    Raises:
        TrainingError: it cannot be read.
    """
    try:
        return parse((folder / STATE).read_bytes())
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"the checkpoint cannot be read: {error}", where=str(folder / STATE)
        ) from error


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{PARTIAL}")


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def digest(path: Path) -> dict[str, Any]:
    """Size in bytes and SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": file_hash(path)}
