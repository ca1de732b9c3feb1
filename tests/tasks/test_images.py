"""An image model trains, resumes and predicts without a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ResNetConfig, ResNetModel, ViTConfig, ViTModel

import ft


def vit() -> Any:
    return ViTModel(
        ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=32,
            patch_size=8,
        )
    )


def resnet() -> Any:
    return ResNetModel(
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    )


@pytest.mark.parametrize("kind", [vit, resnet])
def test_images_are_classified(resumed: Any, tmp_path: Path, kind: Any) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("validation", 6), ("test", 6)):
        for name, colour in (("blue", (30, 30, 200)), ("red", (200, 30, 30))):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                noise = rng.integers(-25, 25, (32, 32, 3))
                Image.fromarray((np.array(colour) + noise).astype(np.uint8)).save(
                    folder / f"{i}.png"
                )
    torch.manual_seed(0)
    kind().save_pretrained(tmp_path / "base")
    result = resumed(
        "images",
        tmp_path / "base",
        5,
        images={"folder": str(tmp_path / "data")},
        epochs=4,
        batch_size=8,
        learning_rate=3e-3,
    )
    assert result.metrics["test"]["accuracy"].value == 1.0
    assert result.metrics["validation"]["loss"].value < 0.3
    test = tmp_path / "data" / "test"
    asked = [str(test / "red" / "0.png"), str(test / "blue" / "0.png")]
    assert [one["label"] for one in ft.predict(result.output, asked)] == ["red", "blue"]
    names = {path.name for path in (result.output / "model").iterdir()}
    assert "tokenizer.json" not in names
