"""Every kind of model trains, predicts as transformers does, and does what the page says of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


def _trial() -> Any:
    spec = importlib.util.spec_from_file_location("ft_trial", Path(__file__).with_name("trial.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TRIAL = _trial()
ROWS = TRIAL.committed()
SHORT = {"DistilBERT", "EuroBERT", "BART"}


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=() if one in SHORT else pytest.mark.long) for one in ROWS]
)
def test_a_model_does_what_its_row_says(name: str, tmp_path: Path) -> None:
    assert TRIAL.row_text(TRIAL.tried(name, tmp_path)) == ROWS[name], (
        f"run `python tests/architectures/trial.py {name!r}`"
    )


def test_the_table_is_the_one_that_was_written() -> None:
    assert list(TRIAL.MODELS) == list(ROWS)
    assert TRIAL.is_sealed(), "run `python tests/architectures/trial.py`; do not edit the table"
