"""Image classification with any image model of transformers, read from folders named by class."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from PIL import Image
from pydantic import Field
from transformers import AutoModelForImageClassification

import ft
from ft import Evaluation, Label, Metric, Schema, TaskData, bootstrap_items, hookimpl

SPLITS = ("train", "validation", "test")


class Images(ft.Plugin):
    """Says which class an image is of."""

    name = "images"
    families = ("image", "convnet")

    class Config(ft.Config):
        folder: Path = Field(description="holds SPLIT/CLASS/*.png")

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        for split, count in (("train", 12), ("validation", 3), ("test", 3)):
            for name, colour in (("blue", (30, 30, 200)), ("red", (200, 30, 30))):
                (folder / split / name).mkdir(parents=True)
                for i in range(count):
                    pixels = np.array(colour) + rng.integers(-25, 25, (16, 16, 3))
                    image = Image.fromarray(pixels.astype(np.uint8))
                    image.save(folder / split / name / f"{i}.png")
        return {"folder": str(folder)}

    @hookimpl
    def load_data(self, run: Any) -> TaskData:
        root = self.config.folder
        names = tuple(sorted(path.name for path in (root / "train").iterdir()))
        splits = {}
        for split in SPLITS:
            paths = sorted((root / split).glob("*/*.png"))
            splits[split] = Dataset.from_dict(
                {
                    "image": [str(path) for path in paths],
                    "label": [path.parent.name for path in paths],
                    # Other pixels under the same name must be encoded anew.
                    "digest": [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths],
                }
            )
        return TaskData(DatasetDict(splits), Schema(images=("image",), label=Label(names=names)))

    @hookimpl
    def build_head(self, run: Any, data: TaskData) -> Any:
        more = {"num_labels": len(data.schema.label.names), "ignore_mismatched_sizes": True}
        loader = AutoModelForImageClassification.from_pretrained
        return run.load(loader, "model", dtype=torch.float32, **({} if run.restored else more))

    @hookimpl
    def encode(self, run: Any, examples: Any, training: bool) -> dict[str, list[Any]]:
        config = run.model_config
        side = getattr(config, "image_size", 32)
        pixels = []
        for path in examples["image"]:
            with Image.open(path) as image:
                array = np.asarray(image.convert("RGB").resize((side, side)), dtype=np.float32)
            pixels.append(array.transpose(2, 0, 1) / 127.5 - 1)
        patches = (side // getattr(config, "patch_size", 8)) ** 2
        features: dict[str, list[Any]] = {"pixel_values": pixels, "length": [patches] * len(pixels)}
        if "label" in examples:
            ids = {name: i for i, name in enumerate(run.data.schema.label.names)}
            features["labels"] = [ids[name] for name in examples["label"]]
        return features

    @hookimpl
    def read_request(self, run: Any, request: Any) -> dict[str, Any]:
        return {"image": request if isinstance(request, str) else request["image"]}

    @hookimpl
    def evaluate(self, run: Any, predictions: Any) -> Evaluation:
        gold = predictions.examples["label"]
        right = np.array(
            [item["label"] == g for item, g in zip(predictions.items, gold, strict=True)]
        )
        interval = bootstrap_items(lambda rows: float(right[rows].mean()), len(right))
        return Evaluation({"accuracy": Metric(float(right.mean()), *interval)}, "accuracy")
