"""A student that is stopped goes on as if it had not been, from the same teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import WORDS
from ft_kit.compare import differences

STOP = "ft_kit.edges:Stop"


def test_a_stopped_student_goes_on_from_the_same_teacher(ft_run: Any, tmp_path: Path) -> None:
    teacher = ft_run([WORDS], epochs=1, output=tmp_path / "teacher").output
    pool = tmp_path / "more.txt"
    pool.write_text("anna went to rome\nthe house\nben saw a house in paris\n")
    settings = {
        "teacher": str(teacher),
        "student_layers": 1,
        "hidden": 1.0,
        "unlabelled": str(pool),
    }

    def go(name: str) -> Any:
        more = {
            "model": str(teacher / "model"),
            "epochs": 3,
            "max_steps": None,
            "checkpoint_steps": 2,
            "batch_size": 4,
            "kit-stop": {"armed": str(tmp_path / "armed"), "step": 6},
        }
        plugins = [WORDS, "distill", STOP]
        return ft_run(plugins, distill=settings, output=tmp_path / name, **more)

    go("whole")
    (tmp_path / "armed").touch()
    with pytest.raises(RuntimeError, match="stopped"):
        go("stopped")
    weights = teacher / "model" / "model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-4] + b"\0\0\0\0")
    with pytest.raises(ft.FtError):
        ft.run(resume=tmp_path / "stopped")
    weights.write_bytes(kept)
    ft.run(resume=tmp_path / "stopped")
    assert differences(tmp_path / "stopped", tmp_path / "whole") == []
