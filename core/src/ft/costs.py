"""What each plugin costs: calls and time of every hook, exclusive of what it wraps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

NOTED = "__ft_noted__"


@dataclass
class Cost:
    """Calls of one hook of one plugin and the seconds spent in it, without its `inner`."""

    calls: int = 0
    seconds: float = 0.0


class Ledger:
    """Runs hook implementations, keeps their costs, and names the plugin where one raises.

    Args:
        situation: says where the run is ("epoch 2, step 31"), for the note on an exception.
    """

    def __init__(self, situation: Callable[[], str]) -> None:
        self._situation = situation
        self._nested = [0.0]
        self.costs: dict[tuple[str, str], Cost] = {}

    def call(
        self,
        owner: str,
        name: str,
        hook: str,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
    ) -> Any:
        """Call ``function`` on behalf of plugin ``name``; ``owner`` describes it to people."""
        cost = self.costs.get((name, hook))
        if cost is None:
            cost = self.costs[name, hook] = Cost()
        self._nested.append(0.0)
        started = perf_counter()
        try:
            return function(**arguments)
        except Exception as error:
            if not getattr(error, NOTED, False):
                where = self._situation()
                error.add_note(
                    f"raised by plugin {owner} in {hook}" + (f" ({where})" if where else "")
                )
                setattr(error, NOTED, True)
            raise
        finally:
            elapsed = perf_counter() - started
            inside = self._nested.pop()
            self._nested[-1] += elapsed
            cost.calls += 1
            cost.seconds += elapsed - inside

    def summary(self) -> list[dict[str, Any]]:
        """One JSON row a plugin and hook, in the order of the first call."""
        return [
            {"plugin": plugin, "hook": hook, "calls": cost.calls, "seconds": round(cost.seconds, 4)}
            for (plugin, hook), cost in self.costs.items()
        ]
