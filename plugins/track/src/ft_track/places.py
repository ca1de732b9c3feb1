"""The places that a run is shown in, each through Accelerate's tracker for it."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from ft import PluginError
from ft_track.settings import Place, TrackConfig

MODE = "WANDB_MODE"
KEY = "WANDB_API_KEY"
URI = "MLFLOW_TRACKING_URI"

NOT_IN_MLFLOW = re.compile(r"[^\w\-. /:]")
"""What the name of a metric or of a setting may not have there."""


@dataclass(frozen=True)
class Start:
    """What a tracker needs to begin.

    Attributes:
        config: the settings.
        output: the run's folder.
        id: the run's id in that place, if it was there before.
        step: optimizer steps done; of a run that goes on, what was told behind them is void.
    """

    config: TrackConfig
    output: Path
    id: str | None
    step: int

    @property
    def folder(self) -> Path:
        """Where files are written."""
        return Path(self.config.folder).expanduser() if self.config.folder else self.output

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.config.name or self.output.absolute().name


def tensorboard(start: Start) -> tuple[Any, str]:
    """A writer of event files, and the id of the run."""
    from accelerate.tracking import TensorBoardTracker

    again: dict[str, Any] = {"purge_step": start.step} if start.id else {}
    shared = start.config.folder is not None
    name = start.name if shared else "tensorboard"
    tracker = TensorBoardTracker(name, str(start.folder), **again)
    tracker.start()
    return tracker, name


def wandb(start: Start) -> tuple[Any, str]:
    """A run of Weights & Biases, and its id.

    Raises:
        PluginError: it is to be online, and there is no key: it would ask for one.
    """
    import wandb as library
    from accelerate.tracking import WandBTracker

    mode = start.config.mode or os.environ.get(MODE) or "offline"
    if mode == "online" and not _has_key(library):
        raise PluginError(
            "Weights & Biases is to be told online, and there is no key for it",
            where="track.mode" if start.config.mode else MODE,
            hint=f"`wandb login` once, or set {KEY}; offline, `wandb sync` sends the run later",
        )
    start.folder.mkdir(parents=True, exist_ok=True)
    own = start.id or uuid4().hex[:8]
    again: dict[str, Any] = {"resume": "allow"} if start.id and mode == "online" else {}
    tracker = WandBTracker(
        start.config.project, name=start.name, id=own, dir=str(start.folder), mode=mode, **again
    )
    tracker.start()
    return tracker, own


def _has_key(library: Any) -> bool:
    return bool(os.environ.get(KEY) or getattr(getattr(library, "api", None), "api_key", None))


def mlflow(start: Start) -> tuple[Any, str]:
    """A run of MLflow, and its id."""
    import mlflow as library
    from accelerate.tracking import MLflowTracker

    uri = start.config.uri or os.environ.get(URI)
    if uri is None:
        start.folder.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{start.folder.absolute() / 'mlflow.db'}"
    library.set_tracking_uri(uri)
    # Inside of a run that the user began, ours is one below it.
    inside = library.active_run() is not None
    tracker = MLflowTracker(
        start.config.project, run_id=start.id, run_name=start.name, nested_run=inside
    )
    tracker.start()
    return tracker, str(tracker.tracker.info.run_id)


PLACES: Mapping[Place, Callable[[Start], tuple[Any, str]]] = {
    "tensorboard": tensorboard,
    "wandb": wandb,
    "mlflow": mlflow,
}
"""What begins a tracker; each needs the package of its name."""


def require(places: tuple[Place, ...], who: str) -> None:
    """See that the packages are there, before anything is read.

    Raises:
        PluginError: some are not; says how to install them.
    """
    missing = [name for name in places if not _is_there(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise PluginError(
            f"{' and '.join(missing)} {verb} not installed",
            where="track.to",
            who=who,
            hint=f"pip install {' '.join(missing)}",
        )


def _is_there(package: str) -> bool:
    """Whether a package can be imported; a folder of that name, such as W&B's own, is none."""
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None


def fitting(place: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values under names that the place takes."""
    if place != "mlflow":
        return dict(values)
    return {NOT_IN_MLFLOW.sub("_", name): value for name, value in values.items()}
