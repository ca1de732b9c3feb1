"""The models of a server: loaded, named, and replaced while requests come in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import ft
from ft import UserError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FIRST_RATIO = 0.4
"""Tokens a character, until the model's own are known."""


@dataclass(eq=False)
class Model:
    """A loaded model.

    Attributes:
        name: by which clients call it.
        trained: what answers.
        hash: of the run's ``task.json``, which holds the hashes of all files of the model and the
            state of its plugins.
        version: the name of the run's folder.
        schema: the JSON schema of one item.
        columns: of each task (``""`` where there is one alone) what the training file calls a column,
            by our name for it.
        plugins: the names of the run's plugins, the task first.
        ratio: tokens a character of an item, as measured lately.
        tasks: the schema of each task that it answers, by name; of most models one, ``""``.
        reads_files: whatever is asked names a file to be read, an image.
        paths: keys of an item that name files to be read.
    """

    name: str
    trained: ft.Trained
    hash: str
    version: str
    schema: dict[str, Any]
    columns: Mapping[str, Mapping[str, str]]
    plugins: Sequence[str]
    ratio: float = FIRST_RATIO
    tasks: Mapping[str, ft.Schema] = field(init=False)
    reads_files: bool = field(init=False)
    paths: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        schema = self.trained.schema
        several = schema.extra.get("tasks", {})  # what `ft.compose` keeps there
        self.tasks = {name: ft.Schema.from_json(one["schema"]) for name, one in several.items()}
        self.tasks = self.tasks or {"": schema}
        self.reads_files = any(one.images for one in self.tasks.values())
        self.paths = frozenset(_paths(self.schema))

    def labels(self, task: str = "") -> list[str]:
        """The labels, or tags, that a task predicts."""
        schema = self.tasks[task]
        own = schema.words.labels if schema.words else schema.label.names if schema.label else ()
        return list(own)

    def files_of(self, item: Any) -> str | bool:
        """Whether an item names files to be read: the key of one, or that all of it may.

        An image may be held by the item itself, as a ``data:`` text (RFC 2397).
        """
        if isinstance(item, Mapping):
            for key in sorted(self.paths.intersection(item)):
                if not _holds_data(item[key]):
                    return key
            columns = {name for one in self.tasks.values() for name in one.images}
            return any(not _holds_data(item.get(name)) for name in columns)
        return self.reads_files and not _holds_data(item)

    def about(self) -> dict[str, str]:
        """What every answer says of the model."""
        return {"name": self.name, "version": self.version, "hash": self.hash}

    def measured(self, tokens: int, characters: int) -> None:
        """Take note of the tokens that items of so many characters had."""
        if characters:
            self.ratio += 0.1 * (tokens / characters - self.ratio)


def load(name: str, path: Path, **trust: bool) -> Model:
    """Load the model of a run.

    Args:
        name: what to call it.
        path: the run's folder; a link is followed once, so that the model and its version belong
            together though the link is changed meanwhile.
        trust: as `ft.load` takes it.

    Raises:
        ft.UserError: there is no finished run.
    """
    folder = path.resolve()
    digest = hash_of(folder)
    trained = ft.load(folder, **trust)
    config = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    columns: dict[str, dict[str, str]] = {"": {}}
    for table in (value for value in config.values() if isinstance(value, dict)):
        columns[""] |= table.get("columns") or {}
        for task, own in (table.get("settings") or {}).items():  # of a plugin of several tasks
            columns[task] = (own.get("columns") or {}) if isinstance(own, dict) else {}
    plugins = [str(plugin) for plugin in config.get("plugins", ())]
    return Model(name, trained, digest, folder.name, trained.request_schema(), columns, plugins)


def _paths(schema: Any) -> Iterator[str]:
    """The properties that name files, wherever in the schema they stand."""
    if isinstance(schema, Mapping):
        for name, value in (schema.get("properties") or {}).items():
            if isinstance(value, Mapping) and value.get("format") == "path":
                yield name
        for kind in ("anyOf", "allOf", "oneOf"):
            for one in schema.get(kind) or ():
                yield from _paths(one)


def _holds_data(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("data:")


def hash_of(folder: Path) -> str:
    """The hash by which a model is known.

    Raises:
        ft.UserError: there is no finished run.
    """
    try:
        return ft.file_hash(folder / "task.json")[:16]
    except OSError as error:
        raise UserError(
            "there is no finished run here",
            where=str(folder),
            hint="give the folder that `ft run` printed at its end",
        ) from error


def named(runs: Sequence[str]) -> dict[str, Path]:
    """The folders of runs by the names that clients use: ``NAME=RUN``, or the folder's own name.

    Raises:
        UserError: a name is none, or stands twice.
    """
    found: dict[str, Path] = {}
    for run in runs:
        name, equals, path = run.partition("=")
        if not equals or "/" in name:
            name, path = "", run
        name = name or Path(path).absolute().name
        if not NAME.fullmatch(name):
            raise UserError(
                f"'{name}' cannot be the name of a model: letters, digits, '.', '_' and '-' can",
                where=run,
                hint=f"give it one: NAME={path}",
            )
        if name in found:
            raise UserError(f"two models are called '{name}'", hint=f"e.g. {name}2={path}")
        found[name] = Path(path)
    return found


class Models:
    """The models by name.

    Args:
        folders: of their runs.
        load: gives the model of a name and a folder.
        hash_of: gives the hash that the model of a folder would have.
    """

    def __init__(
        self,
        folders: Mapping[str, Path],
        load: Callable[[str, Path], Model] = load,
        hash_of: Callable[[Path], str] = hash_of,
    ) -> None:
        self.folders = dict(folders)
        self._load = load
        self._hash_of = hash_of
        self._models: dict[str, Model] = {}
        self._lock = Lock()

    @property
    def ready(self) -> bool:
        """Whether all are loaded."""
        return len(self._models) == len(self.folders)

    def all(self) -> list[Model]:
        """Those that are loaded, in the order in which they were given."""
        return [self._models[name] for name in self.folders if name in self._models]

    def get(self, name: str) -> Model | None:
        """The model of a name as it is now; ``None`` where it is not loaded."""
        return self._models.get(name)

    def reload(self) -> dict[str, bool]:
        """Load what is new; each model is replaced at once, and what was asked before is answered
        by the one that it was asked of.

        Returns:
            For each name whether the model is another now.

        Raises:
            ft.FtError: a run cannot be loaded; all models stay as they are.
        """
        with self._lock:
            new = {}
            for name, folder in self.folders.items():
                before = self._models.get(name)
                if before is None or before.hash != self._hash_of(folder.resolve()):
                    new[name] = self._load(name, folder)
            self._models = {**self._models, **new}
            return {name: name in new for name in self.folders}
