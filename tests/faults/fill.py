"""A technique that fills the disk of the run folder once, in its third step."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ft import Config, Loss, Plugin, hookimpl

BALLAST = "ballast"


class FillConfig(Config):
    """How full.

    Attributes:
        armed: fill only while this file is there, and remove it.
        leave: kilobytes that stay free.
    """

    armed: str = "/nowhere"
    leave: int = 0


class Fill(Plugin):
    """Writes a file of the size of what is free, beside the run folder."""

    name = "fill"
    Config = FillConfig

    @hookimpl
    def compute_loss(self, inner: Callable[..., Loss], run: Any, model: Any, batch: Any) -> Loss:
        armed = Path(self.config.armed)
        if run.step == 2 and armed.exists():
            armed.unlink()
            disk = os.statvfs(run.output)
            size = disk.f_bavail * disk.f_frsize - 1024 * self.config.leave
            with (run.output.parent / BALLAST).open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, max(size, 1))
        return inner(run, model, batch)
