"""One run's plugins: validated, registered with pluggy, composed into hooks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import cache
from threading import local
from types import ModuleType
from typing import Any

import pluggy

from ft.contract import hookspecs
from ft.contract.errors import FtError, PluginError, raise_all
from ft.contract.hookspecs import INNER
from ft.contract.plugin import PROJECT, Plugin
from ft.contract.schema import TaskData
from ft.hooks import declarations
from ft.hooks.chain import Implementation, Inside, Member, compose, picker
from ft.hooks.costs import Ledger
from ft.hooks.form import forgotten, form_faults, slips
from ft.hooks.trace import Trace

CHECKED = ("load_data", "encode")
"""The chain hooks whose techniques are looked at: what they touched, what they added."""

SINGLE = ("learning_rate", "evaluation_weights")
"""Methods of `Plugin` that one plugin of a run may have."""


def has_own(plugin: Plugin, method: str) -> bool:
    """Whether a plugin has a method of `Plugin` of its own."""
    return getattr(type(plugin), method) is not getattr(Plugin, method)


class _Manager(pluggy.PluginManager):
    """Looks for hooks under the names of the contract: others were refused before."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        return super().parse_hookimpl_opts(plugin, name) if name in vars(self.hook) else None


@cache
def _arguments(spec: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(spec).parameters if name != INNER]


def specs(module: ModuleType = hookspecs) -> dict[str, Callable[..., Any]]:
    """Every hook spec by name, in the order of the contract."""
    return {name: value for name, value in vars(module).items() if hasattr(value, "ft_kind")}


class _Thread(local):
    """What is under way in a thread.

    Attributes:
        alone: a provider is called without its techniques.
    """

    alone = False


