"""Images of two colours, and a tiny model that has learned them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft_image.example import SIDE, write_example
from ft_kit.models import tiny_model

RUN: dict[str, Any] = {"epochs": 4, "learning_rate": 3e-3, "batch_size": 8}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for each split and class."""
    folder = tmp_path_factory.mktemp("images")
    write_example(folder, {"train": 24, "validation": 6, "test": 6}, seed=1)
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny vision transformer and a tiny convolutional network, without an image processor."""
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny_model(folder / name, name) for name in ("image", "convnet")}


@pytest.fixture(scope="session")
def go(models: dict[str, Path], ft_train: Callable[..., Any]) -> Callable[..., Any]:
    """Train: ``go({"train": folder}, "image_augment", epochs=2)``."""

    def run(settings: dict[str, Any], *plugins: str, **more: Any) -> Any:
        settings = {"size": SIDE, **settings}
        values = {"model": str(models["image"]), **RUN, **more}
        return ft_train(["image", *plugins], image=settings, **values)

    return run


@pytest.fixture(scope="session")
def trained(go: Callable[..., Any], data: Path) -> Any:
    """A run that tells the two colours apart."""
    return go({"train": str(data)}, report=True, epochs=6)
