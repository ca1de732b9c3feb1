"""The run of one trial."""

from __future__ import annotations

import gc
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ft
from ft import Resolved, Result
from ft_study.folder import flat
from ft_study.tune.pruner import NAME, SPEC, Judge

if TYPE_CHECKING:
    from ft_study.tune.space import Dimension


@dataclass(frozen=True)
class Base:
    """The settings that a search starts from.

    Attributes:
        resolved: plugins and settings, without what only a flag may allow.
        trust: whether the model's own code may be run.
        file: where they are kept, once they are.
    """

    resolved: Resolved
    trust: bool
    file: Path | None = None

    @classmethod
    def of(cls, resolved: Resolved) -> Base:
        """From the settings as the user gave them."""
        plain = resolved.run.model_copy(update={"trust_remote_code": False})
        return cls(replace(resolved, run=plain), resolved.run.trust_remote_code)

    def kept(self, file: Path) -> Base:
        """The same settings, now that a file has them."""
        return replace(self, file=file)

    @property
    def text(self) -> str:
        """As TOML."""
        return ft.to_toml(self.resolved)

    def about(self) -> dict[str, str]:
        """Every setting by its dotted key, as JSON, to compare searches by."""
        return flat(tomllib.loads(self.text))

    def with_values(self, values: Mapping[str, Any], labels: Mapping[str, str]) -> Resolved:
        """The settings of a trial.

        Raises:
            ConfigError: a value does not fit.
            Problems: several do not.
        """
        settings = tomllib.loads(self.text)
        names = settings.pop("plugins")
        return ft.resolve(names, values={**settings, **values}, labels=labels)


def check(base: Base, dimensions: Sequence[Dimension], labels: Mapping[str, str]) -> None:
    """See that the ends of every range, and every choice, fit their setting.

    Raises:
        ConfigError: one does not.
        Problems: several do not.
    """
    ends = {one.key: one.ends() for one in dimensions}
    for k in range(max(map(len, ends.values()))):
        values = {key: several[min(k, len(several) - 1)] for key, several in ends.items()}
        base.with_values(values, labels)


def run_trial(base: Base, values: Mapping[str, Any], folder: Path, judge: Judge) -> Result:
    """Do the run of a trial, or what is left of it.

    Its checkpoints are removed at its end; its model, predictions and report stay.

    Args:
        base: the settings that the search starts from.
        values: of this trial, by dotted key.
        folder: of the run.
        judge: asked after each epoch.

    Raises:
        FtError: the run failed, or the user stopped it.
    """
    asked: dict[str, Any] = {NAME: {"judge": judge}}
    assert base.file is not None
    try:
        if (folder / "task.json").is_file():
            result = ft.run(resume=folder, trust_remote_code=base.trust, **asked)
        else:
            tables: dict[str, Any] = {}
            for key, value in values.items():
                table, _, name = key.partition(".")
                tables.setdefault(table, {})[name] = value
            run = {**tables.pop("run", {}), "trust_remote_code": base.trust}
            names = [one.spec for one in base.resolved.plugins]
            result = ft.run(
                [*names, SPEC], config=base.file, output=folder, **run, **tables, **asked
            )
    finally:
        # The model of the last trial would still be there while the next one is built.
        gc.collect()
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return result