class Hooks:
    """The hooks of one run, ready to be called: chains by name, and events.

    Args:
        members: the plugins in the order of ``--plugins``.
        builtin: those that ft brings itself. They provide a hook where no named plugin does, wrap
            it outside all named techniques, and hear events after the named plugins.
        situation: says where the run is, for the note on an exception.
        trace: is written every call of a hook.
        ledger: keeps the costs; by default one of its own.
        passes: whether a provider of `compute_loss` makes a forward pass of its own.

    Attributes:
        notes: what the user should hear of the plugins.
        inside: the plugins that named ones have inside.
        kept: the named plugins and those inside: all that have state.
        read: what the provider of `load_data` has read; ``None`` where no technique wraps it.

    Raises:
        PluginError: a plugin breaks the contract, a hook has two providers or none, or the plugins
            do not go together.
    """

    def __init__(
        self,
        members: Sequence[Member],
        builtin: Sequence[Member],
        situation: Callable[[], str] = lambda: "",
        trace: Trace | None = None,
        ledger: Ledger | None = None,
        passes: bool = True,
    ) -> None:
        self.members = list(members)
        self.builtin = list(builtin)
        self._ours = {id(member.plugin) for member in builtin}
        self.inside: list[Inside] = [part for member in members for part in member.inside()]
        self.kept: list[Member] = [*self.members, *self.inside]
        self.ledger = ledger or Ledger(situation)
        self._passes = passes
        self.notes: list[str] = []
        self._trace = trace
        self._specs = specs()
        everyone = [*self.members, *self.builtin]
        raise_all(
            [error for member in everyone for error in self._faults(member)]
            + self._name_faults()
            + declarations.company_faults(self.members)
        )
        self._manager = _Manager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        for member in everyone:
            self._manager.register(member.plugin, member.name)
        for part in self.inside:
            part.join(self.ledger, trace)
        self._chains = {name: self._chain(name) for name in self.names("chain")}
        for method in SINGLE:
            self.only(method)
        raise_all(declarations.graph_faults(self.parts("compute_loss")[1]))
        self._providers = {name: self._provider(name) for name in self.names("chain")}
        self._thread = _Thread()
        self.read: TaskData | None = None
        self._defaults = {name for name in self._chains if not self.customised(name)}
        self._events = {name: self._event(name) for name in self.names("event")}

    def names(self, kind: str) -> list[str]:
        """The hooks of a kind, ``chain`` or ``event``, in the order of the contract."""
        return [name for name, spec in self._specs.items() if spec.ft_kind == kind]  # type: ignore[attr-defined]

    def _name_faults(self) -> list[FtError]:
        """Plugins with the name of one that is built in, and those inside with another's name."""
        taken = {member.name for member in self.builtin}
        faults: list[FtError] = [
            PluginError(
                f"'{member.name}' is the name of a plugin that is built into ft",
                who=f"plugin {member.owner}",
                hint="give the plugin another name",
            )
            for member in self.kept
            if member.name in taken
        ]
        names = [member.name for member in self.kept]
        faults += [
            PluginError(
                f"a task and another plugin of this run are both called '{part.name}'",
                who=f"plugin {part.owner}",
                hint="give the task another name",
            )
            for part in self.inside
            if names.count(part.name) > 1
        ]
        return faults

    def _faults(self, member: Member) -> list[FtError]:
        """What breaks the contract in one plugin; what looks like a slip is noted."""
        cls = type(member.plugin)
        if id(member.plugin) not in self._ours:
            for name in self._specs:
                if hasattr(getattr(cls, name, None), f"{PROJECT}_impl"):
                    self._note_deprecated(name, member)
            self.notes += [
                f"plugin {member.owner} has '{name}', which ft does not know: did you mean '{near}'?"
                for name, near in slips(cls, self._specs)
            ]
        return form_faults(cls, member.owner, self._specs) + forgotten(member)

    def implementations(self, hook: str) -> list[Implementation]:
        """Who implements a hook: the named plugins in order, then the built-in ones."""
        caller = getattr(self._manager.hook, hook)
        found = {
            implementation.plugin_name: implementation for implementation in caller.get_hookimpls()
        }
        return [
            Implementation(
                member.plugin,
                member.owner,
                hook,
                found[member.name].function,
                tuple(found[member.name].argnames),
                self._passes,
            )
            for member in [*self.members, *self.builtin]
            if member.name in found
        ]

    def parts(self, hook: str) -> tuple[Implementation, list[Implementation]]:
        """The provider of a chain hook and the techniques around it, nearest first.

        Raises:
            PluginError: there are two providers, or none.
        """
        everyone = self.implementations(hook)
        techniques = [one for one in everyone if one.wraps]
        named = [one for one in everyone if not one.wraps and id(one.plugin) not in self._ours]
        if len(named) > 1:
            owners = " and ".join(one.owner for one in named)
            raise PluginError(
                f"{hook} has {len(named)} providers: {owners}",
                where="--plugins",
                hint=f"keep one of them, or let the others take 'inner' and wrap {hook}",
            )
        default = [one for one in everyone if not one.wraps and id(one.plugin) in self._ours]
        if not named and not default:
            names = ", ".join(member.name for member in self.members) or "none"
            raise PluginError(
                f"no plugin provides {hook} (named: {names})",
                where="--plugins",
                hint="name a task plugin, such as ner; `ft plugins` lists what is installed",
            )
        return (named or default)[0], techniques

    def who(self, hook: str) -> str:
        """Who implements a hook, for messages: the provider and the techniques around it, or whoever
        hears an event. Where a named plugin does, those that are built in are left out.
        """
        if hook in self._events:
            return "plugin " + ", ".join(f"'{name}'" for name in self.listeners(hook))
        provider, techniques = self.parts(hook)
        everyone = [provider, *techniques]
        named = [one for one in everyone if id(one.plugin) not in self._ours]
        return "plugin " + ", ".join(one.owner for one in named or everyone)

    def _note_deprecated(self, hook: str, member: Member) -> None:
        deprecated = getattr(self._specs[hook], "ft_deprecated", None)
        if deprecated:
            self.notes.append(
                f"plugin {member.owner} uses the hook {hook}, deprecated {deprecated}"
            )

    def _chain(self, hook: str) -> Callable[..., Any]:
        provider, techniques = self.parts(hook)
        check = self._check if hook in CHECKED else None
        arguments = self.arguments(hook)
        return compose(
            provider,
            techniques,
            arguments,
            self.ledger,
            check=check,
            arrival=self._arrived,
            trace=self._trace,
        )

    def _provider(self, hook: str) -> Callable[..., Any]:
        provider, _ = self.parts(hook)
        return compose(provider, [], self.arguments(hook), self.ledger, trace=self._trace)

    def _event(self, hook: str) -> list[tuple[str, Callable[..., Any], Callable[..., Any]]]:
        """For each listener its name, what picks its arguments, and what is called with them."""
        offered = self.arguments(hook)
        found = [(None, one) for one in self.implementations(hook)]
        inside = [(part, one) for part in self.inside for one in part.listeners(hook)]
        first = sum(id(one.plugin) not in self._ours for _, one in found)
        return [
            (one.plugin.name, _taker(part, one, offered), one.accounted(self.ledger, self._trace))
            for part, one in [*found[:first], *inside, *found[first:]]
        ]

    def listeners(self, hook: str) -> list[str]:
        """Who hears an event, by name, in the order in which they are told."""
        return [name for name, _, _ in self._events[hook]]

    def _arrived(self, technique: Implementation, result: Any) -> None:
        """See that data has what a technique around `load_data` needs before it gets it; keep what
        the task itself has read.
        """
        if technique.hook != "load_data" or not isinstance(result, TaskData):
            return
        if self.read is None:
            self.read = replace(result, splits=copy(result.splits))
        own = [member for member in self.members if member.plugin is technique.plugin]
        raise_all(declarations.schema_faults(own, result.schema))

    def _check(self, technique: Implementation, results: list[Any], result: Any) -> None:
        """Look at what a technique around one of the `CHECKED` hooks returned."""
        if technique.hook == "load_data":
            declarations.require_untouched_splits(technique, results, result)
        self.ledger.extra_examples(technique.plugin.name, technique.hook, results, result)

    def arguments(self, hook: str) -> list[str]:
        """A hook's arguments without ``inner``."""
        return _arguments(self._specs[hook])

    def call(self, hook: str, *arguments: Any) -> Any:
        """Call a chain hook."""
        return (self._providers if self._thread.alone else self._chains)[hook](*arguments)

    def provide(self, hook: str, *arguments: Any) -> Any:
        """Call the provider of a chain hook alone; what it calls has no techniques either."""
        thread = self._thread
        before, thread.alone = thread.alone, True
        try:
            return self._providers[hook](*arguments)
        finally:
            thread.alone = before

    def listens(self, hook: str) -> bool:
        """Whether any plugin implements an event hook."""
        return bool(self._events[hook])

    def tell(self, hook: str, **arguments: Any) -> None:
        """Call an event hook of every plugin, in the order of ``--plugins``."""
        offered = tuple(arguments[name] for name in self.arguments(hook))
        for _, pick, call in self._events[hook]:
            call(*pick(offered))

    def only(self, method: str) -> Callable[..., Any] | None:
        """A method of `Plugin` that one plugin of a run may have, accounted for; ``None``: none has it.

        Raises:
            PluginError: several have it.
        """
        own = [one for one in self.kept if has_own(one.plugin, method)]
        if len(own) > 1:
            raise PluginError(
                f"{' and '.join(one.owner for one in own)} each have the method {method}",
                where="--plugins",
                hint=f"name one of them: a run has one {method}",
            )
        return self.method(own[0], method) if own else None

    def method(self, member: Member, method: str) -> Callable[..., Any]:
        """A plugin's method, accounted for and traced as a hook is."""
        if isinstance(member, Inside):
            function = member.method(method)
        else:
            function = getattr(member.plugin, method)
        one = Implementation(member.plugin, member.owner, method, function, ())
        return one.accounted(self.ledger, self._trace)

    def methods(self) -> dict[str, str]:
        """The plugin that has each method of `SINGLE`, by the method."""
        return {m: one.name for m in SINGLE for one in self.kept if has_own(one.plugin, m)}

    def customised(self, hook: str) -> bool:
        """Whether a named plugin provides a chain hook or wraps it."""
        return any(id(one.plugin) not in self._ours for one in self.implementations(hook))

    def wrapped(self, hook: str) -> bool:
        """Whether any technique wraps a chain hook."""
        return bool(self.parts(hook)[1])

    def default(self, hook: str) -> bool:
        """Whether a chain hook does what the core does, and nothing else."""
        return hook in self._defaults

    def concurrent(self, hooks: Sequence[str]) -> bool:
        """Whether several threads may call these chain hooks at a time: they are the core's, and nobody traces them."""
        return self._trace is None and all(map(self.default, hooks))

    def describe(self, hook: str) -> str:
        """The chain as text, e.g. ``adversarial( distill( standard ) )``."""
        provider, techniques = self.parts(hook)
        text = provider.plugin.name
        for technique in techniques:
            text = f"{technique.plugin.name}( {text} )"
        return text

    def describes_requests(self) -> Plugin:
        """The plugin whose `request_schema` counts: the task where it has one, else the reader's."""
        task = self.parts("load_data")[0].plugin
        return task if has_own(task, "request_schema") else self.parts("read_request")[0].plugin

    def forwards(self) -> int:
        """Forward passes through the model in one training micro-batch."""
        provider, techniques = self.parts("compute_loss")
        count = 1
        for one in (provider, *techniques):
            count = one.plugin.forwards(count)
        return count


def _taker(
    part: Inside | None, one: Implementation, offered: Sequence[str]
) -> Callable[[tuple[Any, ...]], Any]:
    """What takes a listener's arguments from those of the event."""
    pick = picker(one.arguments, offered)
    if part is None:
        return pick
    return lambda values: pick(tuple(part.seen(dict(zip(offered, values, strict=True))).values()))
