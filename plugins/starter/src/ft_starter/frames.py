"""Reads the columns of a pickled pandas data frame without running anything that it names.

A pickle may call any function. This reader knows the eleven names that such a frame needs, gives
each a stand-in of its own that only holds data, and refuses every other name.
"""

from __future__ import annotations

import io
import lzma
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from ft import DataError

Columns = dict[str, list[Any]]

_UNREADABLE = (
    pickle.UnpicklingError,
    lzma.LZMAError,
    struct.error,
    EOFError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def read(path: Path) -> Columns:
    """The columns of an xz-compressed pickled frame, as plain lists.

    Raises:
        ft.DataError: the file names anything but the parts of a data frame, or cannot be read.
    """
    try:
        frame = _Reader(io.BytesIO(lzma.decompress(path.read_bytes()))).load()
        return _columns(frame.state["_mgr"])
    except _UNREADABLE as error:
        raise DataError(
            f"not a data frame that can be read safely: {error}", where=str(path), who="ft-starter"
        ) from error


class _Held:
    """What a constructor was called with, and the state set afterwards."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Type:
    """A class that is only named."""


def _new_index(_: Any, state: dict[str, Any]) -> dict[str, Any]:
    return state


class _Reader(pickle.Unpickler):
    _KNOWN: ClassVar[dict[tuple[str, str], Callable[..., Any]]] = {
        ("pandas.core.frame", "DataFrame"): _Held,
        ("pandas.core.internals.managers", "BlockManager"): _Held,
        ("pandas._libs.internals", "_unpickle_block"): _Held,
        ("pandas.core.indexes.base", "_new_Index"): _new_index,
        ("pandas.core.indexes.base", "Index"): _Type,
        ("pandas.core.indexes.range", "RangeIndex"): _Type,
        ("numpy.core.numeric", "_frombuffer"): _Held,
        ("numpy.core.multiarray", "_reconstruct"): _Held,
        ("numpy", "dtype"): _Held,
        ("numpy", "ndarray"): _Type,
        ("builtins", "slice"): slice,
    }

    def find_class(self, module: str, name: str) -> Any:
        known = self._KNOWN.get((module, name))
        if known is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return known


def _columns(manager: _Held) -> Columns:
    blocks, axes = manager.args
    names = _array(axes[0]["data"])[0]
    columns: Columns = {}
    for block in blocks:
        values, placement, _ = block.args
        rows = _array(values)
        places = _indices(placement, len(names))
        columns |= {names[i]: row for i, row in zip(places, rows, strict=True)}
    return {name: columns[name] for name in names}


def _indices(placement: Any, count: int) -> list[int]:
    if isinstance(placement, slice):
        return list(range(count))[placement]
    return [int(i) for i in _array(placement)[0]]


def _array(array: _Held) -> list[list[Any]]:
    """The rows of an array; one of one dimension counts as one row."""
    if array.state is not None:  # an array of objects, or one pickled in full
        _, shape, dtype, _, values = array.state
        flat = values if isinstance(values, list) else _unpack(values, dtype)
    else:
        values, dtype, shape, _ = array.args
        flat = _unpack(values, dtype)
    width = shape[-1]
    return [flat[i : i + width] for i in range(0, len(flat), width)]


def _unpack(values: bytes | bytearray, dtype: _Held) -> list[Any]:
    letter = {"i8": "q", "f8": "d"}[dtype.args[0]]
    return list(struct.unpack(f"<{len(values) // 8}{letter}", values))
