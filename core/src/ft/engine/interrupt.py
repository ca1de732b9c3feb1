"""Stopping between two steps when the user asks for it."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interrupt:
    """The first Ctrl-C or SIGTERM asks the loop to stop after the step, the second stops at once.

    Attributes:
        asked: somebody asked to stop.
    """

    def __init__(self) -> None:
        self.asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> None:
        # Python lets the main thread alone set handlers.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
