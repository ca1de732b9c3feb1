"""Stopping when the user asks for it: between two steps, and at once before and after them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


class Interrupt:
    """The first Ctrl-C or SIGTERM asks the loop to stop after the step, the second stops at once.

    Attributes:
        asked: somebody asked to stop.
    """

    def __init__(self) -> None:
        self.asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> None:
        if _may_handle():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends what is done within as Ctrl-C does: locks are let go, the way on is said."""
    if not _may_handle():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _end(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt


def _may_handle() -> bool:
    """Python lets the main thread alone set handlers."""
    return threading.current_thread() is threading.main_thread()
