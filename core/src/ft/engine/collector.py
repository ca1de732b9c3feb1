"""Python's collector of garbage, which searches all objects of the process again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Search for no garbage meanwhile.

    For work that makes many small objects and soon lets them go: each search would look through all
    that torch and transformers hold, which takes longer than a forward pass.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
