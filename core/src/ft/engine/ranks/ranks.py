"""The processes of one run, and what they tell each other.

A rank is one process. Every rank runs the same code over its share of the work; the main one, rank
0, alone speaks and writes. With one process all of this does nothing.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import torch
from torch import Tensor, nn
from torch import distributed as dist

from ft.contract.errors import TOLD_ELSEWHERE, Interrupted, PluginError
from ft.engine.ranks.heartbeat import FAILED, Watch

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch._C._distributed_c10d import Store

T = TypeVar("T")

PATIENCE = timedelta(minutes=30)
"""How long one collective operation may take; that a process is lost is noticed much earlier."""

POLL = 0.05
"""Seconds between two looks at whether the main process is done."""

MAIN_SPEAKS = 1.0
"""Seconds that the main process has to be the one that tells of an error that all have."""

LAST_WORDS = 5.0
"""Seconds that the main process gives the others to end before it does."""


class Ranks:
    """The processes of a run as one of them sees them; alone unless `joined` made it.

    Attributes:
        index: of this process, from 0.
        count: of processes.
        way_on: how to go on after a failure, for messages.
    """

    def __init__(self, index: int = 0, count: int = 1) -> None:
        self.index = index
        self.count = count
        self.way_on = "start the run again"
        self._objects: Any = None
        self._store: Store | None = None
        self._watch: Watch | None = None
        self._turn = 0
        self._lost = False
        self._apart = False

    @property
    def main(self) -> bool:
        """Whether this is the process that speaks and writes."""
        return self.index == 0

    def join(self) -> None:
        """Set up what the processes share beside torch's default group."""
        # Objects go through the host's memory, whatever the gradients go through.
        self._objects = dist.new_group(backend="gloo", timeout=PATIENCE)
        token = [uuid4().hex]
        dist.broadcast_object_list(token, 0, group=self._objects)
        self._store = _store(token[0])
        self._watch = Watch(_store(token[0]), self.index, self.count, lambda: self.way_on)
        self._watch.start()

    def gather(self, value: T) -> list[T]:
        """What every process gave, in order."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        with self._together():
            dist.all_gather_object(values, value, group=self._objects)
        return values

    def from_main(self, make: Callable[[], T]) -> T:
        """What the main process makes, on all of them."""
        if self.count == 1:
            return make()
        values = [make() if self.main else None]
        with self._together():
            dist.broadcast_object_list(values, 0, group=self._objects)
        return values[0]  # type: ignore[return-value]

    def alone(self, make: Callable[[], T]) -> T:
        """What the main process makes while the others wait, so that it can ask nothing of them."""
        if self.count == 1:
            return make()
        made: Any = None
        if self.main:
            self._apart = True
            try:
                made = make()
            finally:
                self._apart = False
        return self.from_main(lambda: made)  # type: ignore[no-any-return]

    def sum(self, tensor: Tensor) -> None:
        """Add up a tensor over the processes, in place, to the same bits on all of them."""
        with self._together():
            dist.all_reduce(tensor)

    def equalise(self, model: nn.Module) -> None:
        """Give every process the weights and buffers of the main one."""
        if self.count == 1:
            return
        with torch.no_grad(), self._together():
            for value in [*model.parameters(), *model.buffers()]:
                dist.broadcast(value.detach(), 0)

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """The main process does something, however long it takes; then the others do it."""
        self._turn += 1
        key = f"turn/{self._turn}"
        if not self.main:
            self._await([key])
        yield
        if self.main and self._store is not None:
            self._store.set(key, "done")

    def wait_for_main(self) -> None:
        """Go on when the main process has come here."""
        with self.main_first():
            pass

    def share(self, values: Sequence[T]) -> Sequence[T]:
        """This process's share of what all of them work on together; see `merge`."""
        return values if self.count == 1 else values[self.index :: self.count]

    def merge(self, values: Sequence[T]) -> list[T]:
        """The results for all the shares, in the order of the whole."""
        if self.count == 1:
            return list(values)
        shares = self.gather(list(values))
        whole: list[Any] = [None] * sum(map(len, shares))
        for index, one in enumerate(shares):
            whole[index :: self.count] = one
        return whole

    def _await(self, keys: list[str]) -> None:
        assert self._store is not None
        with self._together():
            while not self._store.check(keys):
                if self._store.check([FAILED]):
                    raise RuntimeError
                time.sleep(POLL)

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Say it in words where another process cannot be reached, or is not asked."""
        if self._apart:
            raise PluginError(
                "a hook that the main process calls alone asked for what all processes do together",
                hint="predict or score in on_epoch_start, which all of them call, and keep the result",
            )
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            assert self._watch is not None
            self._lost = True
            # The one that failed says why before it closes its connections.
            self._watch.reason = self._watch.reason or self._why()
            raise self._watch.error() from error

    def _why(self) -> str:
        try:
            assert self._store is not None
            known = self._store.check([FAILED])
            return self._store.get(FAILED).decode() if known else ""
        except RuntimeError:
            return ""

    def finish(self) -> None:
        """End together, so that nobody takes for lost who is done."""
        if self._store is None or self._watch is None:
            return
        try:
            self._store.set(f"end/{self.index}", "done")
            ends = [f"end/{index}" for index in range(self.count)]
            while not self._store.check(ends) and not self._store.check([FAILED]):
                time.sleep(POLL)
            self._leave()
        except RuntimeError:
            pass  # nobody is there any more
        self._watch.stop()

    def end(self, error: BaseException) -> None:
        """Tell the others why this process ends, and find out who tells the user.

        Args:
            error: is marked if another process tells the user of it.
        """
        if self._store is None or self._watch is None:
            return
        if isinstance(error, Interrupted):
            # All of them end with it, after the main one has saved.
            setattr(error, TOLD_ELSEWHERE, not self.main)
            self.finish()
            return
        text = str(error) or type(error).__name__
        told = "told/" + hashlib.sha256(text.encode()).hexdigest()
        try:
            if not self._lost:
                who = f"process {self.index} of {self.count} (on {socket.gethostname()})"
                self._store.compare_set(FAILED, "", f"{who} has ended: {text.splitlines()[0]}")
            if not self.main:
                self._wait([told], MAIN_SPEAKS)
            setattr(error, TOLD_ELSEWHERE, self._store.add(told, 1) > 1)
            self._leave()
        except RuntimeError:
            pass  # nobody is there to be told
        self._watch.stop()

    def _leave(self) -> None:
        """Use the store no more; the main process, which may hold it, is the last."""
        assert self._store is not None
        assert self._watch is not None
        if not self.main:
            self._watch.stop()
            self._store.set(f"gone/{self.index}", "done")
        elif not self._lost:
            self._wait([f"gone/{index}" for index in range(1, self.count)], LAST_WORDS)

    def _wait(self, keys: list[str], seconds: float) -> None:
        """Wait until something is written in the store, but no longer than that."""
        assert self._store is not None
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._store.check(keys):
            time.sleep(POLL)


def _store(token: str) -> Store:
    """A connection of its own to what the launcher or the main process holds for all."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = dist.TCPStore(host, port, is_master=False)  # type: ignore[attr-defined]
    return dist.PrefixStore(f"ft/{token}", store)  # type: ignore[attr-defined]


@contextmanager
def joined(accelerator: Accelerator) -> Iterator[Ranks]:
    """The processes that this one works with, from the beginning of a run to its end."""
    ranks = Ranks(accelerator.process_index, accelerator.num_processes)
    if ranks.count > 1:
        ranks.join()
    try:
        yield ranks
    except BaseException as error:
        ranks.end(error)
        raise
    ranks.finish()
