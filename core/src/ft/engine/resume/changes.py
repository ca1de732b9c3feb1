"""What is not as it was when a run began: listed, and refused where it may change the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError, FtError, UserError, raise_all
from ft.contract.files import file_hash, path_hash
from ft.contract.schema import POOL
from ft.contract.settings import DataConfig
from ft.engine.processor import described
from ft.engine.resume import made_with
from ft.engine.resume.record import library_versions, machine

if TYPE_CHECKING:
    from ft.config.resolve import Resolved
    from ft.engine.run import LiveRun
    from ft.runfolder.folder import RunFolder

HARMLESS = frozenset(
    {
        "run.checkpoint_steps",
        "run.checkpoint_minutes",
        "run.keep_checkpoints",
        "run.lint",
        "run.advice",
        "run.report",
        "run.trust_remote_code",
        # What these two come to is compared itself.
        "run.device",
        "run.precision",
    }
)
"""Settings that change nothing of what a run learns, or of how it is scored."""

DECIDING = ("torch", "transformers", "accelerate", "numpy")
"""Libraries with which another version may compute otherwise."""

MOVED = ("threads", "processes", "processor")
"""What of the machine may change: the same run, but for the last bits of sums."""

HINT = (
    "put it back as it was (an option: leave it out), or give --allow-changed to go on all the same; "
    "the result is then that of neither run"
)


TRAINING = ("train", "validation", POOL)
"""The splits that the weights depend on."""


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        what: a sentence.
        harmless: it does not change the result, or only the last bits of it.
        where: the file or setting.
    """

    what: str
    harmless: bool
    where: str


@dataclass
class History:
    """What a run was begun with, and what has changed since.

    Attributes:
        folder: the run's.
        allow: go on whatever has changed.
        strict: refuse what is harmless too.
        began: what `made` and others wrote when the run began; empty where it is not known.
        trained: there are checkpoints to go on from, complete or not; else all is new anyway.
        changes: every change so far, this resume's and earlier ones', as JSON values.
    """

    folder: RunFolder
    allow: bool = False
    strict: bool = False
    began: Mapping[str, Any] = field(default_factory=dict)
    trained: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: RunFolder, run: LiveRun, *, allow: bool, strict: bool) -> History:
        """The history of a run that is resumed.

        A damaged ``task.json`` is said: there is less to compare then.
        """
        history = cls(folder, allow, strict)
        history.trained = any(folder.checkpoints.glob("*step-*"))
        try:
            began = folder.read_sealed(folder.task)
            history.changes = [dict(change) for change in began.get("changes", ())]
            if not all(isinstance(began[key], Mapping) for key in ("settings", "data")):
                raise TypeError("no tables of settings and data")
            history.began = began
        except DataError as error:
            if folder.task.exists():
                run.note(f"{folder.task}: {error.what}; it is written again")
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"this is not what ft writes ({type(error).__name__}: {error})",
                where=str(folder.task),
                hint="start a new run",
            ) from error
        return history

    def before_data(self, run: LiveRun, resolved: Resolved) -> None:
        """Compare plugins, settings, libraries and the machine.

        Raises:
            UserError: something changed that may change the result, or the model is gone.
        """
        if self.began:
            _refuse_gone(self.began, run.model_path)
        folder = str(self.folder.plugins)
        found = [
            Change(what, False, folder) for what in made_with.differences(self.folder, resolved)
        ]
        if self.began:
            task = str(self.folder.task)
            found += _settings(self.began["settings"], resolved, str(self.folder.config))
            found += _libraries(self.began.get("libraries"), task)
            found += _machine(self.began.get("machine"), machine(run), task)
            found += _used(self.began.get("used"))
        self._settle(found, run)
        run.used = _hashes(self.began.get("used"))

    def with_data(
        self, run: LiveRun, fingerprints: Mapping[str, str], now: Mapping[str, Any]
    ) -> None:
        """Compare the data, the pre-trained model and its tokenizer.

        Args:
            run: the run.
            fingerprints: of its splits.
            now: what `made` gives now.

        Raises:
            UserError: something changed that may change the result.
        """
        if self.began:
            before = self.began["data"]
            splits = sorted({*before, *fingerprints})
            found = [
                Change(_other_split(split), split not in TRAINING, split)
                for split in splits
                if before.get(split) != fingerprints.get(split)
            ]
            found += _model(self.began.get("model_files"), now["model_files"], run.model_path)
            self._settle(found, run)

    def _settle(self, found: Sequence[Change], run: LiveRun) -> None:
        """Say what goes on, refuse what does not, remember what was allowed."""
        refused = [one for one in found if self._refuses(one)]
        if refused:
            hint = "put it back as it was, or leave out --strict" if self.strict else HINT
            errors: list[FtError] = [UserError(one.what, where=one.where) for one in refused]
            errors[-1].hint = hint
            raise_all(errors)
        for one in found:
            run.note(one.what)
            self.changes.append({"what": one.what, "harmless": one.harmless})

    def _refuses(self, change: Change) -> bool:
        if self.strict:
            return True
        return self.trained and not change.harmless and not self.allow

    def at(self, step: int) -> list[dict[str, Any]]:
        """Every change so far, those of this resume with the step at which it goes on."""
        return [{"step": step, **change} for change in self.changes]


