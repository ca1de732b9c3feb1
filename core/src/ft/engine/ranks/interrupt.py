"""Stopping when the user asks for it: between two steps, and at once before and after them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a run: Ctrl-C, `kill`, and a terminal that was closed."""


class Interrupt:
    """The first signal asks the loop to stop after the step, a second Ctrl-C or SIGTERM stops at once.

    A closed terminal may send SIGHUP several times, so SIGHUP never stops at once.

    Attributes:
        asked: somebody asked to stop.
    """

    def __init__(self) -> None:
        self.asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> None:
        if _may_handle():
            self._previous = _handle_with(self._handle, STOPS)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        if self.asked and number != signal.SIGHUP:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP end what is done within as Ctrl-C does: locks are let go, the way on is said."""
    if not _may_handle():
        yield
        return
    previous = _handle_with(_end, (signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _handle_with(handler: Any, numbers: Sequence[int]) -> dict[int, Any]:
    """Set a handler; returns the handlers that were there before.

    SIGHUP stays ignored where the user asked for that with `nohup`.
    """
    return {
        number: signal.signal(number, handler)
        for number in numbers
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    }


def _end(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt


def _may_handle() -> bool:
    """Python lets the main thread alone set handlers."""
    return threading.current_thread() is threading.main_thread()
