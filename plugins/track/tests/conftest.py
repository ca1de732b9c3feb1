"""A short run on a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest

from ft_kit import tiny_bert
from ft_kit.tasks import VOCABULARY


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT that knows the words of the kit's tasks."""
    return tiny_bert(tmp_path_factory.mktemp("tiny"), VOCABULARY)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path_factory.getbasetemp() / "ft-cache"))
    for name in ("WANDB_MODE", "WANDB_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
