"""From what the user gave to checked settings, all errors at once.

A later source wins over an earlier one: the TOML file, ``-o`` overrides, then flags or keyword
arguments. Relative paths are looked up from the current folder, whatever file they stand in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ft.config import presets
from ft.config.complaints import Scope
from ft.config.given import Setting, read_file, read_overrides, read_values
from ft.config.merge import Given
from ft.contract.errors import ConfigError, FtError, Problems, UserError, raise_all
from ft.contract.messages import did_you_mean
from ft.contract.plugin import Config
from ft.contract.settings import RunConfig
from ft.loading.installed import installed
from ft.loading.load import Loaded, try_load_all
from ft.runfolder import untrusted

FLAG = "--plugins"

_PLUGINS = "plugins"
_RUN = "run"
_TRUST = "run.trust_remote_code"

CONFIG_FILE = "config.toml"
"""The resolved configuration in a run folder."""

_EXAMPLES = """name a task, and techniques behind it, for example
      ft run --plugins ner
      ft run --plugins ner,augment -o ner.train=train.conll -o ner.test=test.conll
      ft run --config my.toml
    installed plugins: """


@dataclass(frozen=True)
class Resolved:
    """Everything that a run is told.

    Attributes:
        run: the settings of the run itself.
        plugins: the plugins in the order that they were named.
        configs: the settings of each plugin by its name.
        origins: by dotted key, where each given setting comes from: ``file:line``, the override,
            the flag or argument. A setting that nobody gave is not among them.
        notes: what the user should know, such as a table that is not used.
    """

    run: RunConfig
    plugins: tuple[Loaded, ...]
    configs: dict[str, Config]
    origins: dict[str, str]
    notes: tuple[str, ...] = ()


def resolve(
    plugins: Sequence[str] | None,
    *,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    shared: Mapping[str, Any] | None = None,
) -> Resolved:
    """Load the plugins and check every setting.

    Args:
        plugins: as in ``--plugins``; ``None`` takes those that the file names.
        file: a TOML file: ``plugins = [...]``, ``[run]`` and a table for each plugin. The word
            ``"none"`` stands for no value, wherever a setting may have none.
        overrides: ``table.key=value`` each, the value as in TOML or plain text.
        values: flags or keyword arguments, by dotted key or a mapping a table.
        labels: by dotted key of ``values``, and by key of ``shared``, what the user typed to give it.
        shared: by key, flags for every plugin that has a setting of that name.

    Raises:
        ConfigError: a setting is unknown, missing or has a value that does not fit.
        PluginError: a plugin cannot be loaded.
        Problems: several of these, reported together.
    """
    stored, typed, arguments, errors = _sources(file, overrides, values or {}, labels or {})
    lists = Given.of(one for one in stored if one.path[0] == _PLUGINS)
    stored = [one for one in stored if one.path[0] != _PLUGINS]
    listed = lists.tree.get(_PLUGINS)
    list_place = lists.places.get(_PLUGINS, str(file) if file and plugins is None else FLAG)
    errors += _list_faults(listed, list_place)
    specs: list[str] = []
    if plugins is not None:
        errors += _list_faults(plugins, FLAG)
        specs = list(plugins) if not _list_faults(plugins, FLAG) else []
    elif not _list_faults(listed, list_place):
        specs = list(listed or ())
    place = FLAG if plugins is not None else list_place
    loaded, failures = try_load_all(specs)
    for failure in failures:
        if failure.where == FLAG:
            failure.where = place
    errors += failures
    if not specs and not errors:
        errors.append(_nothing_named(place))
    preset = presets.asked([*stored, *typed, *arguments])
    brought: list[str] = []
    if preset and loaded:
        more, brought = presets.techniques(preset, loaded)
        loaded += more

    for key, value in (shared or {}).items():
        flags, faults = _shared(key, value, (labels or {}).get(key, key), loaded)
        arguments += flags
        errors += faults if not failures else []
    given = Given.of((*stored, *typed, *arguments))
    models: dict[str, type[Config]] = {
        _RUN: RunConfig,
        **{one.name: one.cls.Config for one in loaded},
    }
    scope = Scope(models, given.places, str(file) if file else None)
    left_out = _likely_names(listed) - set(models) if plugins is not None else set()
    excused = left_out | (_likely_names(specs) if failures else set())
    errors += _strangers(given, scope, excused)
    checked: dict[str, Config | None] = {}
    plugin_faults: list[FtError] = []
    for one in loaded:
        checked[one.name], faults = given.check(one.name, one.cls.Config, one.owner, scope)
        plugin_faults += faults
    if preset:
        presets.use(preset, given)
    for one in reversed(loaded):
        if checked[one.name] is None:
            continue
        try:
            own = one.cls.run_defaults(checked[one.name])
        except FtError as error:  # settings of the tasks that it has inside
            plugin_faults += error.errors if isinstance(error, Problems) else [error]
        else:
            given.suggest(_RUN, own, f"default of {one.owner}")
    checked[_RUN], faults = given.check(_RUN, RunConfig, "core", scope)
    errors += [*faults, *plugin_faults]
    errors += _trust_faults(given, arguments)
    raise_all(errors)
    return Resolved(
        run=cast(RunConfig, checked[_RUN]),
        plugins=tuple(loaded),
        configs={one.name: cast(Config, checked[one.name]) for one in loaded},
        origins=given.places,
        notes=(
            *brought,
            *(
                f"[{table}] in {file} is not used: --plugins leaves '{table}' out"
                for table in sorted(left_out & set(given.tree))
            ),
        ),
    )


def _sources(
    file: Path | None,
    overrides: Sequence[str],
    values: Mapping[str, Any],
    labels: Mapping[str, str],
) -> tuple[list[Setting], list[Setting], list[Setting], list[FtError]]:
    """The settings of the file, the overrides and the arguments, and what is wrong with them."""
    typed, errors = read_overrides(overrides)
    arguments, faults = read_values(values, labels)
    errors += faults
    stored: list[Setting] = []
    if file is not None:
        try:
            stored = read_file(file)
        except ConfigError as error:
            # Without the file the rest would only give errors that are none.
            raise_all([error, *errors])
    for setting in (*typed, *arguments):
        if setting.path[0] == _PLUGINS:
            errors.append(
                ConfigError(
                    "the plugins are not a setting", where=setting.place, hint="use --plugins a,b"
                )
            )
    typed = [one for one in typed if one.path[0] != _PLUGINS]
    arguments = [one for one in arguments if one.path[0] != _PLUGINS]
    return stored, typed, arguments, errors


def _shared(
    key: str, value: Any, place: str, loaded: Sequence[Loaded]
) -> tuple[list[Setting], list[FtError]]:
    """A flag as a setting of each plugin that has it, and an error where none has."""
    names = [one.name for one in loaded if key in one.cls.Config.model_fields]
    if names or not loaded:
        return [Setting((name, key), value, place) for name in names], []
    who = ", ".join(one.name for one in loaded)
    return [], [ConfigError(f"no plugin of this run ({who}) has a setting '{key}'", where=place)]


def _list_faults(wanted: Any, place: str) -> list[FtError]:
    if wanted is None or (
        isinstance(wanted, list | tuple) and all(isinstance(one, str) for one in wanted)
    ):
        return []
    return [
        ConfigError(
            f"plugins must be a list of names, not {wanted!r}",
            where=place,
            hint='e.g. ["ner", "augment"]',
        )
    ]


def _nothing_named(place: str) -> ConfigError:
    names = ", ".join(dict.fromkeys(one.name for one in installed())) or "none"
    return ConfigError(
        "no plugin is named",
        where=place,
        hint=f"name a task, and techniques behind it: --plugins ner,augment (installed: {names})",
    )


def _strangers(given: Given, scope: Scope, excused: set[str]) -> list[FtError]:
    """Tables of no plugin of this run, and values outside the tables."""
    errors: list[FtError] = []
    others = {one.name for one in installed()} if set(given.tree) - set(scope.tables) else set()
    for table, values in given.tree.items():
        what = hint = ""
        if not isinstance(values, dict):
            if table in scope.tables:
                what, hint = f"'{table}' must be a table", f"write its settings under [{table}]"
            else:
                near = scope.suggest("", table)
                what = f"the setting '{table}' belongs to no table"
                hint = (
                    f"did you mean '{near}'?" if near else "a setting is table.key, e.g. run.epochs"
                )
        elif table not in scope.tables and table not in excused:
            if table in others:
                what = (
                    f"there are settings for '{table}', which is not among the plugins of this run"
                )
                hint = f"add '{table}' to --plugins, or take its settings out"
            else:
                what = f"there is no table '{table}'; this run has {', '.join(scope.tables)}"
                hint = (
                    did_you_mean(table, scope.tables, 3) or "settings belong to run or to a plugin"
                )
        if what:
            errors.append(ConfigError(what, where=_place_of_table(given, table), hint=hint))
    return errors


def _place_of_table(given: Given, table: str) -> str:
    """Where a table, or else its first setting, was given."""
    inside = (place for key, place in given.places.items() if key.startswith(f"{table}."))
    return given.places.get(table) or next(inside, table)


def _likely_names(specs: Any) -> set[str]:
    """The tables that plugins which are not loaded may have, from how they are written."""
    names: set[str] = set()
    for spec in specs if isinstance(specs, list) else ():
        path, _, cls = spec.rpartition(":") if isinstance(spec, str) else ("", "", "")
        names |= {str(spec), cls.lower(), Path(cls).stem, Path(path).stem}
    return names - {""}


def _trust_faults(given: Given, arguments: Sequence[Setting]) -> list[FtError]:
    """Code that a model brings may be allowed by nothing but an explicit flag or argument."""
    run = given.tree.get(_RUN)
    value = run.get("trust_remote_code") if isinstance(run, dict) else None
    by_argument = any(".".join(one.path) == _TRUST for one in arguments)
    if value in (None, False) or by_argument:
        return []
    return [
        ConfigError(
            "trust_remote_code runs code that the model brings, so only a flag can allow it",
            where=given.places.get(_TRUST, _TRUST),
            hint="give --trust-remote-code if you trust that model, or take it out here",
        )
    ]


def source_file(
    plugins: Sequence[str] | None,
    config: Path | None,
    output: Path | None,
    resume: Path | None,
    prefix: str = "--",
    *,
    trust_plugins: bool = False,
) -> Path | None:
    """The file that the settings come from: the user's, or that of the run to be resumed.

    Args:
        plugins: those that the user named.
        config: the file that the user named.
        output: the run folder that the user named.
        resume: the run to go on with.
        prefix: of the names of options in messages.
        trust_plugins: run plugin files that the resumed run names, wherever it was made.

    Raises:
        UserError: there is nothing to run, or a resumed run is told what it knows itself.
    """
    if resume is None:
        if plugins is None and config is None:
            names = ", ".join(dict.fromkeys(one.name for one in installed())) or "none"
            raise UserError("nothing to run: no plugin is named", hint=_EXAMPLES + names)
        return config
    for option, value in {"plugins": plugins, "config": config, "output": output}.items():
        if value is not None:
            raise UserError(
                f"a resumed run has its own {option}",
                where=f"{prefix}resume {resume}",
                hint=f"leave {prefix}{option} out; single settings may be given",
            )
    return run_config(resume, trust_plugins=trust_plugins)


def run_config(run: Path, *, trust_plugins: bool = False) -> Path:
    """The configuration of the run in a folder.

    Raises:
        UserError: there is no run, or its folder holds what may not be used.
    """
    file = run / CONFIG_FILE
    if not file.is_file():
        raise UserError(
            f"there is no run here: no {CONFIG_FILE}"
            if run.is_dir()
            else "there is no such folder",
            where=str(run),
            hint="give the folder that `ft run` printed at its end",
        )
    untrusted.refuse(run, trust_plugins=trust_plugins)
    return file