def made(run: LiveRun) -> dict[str, Any]:
    """What a run is made with beside its plugins, settings and data, as JSON values."""
    now = machine(run)
    return {
        "libraries": library_versions(),
        "machine": {key: now[key] for key in ("device", "precision", *MOVED)},
        "model_files": _model_files(run),
    }


def _model_files(run: LiveRun) -> dict[str, str]:
    """Hashes of the processor, and of weights and configuration where they are a folder's."""
    processor = described(run.processor)
    processor.pop("added_tokens", None)  # a plugin's build_head may add its own
    kind = "tokenizer" if hasattr(run.processor, "backend_tokenizer") else "image processor"
    found = {kind: hashlib.sha256(json.dumps(processor).encode()).hexdigest()}
    folder = Path(run.model_path)
    if folder.is_dir():
        paths = sorted([*folder.glob("*.safetensors"), *folder.glob("config.json")])
        found |= {path.name: file_hash(path) for path in paths}
    return found


def _settings(before: Mapping[str, Any], resolved: Resolved, where: str) -> list[Change]:
    """Each setting that is not what it was; where data come from is compared as data."""
    tables = {name for name, config in resolved.configs.items() if isinstance(config, DataConfig)}
    sources = {f"{table}.{key}" for table in tables for key in DataConfig.model_fields}
    harmless = HARMLESS | sources | ({"run.model"} if _is_folder(before, resolved) else set())
    return [
        Change(what, key in harmless, resolved.origins.get(key, where))
        for key, what in made_with.changed_settings(before, resolved).items()
    ]


def _refuse_gone(began: Mapping[str, Any], path: str) -> None:
    """Refuse to look on the hub for a model that was a folder, which takes a minute in vain.

    Raises:
        UserError: it was a folder, and is not there.
    """
    same, files = began["settings"].get("run.model") == path, began.get("model_files")
    was_folder = isinstance(files, Mapping) and "config.json" in files
    if same and was_folder and not Path(path).is_dir():
        raise UserError(
            f"the folder of the pre-trained model is not there: '{path}'",
            where="run.model",
            hint="put it back, or give --model with where it is now",
        )


def _is_folder(before: Mapping[str, Any], resolved: Resolved) -> bool:
    """Whether the pre-trained model was and is a folder, whose files are compared themselves."""
    return (
        bool(before.get("run.model") and resolved.run.model)
        and Path(str(resolved.run.model)).is_dir()
    )


def _libraries(before: Any, where: str) -> list[Change]:
    if not isinstance(before, Mapping):
        return []
    now = library_versions()
    return [
        Change(f"{name} is {now.get(name)} now, and was {before.get(name)}", not deciding, where)
        for name in sorted({*before, *now} - {"ft-core"})
        if now.get(name) != before.get(name)
        for deciding in [name in DECIDING]
    ]


def _machine(before: Any, now: Mapping[str, Any], where: str) -> list[Change]:
    if not isinstance(before, Mapping):
        return []
    found = []
    for key in ("device", "precision", *MOVED):
        old, new = before.get(key), now[key]
        if key == "device":
            old, new = str(old).partition(":")[0], str(new).partition(":")[0]
        if old != new:
            what = f"the {key} is {new} now, and was {old}"
            if key in MOVED:
                verb = "are" if key.endswith("s") else "is"
                what = f"the {key} {verb} {new} now, and {'were' if verb == 'are' else 'was'} {old}"
                what += ": sums may differ in their last bits"
            found.append(Change(what, key in MOVED, where))
    return found


def _used(before: Any) -> list[Change]:
    """The files that plugins named with `run.uses` and that are not what they were."""
    now = _hashes(before)
    return [
        Change(
            f"a file that a plugin uses is {'changed' if name in now else 'not there'}", False, name
        )
        for name, digest in (before.items() if isinstance(before, Mapping) else ())
        if now.get(name) != digest
    ]


def _hashes(names: Any) -> dict[str, str]:
    """What the files and folders of these names hold now, those that are there."""
    paths = {name: Path(name) for name in (names if isinstance(names, Mapping) else ())}
    return {name: path_hash(path) for name, path in paths.items() if path.exists()}


def _other_split(split: str) -> str:
    if split == "train":
        return "the training data is not what the run began with"
    return f"the {split} split is not what the run began with"


def _model(before: Any, now: Mapping[str, str], where: str) -> list[Change]:
    if not isinstance(before, Mapping):
        return []
    return [
        Change(f"{name} of the pre-trained model is not what it was", False, where)
        for name in sorted({*before, *now})
        if now.get(name) != before.get(name)
    ]
