"""Tells trackers how a run goes."""

from __future__ import annotations

import json
import tomllib
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from ft import Config, FtError, Plugin, PluginError, Run, TaskData, hookimpl
from ft_track.places import PLACES, Start, fitting, require
from ft_track.settings import TrackConfig

WHO = "plugin 'track'"


class Track(Plugin):
    """Shows a run in TensorBoard, Weights & Biases or MLflow; it changes nothing of it."""

    Config: ClassVar[type[Config]] = TrackConfig
    config: TrackConfig

    def __init__(self, config: TrackConfig | None = None) -> None:
        super().__init__(config)
        self._trackers: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        self._begun = False
        # A run that fails has no last event: what was told must be closed all the same.
        self._close = weakref.finalize(self, _finish, self._trackers)

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Run) -> TaskData:
        """Only looks whether the packages are there, while nothing is lost yet."""
        require(self.config.to, WHO)
        return inner(run)

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Begin, and tell the settings."""
        if not self.config.to:
            run.note("track is told nothing to: name it, as in -o track.to=tensorboard")
        self._begin(run)

    @hookimpl
    def on_log(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        """Tell numbers."""
        self._begin(run)
        told = {"epoch": run.epoch, **values}
        for place in list(self._trackers):
            self._tell(run, place, lambda one, at=place: one.log(fitting(at, told), step=step))

    @hookimpl
    def on_run_end(self, run: Run) -> None:
        """Close what was begun."""
        for place in list(self._trackers):
            self._tell(run, place, lambda one: one.finish())
        self._trackers.clear()

    def state_dict(self) -> dict[str, Any]:
        """The ids under which the run is known, so that a resume goes on there."""
        return {"ids": dict(self._ids)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `state_dict`."""
        self._ids = dict(state.get("ids", {}))

    def _begin(self, run: Run) -> None:
        """Begin the trackers; a run that is resumed hears no start."""
        if self._begun or not run.ranks.main:
            return
        self._begun = True
        settings = read_settings(run.output / "config.toml")
        for place in self.config.to:
            start = Start(self.config, run.output, self._ids.get(place), run.step)
            try:
                tracker, self._ids[place] = PLACES[place](start)
                self._trackers[place] = tracker
                if start.id is None:
                    tracker.store_init_configuration(fitting(place, settings))
            except FtError:
                raise
            except Exception as error:
                raise PluginError(
                    f"{place} cannot begin: {type(error).__name__}: {error}",
                    where="track.to",
                    who=WHO,
                    hint=f"leave {place} out of track.to to train without it",
                ) from error

    def _tell(self, run: Run, place: str, tell: Callable[[Any], None]) -> None:
        """Tell one of them; one that fails is left out, and the training goes on."""
        try:
            tell(self._trackers[place])
        except Exception as error:
            del self._trackers[place]
            run.note(f"track: {place} is told no more: {type(error).__name__}: {error}")


def _finish(trackers: dict[str, Any]) -> None:
    for one in trackers.values():
        with suppress(Exception):
            one.finish()


def read_settings(file: Path) -> dict[str, bool | int | float | str]:
    """Every setting of a run by its dotted key; lists and tables as JSON."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    flat: dict[str, Any] = {"plugins": ",".join(tables.pop("plugins"))}
    for table, values in tables.items():
        flat |= {f"{table}.{key}": value for key, value in values.items()}
    plain = (bool, int, float, str)
    return {
        key: value if isinstance(value, plain) else json.dumps(value, default=str)
        for key, value in flat.items()
    }
