"""Weights that lie in a file which is mapped into memory, as a model that was just loaded has them.

A page of the file takes memory once it is read, and becomes the process's own once it is written to. Saving, comparing or
hashing a model reads all of it, also what training never does: most rows of a table of embeddings, and weights that
stand still and are kept in another format.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

PAGES = Path("/proc/self/pagemap")
"""Linux' table of this process's pages, a number of 8 bytes each."""

PRESENT, OF_FILE = 1 << 63, 1 << 61
"""Bits of that number: the page is in memory; it is a file's, so nobody has written to it here."""


def give_back(tensors: Iterable[Tensor]) -> None:
    """Give the pages of files that tensors lie in back to the system, which reads them again where they are needed.

    No value changes: pages that were written to stay. On other systems than Linux nothing happens.

    Args:
        tensors: that nobody writes to meanwhile.
    """
    advise = _advise()
    if advise is None:
        return
    try:
        with PAGES.open("rb", buffering=0) as table:
            for tensor in tensors:
                for begin, size in _pages(tensor, table):
                    advise(begin, size, mmap.MADV_DONTNEED)
    except OSError:  # no such table here, or it may not be read
        return


def _pages(tensor: Tensor, table: Any) -> list[tuple[int, int]]:
    """Address and size of each run of pages that are a file's and lie within a tensor."""
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        return []
    size = mmap.PAGESIZE
    first = -(-tensor.data_ptr() // size)
    count = (tensor.data_ptr() + tensor.nbytes) // size - first
    if count <= 0:
        return []
    table.seek(8 * first)
    about = np.frombuffer(table.read(8 * count), dtype=np.uint64)
    ours = (about & np.uint64(PRESENT | OF_FILE)) == np.uint64(PRESENT | OF_FILE)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ours, [False]])))
    return [
        ((first + int(begin)) * size, int(end - begin) * size)
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
    ]


@cache
def _advise() -> Any:
    """The system's `madvise`; ``None`` where it or the table of pages is missing."""
    if not PAGES.exists() or not hasattr(mmap, "MADV_DONTNEED"):
        return None
    found = ctypes.CDLL(None, use_errno=True).madvise
    found.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return found
