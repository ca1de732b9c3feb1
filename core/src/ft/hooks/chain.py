"""Composition: one provider, wrapped by techniques, folded into one callable; the members of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from ft.contract.hookspecs import INNER
from ft.contract.plugin import Plugin
from ft.contract.schema import TaskData
from ft.hooks.costs import Ledger
from ft.hooks.returned import looked_at
from ft.hooks.trace import Trace

FORWARD = "compute_loss"
"""The hook whose provider makes a forward pass."""

Check = Callable[["Implementation", list[Any], Any], None]
"""Called after a technique with what its `inner` calls returned and what it returned itself."""

Arrival = Callable[["Implementation", Any], None]
"""Called with what a technique's `inner` returns, before the technique has it."""


@dataclass(frozen=True)
class Implementation:
    """One plugin's implementation of one hook.

    Attributes:
        plugin: the instance.
        owner: how to name it to people, e.g. ``'ner' (ft-ner 0.1.0)``.
        hook: the hook's name.
        function: the bound method.
        arguments: the names of the arguments that it asks for, in its own order.
        passes: whether as the provider of `compute_loss` it makes a forward pass of its own.
    """

    plugin: Plugin
    owner: str
    hook: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    passes: bool = True

    @property
    def wraps(self) -> bool:
        """Whether it is a technique: it asks for ``inner``."""
        return INNER in self.arguments

    def accounted(self, ledger: Ledger, trace: Trace | None) -> Callable[..., Any]:
        """The function, with its cost kept by the ledger and its calls written to the trace.

        What it returns is looked at where the hook is one of a chain.
        """
        name = self.plugin.name
        passes = int(self.passes and self.hook == FORWARD and not self.wraps)
        function = looked_at(self.hook, self.owner, self.function)
        call = ledger.accounted(self.owner, name, self.hook, function, passes)
        return call if trace is None else trace.around(call, name, self.hook)


def compose(
    provider: Implementation,
    techniques: Sequence[Implementation],
    arguments: Sequence[str],
    ledger: Ledger,
    *,
    check: Check | None = None,
    arrival: Arrival = lambda technique, result: None,
    trace: Trace | None = None,
) -> Callable[..., Any]:
    """Fold a provider and its techniques, first nearest to the provider, into one callable.

    Args:
        provider: answers the hook.
        techniques: wrap it, in the order of ``--plugins``.
        arguments: the hook's arguments, without ``inner``.
        ledger: accounts for the implementations and names the culprit of an exception.
        check: is shown every technique's result.
        arrival: is shown what every technique is about to get; only where there is a ``check``.
        trace: is written every call.
    """
    chain = _link(provider, provider.accounted(ledger, trace), None, arguments)
    for technique in techniques:
        function = technique.accounted(ledger, trace)
        if check is None:
            chain = _link(technique, function, chain, arguments)
        else:
            chain = _checked(technique, function, chain, arguments, check, arrival)
    return chain


def picker(asked: Sequence[str], offered: Sequence[str]) -> Callable[[tuple[Any, ...]], Any]:
    """What takes the arguments that are asked for, in their order, from those that are offered."""
    places = [offered.index(name) for name in asked]
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


def _link(
    implementation: Implementation,
    function: Callable[..., Any],
    inner: Callable[..., Any] | None,
    arguments: Sequence[str],
) -> Callable[..., Any]:
    """A callable with the hook's arguments that gives ``function`` those that it asks for.

    On the path of every step, so what can be known beforehand is worked out beforehand.
    """
    pick = picker(implementation.arguments, (INNER, *arguments))
    expected = len(arguments)

    def call(*given: Any, **named: Any) -> Any:
        if named or len(given) != expected:
            given = _in_order(implementation.hook, arguments, given, named)
        return function(*pick((inner, *given)))

    return call


def _in_order(
    hook: str, arguments: Sequence[str], given: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[Any, ...]:
    """The arguments of a call by position.

    Raises:
        TypeError: they are not those of the hook.
    """
    first, rest = arguments[: len(given)], arguments[len(given) :]
    if len(given) > len(first) or named.keys() != set(rest):
        raise TypeError(f"{hook} takes the arguments ({', '.join(arguments)})")
    return (*given, *(named[name] for name in rest))


def _checked(
    technique: Implementation,
    function: Callable[..., Any],
    inner: Callable[..., Any],
    arguments: Sequence[str],
    check: Check,
    arrival: Arrival,
) -> Callable[..., Any]:
    """A link whose `inner` remembers what it returned, for the check behind it."""

    def call(*given: Any, **named: Any) -> Any:
        seen: list[Any] = []

        def watched(*args: Any, **kwargs: Any) -> Any:
            result = inner(*args, **kwargs)
            arrival(technique, result)
            # Remembered apart from what the technique is given, which it may change in place.
            apart = isinstance(result, TaskData)
            seen.append(replace(result, splits=copy(result.splits)) if apart else result)
            return result

        result = _link(technique, function, watched, arguments)(*given, **named)
        check(technique, seen, result)
        return result

    return call


class Member:
    """A plugin of this run: the instance and how to name it to people."""

    def __init__(self, name: str, plugin: Plugin, distribution: str | None, version: str | None):
        self.name = name
        self.plugin = plugin
        self.distribution = distribution
        self.version = version

    @property
    def owner(self) -> str:
        """Such as ``'ner' (ft-ner 0.1.0)``."""
        origin = " ".join(part for part in (self.distribution, self.version) if part)
        return f"'{self.name}' ({origin})" if origin else f"'{self.name}'"

    def inside(self) -> list[Inside]:
        """The plugins that this one has inside, which it keeps as attributes of its own."""
        return [part for one in self.composites() for part in one.inside()]

    def composites(self) -> list[Composite]:
        """What it keeps as attributes of its own to have others inside."""
        return [one for one in vars(self.plugin).values() if isinstance(one, Composite)]


class Inside(Member):
    """A plugin that another one calls, such as one of several tasks."""

    def join(self, ledger: Ledger, trace: Trace | None) -> None:
        """Take part in a run: called once by its hooks, before any of them."""
        raise NotImplementedError

    def listeners(self, hook: str) -> list[Implementation]:
        """Who of it hears an event."""
        raise NotImplementedError

    def seen(self, offered: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of an event as the plugin inside gets them, by name."""
        raise NotImplementedError

    def method(self, name: str) -> Callable[..., Any]:
        """A method of the plugin inside as the run calls it."""
        raise NotImplementedError


class Composite:
    """What a plugin keeps to have others inside; the core tells them events and keeps their state.

    Attributes:
        passed_on: the hooks that the plugin must provide, for which it calls those of the others.
    """

    passed_on: tuple[str, ...] = ()

    def inside(self) -> Sequence[Inside]:
        """The plugins that are inside."""
        raise NotImplementedError
