"""The run that goes on from an older one: its plugins, settings and weights, and the new data."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

import ft
from ft import UserError

FROM = "from_run"
KEEP = ("replay", "l2sp", "lwf", "wise")
"""The techniques that keep what the older run knew, from the task outwards."""

STORED = "replay.jsonl"
"""Examples that `replay` keeps in the folder of a run."""

NONE = "none"
"""What stands in a configuration for no value."""

UNFIT = {
    "exported": "an exported model does not learn: refresh the run that it was exported from",
    "multitask": "each of several tasks has data and classes of its own: `ft run --model` with the "
    "older run's model folder trains all of them further",
    "recommend": "the items that it ranks are part of its model: train it again with all interactions",
    "answers": "its answers are added and taken away without training: `ft answers`",
}
"""Plugins whose runs are not refreshed, and why."""


@dataclass(frozen=True)
class Older:
    """A finished run to go on from.

    Attributes:
        path: its folder, absolute.
        config: its settings, as they stand in the file.
        task: the name of its task.
        schema: of its data.
    """

    path: Path
    config: Mapping[str, Any]
    task: str
    schema: ft.Schema

    @classmethod
    def open(cls, path: Path, **trust: bool) -> Older:
        """The run in a folder.

        Raises:
            UserError: there is no finished run, or it is one that is not trained further.
        """
        trained = ft.load(path, **trust)
        config = tomllib.loads((path / "config.toml").read_text(encoding="utf-8"))
        for name, why in UNFIT.items():
            if name in config["plugins"]:
                raise UserError(
                    f"a run with the plugin '{name}' is not refreshed", where=str(path), hint=why
                )
        tasks = [name for name, table in config.items() if _has_data(name, table, config)]
        if len(tasks) != 1:
            raise UserError(
                "no plugin of this run has the setting `train`, so that it is not known what new data "
                "would stand in for",
                where=str(path),
                hint=f"name {FROM} yourself: ft run --plugins ...,{FROM} -o {FROM}.run={path}",
            )
        return cls(path.resolve(), config, tasks[0], trained.schema)

    def source(self, split: str) -> Any:
        """What the run's settings name for a split; ``None``: nothing."""
        return self.config[self.task].get(split)

    def require_classes(self, names: Sequence[str]) -> None:
        """Refuse classes that the run does not know, before anything is trained.

        Raises:
            UserError: there is one.
        """
        known = {name for one in self.schema.targets for name in one.names}
        if self.schema.words is not None and self.schema.words.scheme is not None:
            known = {kind for _, kind in map(ft.tags.split_tag, known) if kind}
        if lacking := [name for name in names if name not in known]:
            raise UserError(
                f"the older run does not know the class {ft.listed(lacking, 5)}",
                where="--classes",
                hint=ft.did_you_mean(lacking[0], known)
                or f"its classes are {ft.listed(sorted(known), 20)}",
            )

    @property
    def stored_alone(self) -> bool:
        """Whether the run's validation data is gone, and examples that it stored are there."""
        source = self.source("validation") or self.source("train") or ()
        names = [source] if isinstance(source, str) else source
        gone = any("*" not in one and ":" not in one and not _exists(one) for one in names)
        return gone and (self.path / STORED).is_file()

    def examples(self, old_data: bool) -> dict[str, list[str]]:
        """Where `replay` finds the examples of this run and of those that it went on from itself.

        Stored examples stand for all of them. ``old_data`` is whether training data may be read again.
        """
        before = self.config.get("replay", {})
        own = self.path / STORED
        if own.is_file():
            return {"run": [], "file": [str(own)]}
        runs = [str(self.path), *before.get("run", ())] if old_data else []
        return {"run": list(dict.fromkeys(runs)), "file": list(before.get("file", ()))}


def _exists(name: str) -> bool:
    return Path(name).expanduser().exists()


def _has_data(name: str, table: Any, config: Mapping[str, Any]) -> bool:
    """Whether a table is that of a task: what names training data, or could."""
    if not isinstance(table, dict) or name in ("run", FROM, *KEEP):
        return False
    return "columns" in table or "train" in table


@dataclass(frozen=True)
class Wish:
    """What the user asks for.

    Attributes:
        train: the new data.
        validation: data to choose the best model by; ``None``: a tenth of the new data.
        test: new test data.
        keep: the names of techniques.
        complete: see `FromRun`.
        old_data: whether the older run's examples may be read.
        overrides: settings, ``table.key=value`` each.
        values: settings of the run by name.
    """

    train: Sequence[str]
    validation: Sequence[str]
    test: Sequence[str]
    keep: Sequence[str]
    complete: bool
    old_data: bool
    overrides: Sequence[str]
    values: Mapping[str, Any]


