"""A technique that fills the disk of the run folder once, in training or behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from ft import Config, Loss, Plugin, hookimpl

BALLAST = "ballast"


class FillConfig(Config):
    """How full.

    Attributes:
        armed: fill only while this file is there, and remove it.
        leave: kilobytes that stay free.
        when: in the third step, or when nothing but the test split and the model is left to do.
    """

    armed: str = "/nowhere"
    leave: int = 0
    when: Literal["training", "end"] = "training"


class Fill(Plugin):
    """Writes a file of the size of what is free, beside the run folder."""

    name = "fill"
    Config = FillConfig

    @hookimpl
    def compute_loss(self, inner: Callable[..., Loss], run: Any, model: Any, batch: Any) -> Loss:
        if self.config.when == "training" and run.step == 2:
            self._fill(run)
        return inner(run, model, batch)

    @hookimpl
    def on_log(self, run: Any, values: Mapping[str, float]) -> None:
        if self.config.when == "end" and any(name.startswith("final/") for name in values):
            self._fill(run)

    def _fill(self, run: Any) -> None:
        armed = Path(self.config.armed)
        if armed.exists():
            armed.unlink()
            disk = os.statvfs(run.output)
            size = disk.f_bavail * disk.f_frsize - 1024 * self.config.leave
            with (run.output.parent / BALLAST).open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, max(size, 1))
