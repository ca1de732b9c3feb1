"""What every task of this folder is tried with: tiny models, and a run that is stopped and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft

HERE = Path(__file__).parent


@pytest.fixture
def resumed(tmp_path: Path, load: Any) -> Any:
    """Train a task twice, the second time stopped in a step and resumed, and compare all files."""

    def run(task: str, model: Path, step: int, **settings: Any) -> Any:
        stumble = f"{HERE.parent / 'techniques.py'}:Stumble"
        armed = tmp_path / "armed"
        values = {
            "model": str(model),
            "device": "cpu",
            "lint": "off",
            "checkpoint_steps": 2,
            "quiet": True,
            **settings,
        }
        plugins = [f"{HERE / task}.py", stumble]
        values["stumble"] = {"armed": str(armed), "step": step}
        whole = ft.run(plugins, output=tmp_path / "whole", **values)
        armed.touch()
        with pytest.raises(RuntimeError, match="stumbled"):
            ft.run(plugins, output=tmp_path / "stopped", **values)
        ft.run(resume=tmp_path / "stopped")
        load("comparing").assert_same(tmp_path / "stopped", tmp_path / "whole")
        return whole

    return run
