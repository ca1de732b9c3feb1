"""Which hook of which plugin ran when, as a Chrome trace that a browser opens.

The file is a JSON array of complete events, which ``chrome://tracing`` and Perfetto read.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from ft.contract.errors import UserError

MOST = 500_000
"""Events in a file at most, some 70 MB: what a browser opens with ease."""

_BUFFER = 1 << 16


class Trace:
    """A trace file, written as the run goes.

    A run that dies leaves a file without its last bracket, which the viewers read all the same.

    Args:
        path: the file; one that is there is replaced.
        where: says where the run is, such as ``{"epoch": 2, "step": 31}``.
        most: events that are written; later ones are counted only.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, path: Path, where: Callable[[], Mapping[str, int]], most: int = MOST):
        self.path = path
        self.written = 0
        self.left_out = 0
        self.fault: OSError | None = None
        self._where = where
        self._most = most
        self._ids = {"pid": os.getpid(), "tid": threading.get_native_id()}
        self._origin = perf_counter_ns()
        try:
            self._file = path.open("w", encoding="utf-8", buffering=_BUFFER)
        except OSError as error:
            raise UserError(
                f"the trace cannot be written: {error.strerror or error}",
                where=f"--trace {path}",
                hint="name a file in a folder that is there",
            ) from error
        about = {"name": "process_name", "ph": "M", **self._ids, "args": {"name": "ft run"}}
        self._put("[\n" + json.dumps(about))

    def around(self, function: Callable[..., Any], plugin: str, hook: str) -> Callable[..., Any]:
        """``function``, with an event for every call of it."""
        name = f"{plugin} {hook}"

        def call(*arguments: Any) -> Any:
            began = perf_counter_ns()
            try:
                return function(*arguments)
            finally:
                self._event(name, hook, began, perf_counter_ns())

        return call

    def _event(self, name: str, hook: str, began: int, ended: int) -> None:
        if self.written >= self._most or self.fault is not None:
            self.left_out += 1
            return
        event = {
            "name": name,
            "cat": hook,
            "ph": "X",
            "ts": (began - self._origin) / 1000,
            "dur": (ended - began) / 1000,
            **self._ids,
            "args": dict(self._where()),
        }
        self._put(",\n" + json.dumps(event))
        self.written += 1

    def _put(self, text: str) -> None:
        try:
            self._file.write(text)
        except OSError as error:  # a full disk ends the trace, not the run
            self.fault = error

    def close(self) -> str:
        """Finish the file.

        Returns:
            What there is to say of it, one sentence.
        """
        self._put("\n]\n")
        try:
            self._file.close()
        except OSError as error:
            self.fault = self.fault or error
        said = f"the trace of {self.written:,} hook calls is in {self.path}"
        if self.fault is not None:
            said += f", broken off: {self.fault.strerror or self.fault}"
        elif self.left_out:
            said += f"; it holds no more than that, and {self.left_out:,} later calls are left out"
        return said
