"""Noticing that another process of the run has ended, and saying so, wherever this one waits.

A process that waits for a collective operation hears of a closed connection at once, but not of a
machine that has vanished, nor of a process that stopped at an error and lives on. So each process
gives a sign of life every few seconds, and ends when another one has not done so for a while.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ft.contract.errors import EXIT_FAILED, TrainingError

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

BEAT = 2.0
"""Seconds between two signs of life."""

SILENCE = 25.0
"""Seconds without one after which a process counts as lost."""

GRACE = 10.0
"""Seconds that a process has to end by itself once another one has failed."""

FAILED = "failed"


class Watch:
    """Signs of life of one process, and the look-out for those of the others.

    Args:
        store: what the processes share; used by this watch alone.
        index: of this process.
        count: of processes.
        way_on: says how to go on after a failure.
        end: ends this process at once.
    """

    def __init__(
        self,
        store: Store,
        index: int,
        count: int,
        way_on: Callable[[], str],
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._store = store
        self._index, self._count = index, count
        self._way_on = way_on
        self._end = end
        self._over = threading.Event()
        now = time.monotonic()
        self._heard = {other: now for other in range(count) if other != index}
        self._failed_at: float | None = None
        self.reason = ""
        self._threads = [
            threading.Thread(target=target, name=f"ft-{target.__name__}", daemon=True)
            for target in (self._listen, self._judge)
        ]

    def start(self) -> None:
        """Begin; every process of the run must."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No more signs of life are given or expected."""
        self._over.set()
        for thread in self._threads:
            thread.join(BEAT)

    def error(self) -> TrainingError:
        """What to raise where another process cannot be reached."""
        return TrainingError(
            self.reason or "another process of this run has ended, or cannot be reached",
            hint=f"see what it said itself; {self._way_on()}",
        )

    def _listen(self) -> None:
        # A thread of its own: a call of the store may hang for minutes when a machine is gone.
        beats: dict[int, bytes] = {}
        number = 0
        try:
            while not self._over.is_set():
                number += 1
                self._store.set(f"beat/{self._index}", str(number))
                keys = {f"beat/{other}": other for other in self._heard}
                if self._store.check(list(keys)):  # all have begun
                    found = self._store.multi_get(list(keys))
                    for other, beat in zip(keys.values(), found, strict=True):
                        if beats.get(other) != beat:
                            beats[other], self._heard[other] = beat, time.monotonic()
                if self._failed_at is None and self._store.check([FAILED]):
                    self.reason = self._store.get(FAILED).decode()
                    self._failed_at = time.monotonic()
                self._over.wait(BEAT)
        except RuntimeError:
            # The store went down with the process or the launcher that held it.
            if not self._over.is_set() and self._failed_at is None:
                self._failed_at = time.monotonic()

    def _judge(self) -> None:
        while not self._over.wait(BEAT):
            now = time.monotonic()
            silent = [other for other, heard in self._heard.items() if now - heard > SILENCE]
            if silent and not self.reason:
                names = ", ".join(map(str, silent))
                self.reason = (
                    f"process {names} of {self._count} (counted from 0) has not been heard of for "
                    f"{SILENCE:.0f} s"
                )
            failed = self._failed_at is not None and now - self._failed_at > GRACE
            if (silent or failed) and not self._over.is_set():
                # The main thread may be waiting where no exception reaches it.
                print(f"error: {self.error()}", file=sys.stderr, flush=True)
                self._end(EXIT_FAILED)
                return