def keep_of(text: str | None, old_data: bool) -> tuple[str, ...]:
    """The techniques that ``--keep`` names.

    Raises:
        UserError: there is no such technique.
    """
    if text is None:
        return ("replay",) if old_data else ("lwf", "l2sp")
    if text.strip() == NONE:
        return ()
    names = [one.strip() for one in text.split(",")]
    for name in names:
        if name not in KEEP:
            raise UserError(
                f"'{name}' is no way to keep what the older run knew",
                where=f"--keep {text}",
                hint=ft.did_you_mean(name, KEEP) or f"the ways are {', '.join(KEEP)}, or {NONE}",
            )
    return tuple(one for one in KEEP if one in names)


def settings(old: Older, wish: Wish) -> ft.Resolved:
    """The settings of the run that goes on.

    Raises:
        ft.FtError: a setting is wrong; all that are wrong are told together.
    """
    plugins = [one for one in old.config["plugins"] if one not in (FROM, *KEEP)]
    plugins += [FROM, *wish.keep]
    values: dict[str, Any] = {
        f"{old.task}.train": list(wish.train),
        f"{old.task}.validation": list(wish.validation) or NONE,
        f"{FROM}.run": str(old.path),
        f"{FROM}.choose": "both" if wish.old_data and not old.stored_alone else "new",
        f"{FROM}.complete": wish.complete,
        "run.model": str(old.path / "model"),
        **{f"run.{name}": value for name, value in wish.values.items()},
    }
    if wish.test:
        values[f"{old.task}.test"] = [*_files(old.source("test")), *wish.test]
    before = old.config.get(FROM, {}).get("metric")
    if metric := old.config["run"].get("metric", before):
        values |= {f"{FROM}.metric": metric, "run.metric": NONE}
    values |= _pinned(old)
    for name in wish.keep:
        if name == "replay":
            found = old.examples(wish.old_data)
            values |= {f"replay.{key}": value for key, value in found.items()}
            if not any(found.values()):
                raise UserError(
                    "replay needs old examples, and there are none that may be read",
                    where="--keep",
                    hint="leave out replay, or let the older run keep examples: --plugins ...,replay "
                    "-o replay.store=500",
                )
        else:
            values[f"{name}.run"] = str(old.path)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "config.toml"
        base.write_text(_kept(old, plugins), encoding="utf-8")
        return _resolved(plugins, base, wish.overrides, values)


def _resolved(
    plugins: Sequence[str], base: Path, overrides: Sequence[str], values: Mapping[str, Any]
) -> ft.Resolved:
    """Settings of a file, then ours, then those that the user typed."""
    typed = {one.partition("=")[0].strip() for one in overrides}
    ours = {key: value for key, value in values.items() if key not in typed}
    return ft.resolve(plugins, file=base, overrides=overrides, values=ours)


def _kept(old: Older, plugins: Sequence[str]) -> str:
    """The older run's configuration, of an earlier refresh what has no place of its own."""
    kept = {
        name: table
        for name, table in old.config.items()
        if name not in (FROM, *KEEP) or name in plugins
    }
    kept |= {"plugins": list(plugins), FROM: {}}
    for name in KEEP:
        if name in kept:
            kept[name] = {
                key: value for key, value in kept[name].items() if key not in ("run", "file")
            }
    return tomli_w.dumps(kept)


def _pinned(old: Older) -> dict[str, Any]:
    """Settings of the task that must be as the older run found them in its data."""
    found: dict[str, Any] = {}
    table, label, words = old.config[old.task], old.schema.label, old.schema.words
    if label is not None and "kind" in table:
        found[f"{old.task}.kind"] = label.kind
    if label is not None and label.names and "classes" in table:
        found[f"{old.task}.classes"] = list(label.names)
        if label.kind == "ordinal" and "order" in table:
            found[f"{old.task}.order"] = list(label.names)
    if words is not None and "split_words" in table:
        found[f"{old.task}.split_words"] = words.splitter
    return found


def _files(source: Any) -> list[str]:
    """The files of a setting; none where it is a folder or a data set of the hub."""
    names = [source] if isinstance(source, str) else list(source or ())
    return names if all(Path(one).expanduser().is_file() for one in names) else []


def train(resolved: ft.Resolved, output: Path | None, *, quiet: bool, **trust: bool) -> Path:
    """Train, and give the folder of the run.

    Raises:
        ft.FtError: training failed, or was interrupted; a note says how to go on.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(ft.to_toml(resolved), encoding="utf-8")
        return ft.run(config=config, output=output, quiet=quiet, **trust).output


def resume(path: Path, *, quiet: bool, **trust: bool) -> Path:
    """Go on with a refresh that was interrupted, and give the folder of the older run.

    Raises:
        UserError: the run is no refresh.
    """
    file = path / "config.toml"
    try:
        config = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError("there is no run here", where=str(path)) from error
    if FROM not in config.get("plugins", ()):
        raise UserError(
            f"this run does not go on from another one: it has no plugin {FROM}",
            where=str(path),
            hint=f"ft run --resume {path}",
        )
    ft.run(resume=path, quiet=quiet, **trust)
    return Path(config[FROM]["run"])
