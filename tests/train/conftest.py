"""A run that is stopped and resumed, beside the same run without a stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.contract.errors import Interrupted


@pytest.fixture
def resumed(go: Any, comparing: ModuleType, tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Runs plugins twice, once with a stop in a step and a resume, and compares every bit.

    ``resumed(["words", SPEC], step=7)`` gives the folders of the whole and of the resumed run.
    """

    def run(plugins: list[str], step: int, **settings: Any) -> tuple[Path, Path]:
        settings = {"epochs": 2, "checkpoint_steps": 3, **settings}
        armed = tmp_path / "armed"
        stumble = {"armed": str(armed), "how": "int", "step": step}
        whole = Path(go([*plugins, "stumble"], stumble=stumble, **settings).output)
        armed.touch()
        output = tmp_path / "stopped"
        with pytest.raises(Interrupted):
            go([*plugins, "stumble"], output, stumble=stumble, **settings)
        ft.run(resume=output)
        comparing.assert_same(output, whole)
        return whole, output

    return run
