"""What a plugin declares of the company it keeps, and what a technique may not touch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from ft.contract.errors import FtError, PluginError
from ft.contract.messages import did_you_mean, listed
from ft.contract.plugin import setting_key
from ft.contract.schema import LABELS, POOL, SPLITS, Kind, Label, Schema, TaskData

if TYPE_CHECKING:
    from ft.contract.plugin import Plugin
    from ft.hooks.chain import Implementation, Member

DECLARATIONS = ("needs", "after", "before", "conflicts", "needs_schema", "families")
"""Attributes of `Plugin`, each a tuple of names."""

GRAPH = ("early_backward", "needs_graph", "own_items", "varies", "whole_batch")
"""Attributes of `Plugin`, each true or false."""

FAMILIES = ("encoder", "decoder", "encoder-decoder", "image", "convnet")
"""What ``families`` may name."""

FLAG = "--plugins"

SCHEMA = "the schema of load_data"
"""Where data lacks what a plugin declares that it needs."""


def _of_every_row(schema: Schema) -> Label | None:
    """The label; of tasks that a plugin composes, which have one each, none is of every row."""
    return None if "tasks" in schema.extra else schema.label


def _label(kind: str) -> Callable[[Schema], object]:
    return lambda schema: (label := _of_every_row(schema)) is not None and label.kind == kind


def _target(kind: str) -> Callable[[Schema], object]:
    return lambda schema: any(target.kind == kind for target in schema.targets)


ROLES: Mapping[str, Callable[[Schema], object]] = {
    "words": lambda schema: schema.words,
    "tags": lambda schema: schema.words and schema.words.tags,
    "texts": lambda schema: schema.texts,
    "editable": lambda schema: any(text.editable for text in schema.texts),
    "pair": lambda schema: len(schema.texts) == 2,
    "label": _of_every_row,
    **{f"label:{kind}": _label(kind) for kind in LABELS},
    **{f"target:{kind}": _target(kind) for kind in get_args(Kind)},
    "images": lambda schema: schema.images,
    "group": lambda schema: schema.group,
    "numbers": lambda schema: schema.numbers,
    "categories": lambda schema: schema.categories,
}
"""What ``needs_schema`` may name, and how it shows in a schema."""


def declared(plugin: Plugin | type[Plugin]) -> dict[str, Any]:
    """What a plugin declares of itself: names by `DECLARATIONS`, ``True`` by `GRAPH`."""
    names = {name: value for name in DECLARATIONS if (value := getattr(plugin, name))}
    return {
        **{
            name: [value] if isinstance(value, str) else list(value)
            for name, value in names.items()
        },
        **{name: True for name in GRAPH if getattr(plugin, name)},
    }


def company_faults(members: Sequence[Member]) -> list[FtError]:
    """Where the named plugins do not go together, by what they declare themselves.

    Args:
        members: in the order of ``--plugins``.
    """
    faults = [fault for member in members for fault in _malformed(member)]
    if faults:
        return faults
    position = {member.name: i for i, member in enumerate(members)}
    by_name = {member.name: member for member in members}
    orders: dict[tuple[str, str], Member] = {}
    for member in members:
        faults += _missing(member, position)
        plugin = member.plugin
        for other in plugin.after:
            orders.setdefault((other, member.name), member)
        for other in plugin.before:
            orders.setdefault((member.name, other), member)
    clashes = {
        frozenset((member.name, other)): (member, by_name[other])
        for member in members
        for other in member.plugin.conflicts
        if other in by_name and other != member.name
    }
    faults += [_clash(*pair) for pair in clashes.values()]
    for (first, second), asking in orders.items():
        if first in position and second in position and position[first] > position[second]:
            faults.append(_misplaced(first, second, asking, by_name, orders))
    return faults


def _malformed(member: Member) -> list[FtError]:
    """Declarations that are no tuples of names or not true or false, or name a role that no schema has."""
    faults: list[FtError] = [
        PluginError(
            f"{name} is {given!r}, not true or false",
            who=f"plugin {member.owner}",
            hint=f"write {name} = True",
        )
        for name in GRAPH
        if not isinstance(given := getattr(member.plugin, name), bool)
    ]
    for name in DECLARATIONS:
        value: Any = getattr(member.plugin, name)
        if not isinstance(value, tuple | list) or not all(isinstance(one, str) for one in value):
            faults.append(
                PluginError(
                    f"{name} is {value!r}, not a tuple of names",
                    who=f"plugin {member.owner}",
                    hint=f'write {name} = ("NAME",)',
                )
            )
        elif name == "needs_schema":
            asked = [role for one in value for role in one.split("|")]
            what = "needs_schema asks for '{}', which no schema has"
            faults += [_unknown(member, what, one, ROLES) for one in asked if one not in ROLES]
        elif name == "families":
            what = "families names '{}', which is no family of models"
            odd = [one for one in value if one not in FAMILIES]
            faults += [_unknown(member, what, one, FAMILIES) for one in odd]
    return faults


def _unknown(member: Member, what: str, name: str, known: Iterable[str]) -> PluginError:
    near = did_you_mean(name, known)
    return PluginError(
        what.format(name),
        who=f"plugin {member.owner}",
        hint=(f"{near} " if near else "") + f"there are {', '.join(known)}",
    )


def _missing(member: Member, position: Mapping[str, int]) -> list[FtError]:
    """The plugins that a plugin needs and that are not named."""
    faults: list[FtError] = []
    for other in member.plugin.needs:
        if other not in position:
            behind = other in member.plugin.before
            pair = f"{member.name},{other}" if behind else f"{other},{member.name}"
            faults.append(
                PluginError(
                    f"{member.owner} needs the plugin '{other}', which is not named",
                    where=FLAG,
                    hint=f"name both, as in {FLAG} ...,{pair}, or leave '{member.name}' out",
                )
            )
    return faults


def _clash(one: Member, other: Member) -> PluginError:
    asking = settings_behind(one.plugin, lambda plugin: other.name in plugin.conflicts)
    leave_out = (
        f"leave out {asking}, or " if asking and one.name not in other.plugin.conflicts else ""
    )
    with_it = f", with {asking}," if leave_out else ""
    return PluginError(
        f"{one.owner}{with_it} cannot work with {other.owner}",
        where=FLAG,
        hint=f"{leave_out}name '{one.name}' or '{other.name}', not both",
    )


def settings_behind(plugin: Plugin, declares: Callable[[Plugin], object]) -> str:
    """The settings for which a plugin declares something, such as ``regularize.mixup``.

    Args:
        plugin: of a run, with its settings.
        declares: whether a plugin declares it.

    Returns:
        Their keys; nothing where it declares it with any settings.
    """
    config, fields = plugin.config, type(plugin.config).model_fields
    try:
        plain = type(config)()
        if declares(type(plugin)(plain)):
            return ""
        alone = {
            name: type(plugin)(plain.model_copy(update={name: getattr(config, name)}))
            for name in fields
            if name in config.model_fields_set
        }
        asking = [name for name, other in alone.items() if declares(other)]
    except Exception:  # a plugin that cannot be made without settings of its own
        return ""
    return listed([f"{plugin.name}.{setting_key(name, fields[name])}" for name in asking])


def _misplaced(
    first: str,
    second: str,
    asking: Member,
    by_name: Mapping[str, Member],
    orders: Mapping[tuple[str, str], Member],
) -> PluginError:
    one, other = by_name[first], by_name[second]
    if (second, first) in orders:
        return PluginError(
            f"{one.owner} and {other.owner} each declare a place that the other cannot have",
            where=FLAG,
            hint=f"name '{first}' or '{second}', not both, and tell their authors",
        )
    return PluginError(
        f"{asking.owner} must be named {'before' if asking is one else 'after'} "
        f"{(other if asking is one else one).owner}",
        where=FLAG,
        hint=f"name '{first}' before '{second}'",
    )


def schema_faults(members: Sequence[Member], schema: Schema) -> list[FtError]:
    """Where the data lacks what a plugin declares that it needs."""
    there = [role for role, shows in ROLES.items() if shows(schema)]
    return [
        _lacking(member, need, there)
        for member in members
        for need in member.plugin.needs_schema
        if not set(need.split("|")) & set(there)
    ]


def _lacking(member: Member, need: str, there: Sequence[str]) -> PluginError:
    asking = settings_behind(member.plugin, lambda plugin: need in plugin.needs_schema)
    return PluginError(
        f"{member.owner}{asking and f', with {asking},'} needs data with {need.replace('|', ' or ')}, "
        f"and this data has {', '.join(there) or 'none of the roles'}",
        where=SCHEMA,
        hint=f"leave {asking or repr(member.name)} out"
        f"{'' if asking else f' of {FLAG}'}, or name a task whose data has that",
    )


def graph_faults(techniques: Sequence[Implementation]) -> list[FtError]:
    """Techniques that need a graph which one nearer to the task has already freed.

    Args:
        techniques: around `compute_loss`, nearest first.
    """
    faults: list[FtError] = []
    freed: Implementation | None = None
    for technique in techniques:
        if technique.plugin.needs_graph and freed is not None:
            faults.append(
                PluginError(
                    f"{technique.owner} needs the graph of the outputs that {freed.owner} "
                    "has already back-propagated",
                    where=FLAG,
                    hint=_way_out(technique.plugin, freed.plugin),
                )
            )
        if technique.plugin.early_backward:
            freed = technique
    return faults


def _way_out(needing: Plugin, early: Plugin) -> str:
    """What to do where a plugin needs the graph that another, nearer to the task, has freed."""
    if early.needs_graph and needing.early_backward:
        return (
            f"name '{needing.name}' or '{early.name}', not both: each needs the graph that the other "
            "frees, in whatever order"
        )
    if early.name in needing.after or needing.name in early.before:
        return (
            f"name '{needing.name}' or '{early.name}', not both: '{needing.name}' would have to be "
            "nearer to the task, and one of them declares the other order"
        )
    return f"name '{needing.name}' before '{early.name}'"


def require_untouched_splits(
    technique: Implementation, results: Sequence[Any], after: TaskData
) -> None:
    """A technique around `load_data` may change the train split and the pool, and add a split of
    another name, to be scored as well.

    Args:
        technique: who was called.
        results: what its calls of `inner` returned.
        after: what it returned itself.

    Raises:
        PluginError: another split was added, removed or changed.
    """
    if not results or not isinstance(results[0], TaskData):
        return
    before, now = results[0].splits, after.splits
    for split in sorted((set(before) | set(now)) - {"train", POOL}):
        if split not in before and split not in SPLITS:
            continue
        if split not in before or split not in now:
            done = "added" if split in now else "removed"
        elif before[split] is now[split] or before[split]._fingerprint == now[split]._fingerprint:
            continue
        else:
            done = "changed"
        raise PluginError(
            f"the technique {done} the {split} split in load_data",
            who=f"plugin {technique.owner}",
            hint="a technique may change the train split and the pool, and add splits of other names",
        )
