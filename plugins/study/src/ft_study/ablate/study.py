"""The folder of an ablation: what is to be run, and what is done."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from ft import Resolved, UserError, to_toml
from ft_study.ablate.arms import Arm, arm_name, arms
from ft_study.folder import CLAIMS, begin, default_folder, flat
from ft_study.results import write_whole
from ft_study.runs import Finished

_TRUST = "trust_remote_code"


@dataclass(frozen=True)
class Job:
    """One run of a study.

    Attributes:
        arm: its plugins.
        seed: its seed.
    """

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """Its folder below ``runs``."""
        return f"{arm_name(self.arm)}-seed{self.seed}"


@dataclass(frozen=True)
class Study:
    """An ablation in a folder.

    Attributes:
        folder: where everything is kept.
        plugins: the task, then the techniques.
        first_seed: the others follow it.
        trust: whether the model's own code may be run.
    """

    folder: Path
    plugins: tuple[str, ...]
    first_seed: int
    trust: bool = False

    @classmethod
    def of(cls, resolved: Resolved, folder: Path | None) -> Study:
        """The study of these settings, begun or gone on with.

        Args:
            resolved: the full set of plugins with every setting.
            folder: its folder; by default one whose name follows from the settings.

        Raises:
            UserError: there is no technique, or another study is in the folder.
        """
        names = tuple(one.name for one in resolved.plugins)
        if len(names) < 2:
            raise UserError(
                "there is nothing to leave out: no technique is named",
                where="--plugins",
                hint="name a task and techniques behind it: --plugins ner,augment,adversarial",
            )
        settings: dict[str, Any] = tomllib.loads(to_toml(resolved))
        trust = bool(settings["run"].pop(_TRUST, False))
        about = {"settings": flat(settings)}
        study = cls(
            folder or default_folder("ablate", resolved, about), names, resolved.run.seed, trust
        )
        begin(study.folder, about)
        study._lay_out(settings)
        return study

    def _lay_out(self, settings: dict[str, Any]) -> None:
        """Make the folders, and the settings' file of each arm."""
        for name in ("runs", "logs", "settings"):
            (self.folder / name).mkdir(exist_ok=True)
        specs = dict(zip(self.plugins, settings["plugins"], strict=True))
        for arm in self.arms:
            tables = {name: settings[name] for name in ("run", *arm)}
            chosen = {"plugins": [specs[name] for name in arm], **tables}
            write_whole(self.settings(arm), tomli_w.dumps(chosen))

    @property
    def arms(self) -> list[Arm]:
        """What is trained, the task alone first."""
        return arms(self.plugins[0], self.plugins[1:])

    def settings(self, arm: Arm) -> Path:
        """The file with the settings of an arm."""
        return self.folder / "settings" / f"{arm_name(arm)}.toml"

    @property
    def claims(self) -> Path:
        """The folder of the claims on runs."""
        return self.folder / CLAIMS

    def output(self, job: Job) -> Path:
        """The folder of a run."""
        return self.folder / "runs" / job.name

    def log(self, job: Job) -> Path:
        """What a run printed."""
        return self.folder / "logs" / f"{job.name}.log"

    def jobs(self, seeds: int) -> Iterator[Job]:
        """Every run: all arms with the first seed, then with the next, and so on."""
        for k in range(seeds):
            yield from (Job(arm, self.first_seed + k) for arm in self.arms)

    def is_finished(self, job: Job) -> bool:
        """Whether a run is done; its record is written last."""
        return (self.output(job) / "record.json").is_file()

    def finished(self, job: Job) -> Finished | None:
        """A run, if it is finished."""
        return Finished.read(self.output(job)) if self.is_finished(job) else None
