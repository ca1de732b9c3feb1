"""What each plugin costs: calls, time, extra passes and examples of every hook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock, local
from time import perf_counter
from typing import Any

from ft.contract.schema import TaskData

NOTED = "__ft_noted__"


@dataclass
class Cost:
    """What one hook of one plugin has cost, without what it wraps.

    *Extra* is what goes beyond one call of its `inner`: what a run without the plugin would not
    have done. So of two techniques that each double the passes, each counts those that it alone
    could save.

    Attributes:
        calls: how often it was called.
        seconds: spent in it, without its `inner`.
        forwards: extra forward passes through the model.
        backwards: backward passes that it asked `run.backward` for itself.
        examples: extra training examples (`load_data`) or features (`encode`).
    """

    calls: int = 0
    seconds: float = 0.0
    forwards: int = 0
    backwards: int = 0
    examples: int = 0


class _Frame:
    """What has happened within one call so far.

    Attributes:
        hook: which hook is called.
        own: forward passes that it makes itself.
        seconds: spent in calls inside it.
        forwards: forward passes inside it, with its own.
        first: those of the first call inside it; ``None`` before.
        inner: those of the first call of its own hook inside it, its `inner`; ``None`` before.
        backwards: backward passes asked for by this very call.
    """

    __slots__ = ("backwards", "first", "forwards", "hook", "inner", "own", "seconds")

    def __init__(self, hook: str, forwards: int) -> None:
        self.hook = hook
        self.own = forwards
        self.seconds = 0.0
        self.forwards = forwards
        self.first: int | None = None
        self.inner: int | None = None
        self.backwards = 0

    def add(self, call: _Frame) -> None:
        """Count the forward passes of a call inside this one."""
        self.forwards += call.forwards
        if self.first is None:
            self.first = call.forwards
        if self.inner is None and call.hook == self.hook:
            self.inner = call.forwards

    def extra(self) -> int:
        """The forward passes beyond its own and those of one call of its `inner`."""
        once = self.first if self.inner is None else self.inner
        return 0 if once is None else self.forwards - self.own - once


class _Thread(local):
    """The call that is under way in a thread."""

    def __init__(self) -> None:
        self.frame = _Frame("", 0)


class Ledger:
    """Calls hook implementations, keeps their costs, and names the plugin where one raises.

    Args:
        situation: says where the run is ("epoch 2, step 31"), for the note on an exception.
    """

    def __init__(self, situation: Callable[[], str]) -> None:
        self._situation = situation
        self._thread = _Thread()
        self._writing = Lock()
        self._costs: dict[tuple[str, str], Cost] = {}

    def cost(self, name: str, hook: str) -> Cost:
        """The account of one hook of plugin ``name``."""
        return self._costs.setdefault((name, hook), Cost())

    def accounted(
        self,
        owner: str,
        name: str,
        hook: str,
        function: Callable[..., Any],
        forwards: int = 0,
    ) -> Callable[..., Any]:
        """``function``, accounted for whenever it is called.

        Args:
            owner: describes the plugin to people.
            name: the plugin's name.
            hook: which hook the function implements.
            function: called with positional arguments.
            forwards: forward passes that a call makes itself.
        """
        cost = self.cost(name, hook)

        def call(*arguments: Any) -> Any:
            thread = self._thread
            outer = thread.frame
            started = perf_counter()
            frame = thread.frame = _Frame(hook, forwards)
            try:
                return function(*arguments)
            except Exception as error:
                self._note(error, f"raised by plugin {owner} in {hook}")
                raise
            finally:
                elapsed = perf_counter() - started
                thread.frame = outer
                outer.seconds += elapsed
                outer.add(frame)
                with self._writing:
                    cost.calls += 1
                    cost.seconds += elapsed - frame.seconds
                    cost.backwards += frame.backwards
                    cost.forwards += frame.extra()

        return call

    def backward(self) -> None:
        """A backward pass is made for whoever is being called."""
        self._thread.frame.backwards += 1

    def _note(self, error: Exception, text: str) -> None:
        """Say where an exception comes from, once: on its way out it passes other plugins."""
        if not getattr(error, NOTED, False):
            where = self._situation()
            error.add_note(f"{text} ({where})" if where else text)
            setattr(error, NOTED, True)

    def extra_examples(self, name: str, hook: str, results: Sequence[Any], result: Any) -> None:
        """Count what a technique around `load_data` or `encode` has added.

        Args:
            name: the plugin's name.
            hook: which of the two.
            results: what its calls of `inner` returned.
            result: what it returned itself.
        """
        if results:
            self.cost(name, hook).examples += _size(result) - _size(results[0])

    def carry(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add what a `summary` says: the costs of a run before it was resumed."""
        for row in rows:
            cost = self.cost(row["plugin"], row["hook"])
            cost.calls += row["calls"]
            cost.seconds += row["seconds"]
            cost.forwards += row["extra_forwards"]
            cost.backwards += row["extra_backwards"]
            cost.examples += row["extra_examples"]

    def summary(self) -> list[dict[str, Any]]:
        """One JSON row a plugin and hook that was called, hook by hook from the inside out."""
        return [
            {
                "plugin": plugin,
                "hook": hook,
                "calls": cost.calls,
                "seconds": round(cost.seconds, 4),
                "extra_forwards": cost.forwards,
                "extra_backwards": cost.backwards,
                "extra_examples": cost.examples,
            }
            for (plugin, hook), cost in self._costs.items()
            if cost.calls
        ]


def _size(result: Any) -> int:
    """Training examples of task data, or features of an encoded batch."""
    if isinstance(result, TaskData):
        return len(result.splits["train"]) if "train" in result.splits else 0
    return max(map(len, result.values()), default=0) if isinstance(result, Mapping) else 0
