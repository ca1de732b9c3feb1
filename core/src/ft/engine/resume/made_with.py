"""Whether a run goes on, or is used, with the very plugins that it was made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ft.contract.errors import ConfigError, DataError, PluginError, raise_all
from ft.contract.messages import listed
from ft.contract.secrets import is_masked, without_secrets
from ft.contract.version import __version__
from ft.engine.resume.record import plugin_rows

if TYPE_CHECKING:
    from ft.config.resolve import Resolved
    from ft.runfolder.folder import RunFolder

SHOWN = 3
"""Files that a message names."""


def keep(folder: RunFolder, resolved: Resolved) -> None:
    """Write down which plugins a run is made with, before any of them is called."""
    folder.write(folder.plugins, {"ft": __version__, "plugins": plugin_rows(resolved)})


def compare(
    folder: RunFolder, resolved: Resolved, say: Callable[[str], None], *, strict: bool
) -> None:
    """Say where the plugins differ from those that a run was made with.

    Args:
        folder: the run's.
        resolved: what is here now.
        say: is told of every difference.
        strict: refuse instead.

    Raises:
        PluginError: something differs, or what the run was made with is not known, and that is
            to be refused.
    """
    found = differences(folder, resolved)
    if strict:
        hint = "install what the run was made with, or leave out --strict"
        raise_all([PluginError(one, where=str(folder.plugins), hint=hint) for one in found])
    for one in found:
        say(one)


def settings(resolved: Resolved) -> dict[str, Any]:
    """Every setting by its dotted key, as JSON values without secrets."""
    tables = {"run": resolved.run, **resolved.configs}
    return {
        f"{table}.{key}": without_secrets(value)
        for table, config in tables.items()
        for key, value in config.model_dump(mode="json").items()
    }


def require_secrets(resolved: Resolved) -> None:
    """See that nothing is missing that a run does not write down.

    Raises:
        Problems: a setting of a resumed run held a password, which must be given again.
    """
    raise_all(
        [
            ConfigError(
                f"the run's folder holds {value} without its secret",
                where=key,
                hint=f"give the whole value again: -o {key}=...",
            )
            for key, value in settings(resolved).items()
            if is_masked(value) and is_masked(_given(resolved, key))
        ]
    )


def _given(resolved: Resolved, key: str) -> Any:
    """A setting as it was given."""
    table, _, name = key.partition(".")
    return getattr(resolved.run if table == "run" else resolved.configs[table], name, None)


def changed_settings(before: Mapping[str, Any], resolved: Resolved) -> dict[str, str]:
    """By its dotted key, one sentence for each setting that is not what it was."""
    now = settings(resolved)
    return {
        key: f"{key} is {_value(now.get(key))} now, and was {_value(before.get(key))}"
        for key in sorted(before.keys() | now.keys())
        if now.get(key) != before.get(key)
    }


def _value(value: Any) -> str:
    return "none" if value is None else repr(value)


def differences(folder: RunFolder, resolved: Resolved) -> list[str]:
    """One sentence for each difference between a run's plugins and those that are here now."""
    if not folder.plugins.exists():
        return ["the run does not say which plugins it was made with"]
    try:
        made = folder.read(folder.plugins)
        before = {row["name"]: row for row in made["plugins"]}
        version = made["ft"]
        found = [] if version == __version__ else [_other_ft(version)]
        for row in plugin_rows(resolved):
            if row["name"] in before:
                found += _changes(before[row["name"]], row)
            else:
                found.append(f"the plugin '{row['name']}' was not there when the run was made")
    except (DataError, KeyError, TypeError, AttributeError):
        return [f"{folder.plugins} is damaged: which plugins the run was made with is not known"]
    now = {plugin.name for plugin in resolved.plugins}
    found += [f"the plugin '{name}' of the run is not there now" for name in before.keys() - now]
    return found


def _other_ft(version: str) -> str:
    return f"this is ft {__version__}, the run was made with ft {version}"


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    origins = [_origin(row) for row in (before, now)]
    ours, theirs = now["files"], before["files"]
    verbs = {
        "changed": [name for name in ours if name in theirs and ours[name] != theirs[name]],
        "new": [name for name in ours if name not in theirs],
        "gone": [name for name in theirs if name not in ours],
    }
    files = "; ".join(f"{verb}: {listed(names, SHOWN)}" for verb, names in verbs.items() if names)
    what = f"the plugin '{now['name']}' is not the one that the run was made with: "
    if origins[0] != origins[1]:
        return [f"{what}{origins[1]}, not {origins[0]}" + (f" ({files})" if files else "")]
    return [what + files] if files else []


def _origin(row: Mapping[str, Any]) -> str:
    return " ".join(part for part in (row["distribution"], row["version"]) if part) or str(
        row["source"]
    )
