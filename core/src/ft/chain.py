"""Composition: one provider, wrapped by techniques, folded into one callable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ft.costs import Ledger
from ft.hookspecs import INNER
from ft.plugin import Plugin


@dataclass(frozen=True)
class Implementation:
    """One plugin's implementation of one hook.

    Attributes:
        plugin: the instance.
        owner: how to name it to people, e.g. ``'ner' (ft-ner 0.1.0)``.
        hook: the hook's name.
        function: the bound method.
        arguments: the names of the arguments that it asks for.
    """

    plugin: Plugin
    owner: str
    hook: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]

    @property
    def wraps(self) -> bool:
        """Whether it is a technique: it asks for ``inner``."""
        return INNER in self.arguments


Check = Callable[[Implementation, list[Any], Any], None]
"""Called after a technique with what its `inner` calls returned and what it returned itself."""


def compose(
    provider: Implementation,
    techniques: Sequence[Implementation],
    arguments: Sequence[str],
    ledger: Ledger,
    check: Check | None = None,
) -> Callable[..., Any]:
    """Fold a provider and its techniques, first nearest to the provider, into one callable.

    Args:
        provider: answers the hook.
        techniques: wrap it, in the order of ``--plugins``.
        arguments: the hook's arguments, without ``inner``.
        ledger: calls the implementations, accounts for them and names the culprit of an exception.
        check: is shown every technique's result.
    """
    chain = _link(provider, None, arguments, ledger, None)
    for technique in techniques:
        chain = _link(technique, chain, arguments, ledger, check)
    return chain


def _link(
    implementation: Implementation,
    inner: Callable[..., Any] | None,
    arguments: Sequence[str],
    ledger: Ledger,
    check: Check | None,
) -> Callable[..., Any]:
    wanted = [name for name in implementation.arguments if name != INNER]
    name, owner, hook = implementation.plugin.name, implementation.owner, implementation.hook

    def call(*positional: Any, **named: Any) -> Any:
        if len(positional) > len(arguments):
            raise TypeError(f"{hook} takes the arguments ({', '.join(arguments)})")
        given = dict(zip(arguments, positional, strict=False)) | named
        if given.keys() != set(arguments):
            raise TypeError(f"{hook} takes the arguments ({', '.join(arguments)})")
        asked = {name: given[name] for name in wanted}
        if inner is None:
            return ledger.call(owner, name, hook, implementation.function, asked)
        if check is None:
            asked[INNER] = inner
            return ledger.call(owner, name, hook, implementation.function, asked)
        seen: list[Any] = []

        def watched(*args: Any, **kwargs: Any) -> Any:
            seen.append(inner(*args, **kwargs))
            return seen[-1]

        asked[INNER] = watched
        result = ledger.call(owner, name, hook, implementation.function, asked)
        check(implementation, seen, result)
        return result

    return call
