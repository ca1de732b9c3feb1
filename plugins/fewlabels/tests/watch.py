"""A plugin of the tests: what the loss of each step is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ft import Plugin, hookimpl


class Watch(Plugin):
    """Writes down the loss of each training step."""

    name = "watch"

    @hookimpl
    def compute_loss(self, inner: Callable[..., Any], run: Any, model: Any, batch: Any) -> Any:
        loss = inner(run, model, batch)
        with (Path(run.output) / "losses.jsonl").open("a") as file:
            file.write(json.dumps(float(loss.total.detach() / loss.items)) + "\n")
        return loss
