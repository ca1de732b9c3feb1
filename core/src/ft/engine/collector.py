"""Python's collector of garbage, which searches all objects of the process again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 20_000
"""New objects after which a search is worth its time beside all that torch and transformers hold."""


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


@contextmanager
def rarely() -> Iterator[None]:
    """Search for garbage more rarely meanwhile: by itself Python does so after every 700 new objects.

    For work that imports libraries, whose objects stay: each search goes through all of them.
    """
    before = gc.get_threshold()
    if before[0]:  # 0: never
        gc.set_threshold(max(before[0], OBJECTS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
