"""A technique around the loss of outputs that gives the mean over its items."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ft
from ft import hookimpl


class Mean(ft.Plugin):
    """Divides the loss by its items."""

    @hookimpl
    def loss_of(self, inner: Any, run: Any, outputs: Any, batch: Any) -> Any:
        loss = inner(run, outputs, batch)
        return replace(loss, total=loss.total / loss.items)
