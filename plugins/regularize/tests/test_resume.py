"""A run that is stopped and resumed is the same to the last bit, whatever the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft
from ft import Plugin, hookimpl
from ft_kit import TEXTS
from ft_kit.compare import differences


class Stop(Plugin):
    """Stops the run in its sixth step, once: the file says that it has not yet."""

    name = "stop"

    @hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        armed = Path(run.output).parent / "armed"
        if run.step == 5 and armed.exists():
            armed.unlink()
            raise RuntimeError("stopped")
        return inner(run, model, batch)


@pytest.mark.parametrize(
    "settings",
    [
        {"mixup": 0.4, "curriculum": 0.3, "label_smoothing": 0.1},
        {"focal": 2.0, "balance": True, "dropout_samples": 3, "unfreeze": 0.7},
    ],
)
def test_a_stopped_run_goes_on_as_if_it_had_not(
    ft_run: Any, tmp_path: Path, settings: dict[str, Any]
) -> None:
    def go(name: str) -> Any:
        plugins = [TEXTS, "regularize", f"{__file__}:Stop"]
        more = {"epochs": 3, "checkpoint_steps": 2, "output": tmp_path / name}
        return ft_run(plugins, regularize=settings, **more)

    go("whole")
    (tmp_path / "armed").touch()
    with pytest.raises(RuntimeError, match="stopped"):
        go("stopped")
    ft.run(resume=tmp_path / "stopped")
    assert differences(tmp_path / "stopped", tmp_path / "whole") == []
