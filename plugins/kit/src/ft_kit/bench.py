"""Where plugins are tried: a folder, a tiny model, and short runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copy2
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ft.config.complaints import Scope
from ft.config.given import read_values
from ft.config.merge import Given
from ft.contract.errors import FtError
from ft.contract.plugin import Config
from ft.loading.load import Loaded, load
from ft.loading.outline import outline_of
from ft.runfolder.origin import key_file
from ft_kit.executed import executed
from ft_kit.models import tiny_model

if TYPE_CHECKING:
    from ft.contract.results import Result

SETTINGS: Mapping[str, Any] = {
    "epochs": 2,
    "batch_size": 6,
    "max_steps": 8,
    "checkpoint_steps": 2,
    "learning_rate": 1e-3,
    "precision": "fp32",
    "device": "cpu",
    "lint": "off",
    "report": False,
}
"""Settings of a short run; with the tasks of the kit it is two epochs of four steps."""


ENCODER = "encoder"
"""The family of the models that a plugin is tried with which declares none."""


@dataclass(frozen=True)
class Subject:
    """A plugin and the settings that it is tried with.

    Attributes:
        spec: as in ``--plugins``.
        loaded: the plugin.
        settings: its settings.
        executed: the files of the modules that were executed to load it.
    """

    spec: str
    loaded: Loaded
    settings: Mapping[str, Any] = field(default_factory=dict)
    executed: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What a run calls it."""
        return self.loaded.name

    @property
    def kind(self) -> str:
        """``task`` or ``technique``."""
        return outline_of(self.loaded.cls).kind

    @property
    def families(self) -> tuple[str, ...]:
        """The families of models that it is tried with."""
        config, _ = checked(self, {})
        made: Any = self.loaded.cls
        with suppress(Exception):  # the rule `hooks` reports that it cannot be made
            made = made if config is None else made(config)
        given: Any = made.families
        return (tuple(given) if isinstance(given, tuple | list) else ()) or (ENCODER,)

    def hooks(self, name: str) -> bool:
        """Whether it implements a hook."""
        return name in outline_of(self.loaded.cls).hooks


def checked(subject: Subject, extra: Mapping[str, Any]) -> tuple[Config | None, list[FtError]]:
    """The settings of a plugin as its ``Config``, with some added, and what is wrong with them."""
    settings, _ = read_values({subject.name: {**subject.settings, **extra}}, {})
    given, model = Given.of(settings), subject.loaded.cls.Config
    scope = Scope({subject.name: model}, given.places, None)
    return given.check(subject.name, model, subject.loaded.owner, scope)


@dataclass
class Trial:
    """A run that was tried.

    Attributes:
        output: its folder.
        result: what it gave back, ``None`` if it failed.
        error: what it failed with.
        findings: what the probes wrote.
        attempts: what the guards refused.
        executed: the files of the modules that were executed in it.
    """

    output: Path
    result: Result | None = None
    error: Exception | None = None
    findings: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    executed: list[Path] = field(default_factory=list)

    def found(self, rule: str) -> list[dict[str, Any]]:
        """What the probes wrote under a name, each thing once."""
        unique = {json.dumps(one, sort_keys=True): one for one in self.findings}
        return [one for one in unique.values() if one["rule"] == rule]


class Bench:
    """Tries plugins on a tiny model.

    Args:
        folder: gets the model, the data and the runs; nothing else is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._subjects: dict[str, Subject] = {}
        self._models: dict[str, Path] = {}
        self._count = 0

    def model(self, family: str = ENCODER) -> Path:
        """A folder with a random model of a family that knows the words of the kit's tasks."""
        from ft_kit.tasks import VOCABULARY

        if family not in self._models:
            folder = self.folder / f"model-{family}"
            self._models[family] = tiny_model(folder, family, VOCABULARY)
        return self._models[family]

    def subject(self, spec: str, settings: Mapping[str, Any] | None = None) -> Subject:
        """A plugin with its own example settings, and others over them.

        Raises:
            PluginError: it cannot be loaded.
        """
        key = json.dumps([spec, dict(settings or {})], sort_keys=True, default=str)
        if key not in self._subjects:
            paths: list[Path] = []
            with executed(paths):
                loaded = load(spec)
                folder = self.new_folder(f"data-{loaded.name}")
                own = loaded.cls.example_settings(folder)
            values = {**own, **(settings or {})}
            self._subjects[key] = Subject(spec, loaded, values, tuple(paths))
        return self._subjects[key]

    def new_folder(self, name: str) -> Path:
        """An empty folder that nobody else has."""
        self._count += 1
        folder = self.folder / f"{self._count:03}-{name}"
        folder.mkdir(parents=True)
        return folder

    def run(
        self,
        label: str,
        members: Sequence[Subject],
        *,
        family: str = ENCODER,
        guard: bool = False,
        findings: Path | None = None,
        resume: Path | None = None,
        **settings: Any,
    ) -> Trial:
        """Run some plugins, and take whatever it ends with.

        Args:
            label: for the name of the folder.
            members: the plugins in the order of ``--plugins``.
            family: of the tiny model.
            guard: refuse network and pickle meanwhile.
            findings: the file that the probes among the members write to.
            resume: the folder of a run to go on with, which brings plugins and settings.
            settings: of the run, over `SETTINGS`.
        """
        import ft
        from ft.contract.model import quiet_transformers
        from ft_kit.guards import guarded

        trial = Trial(resume or self.new_folder(label) / "run")
        tables = {one.name: dict(one.settings) for one in members if one.settings}
        values = {**SETTINGS, "model": str(self.model(family)), **settings, **tables}
        names = [one.loaded.spec for one in members]
        try:
            watch = guarded(trial.attempts) if guard else nullcontext()
            with self.alone(), quiet_transformers(), watch, executed(trial.executed):
                trial.result = (
                    ft.run(resume=resume)
                    if resume
                    else ft.run(names, output=trial.output, **values)
                )
        except Exception as error:
            trial.error = error
        if findings is not None and findings.exists():
            lines = findings.read_text(encoding="utf-8").splitlines()
            trial.findings = [json.loads(line) for line in lines]
        return trial

    @contextmanager
    def cache(self) -> Iterator[None]:
        """Keep what ft caches in the bench's own folder."""
        with patch.dict("os.environ", {"FT_CACHE": str(self.folder / "cache")}):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the cache and the key that signs runs in the bench's own folder.

        The key is a copy of the user's, if there is one, so that a plugin under test may open the user's runs.
        """
        own = None
        with suppress(RuntimeError):
            own = key_file()
        with self.cache(), patch.dict("os.environ", {"XDG_STATE_HOME": str(self.folder / "state")}):
            if own is not None and own.is_file():
                key_file().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                copy2(own, key_file())
            yield
