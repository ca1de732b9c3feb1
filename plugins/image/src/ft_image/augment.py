"""The technique: alters and mixes the images that a model learns from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field
from torch import Tensor

from ft import EXAMPLE_ID, Config, Loss, Plugin, Run, hookimpl
from ft_image import operations
from ft_image.looking import IMAGE

OTHER, SHARE = "keep_image_other", "keep_image_share"
"""Feature columns: the class of the image that is mixed in, and the share of the image's own."""

Columns = Mapping[str, list[Any]]


@dataclass(frozen=True)
class Altered:
    """An image that is to be opened and changed; stands in the column of images.

    Attributes:
        source: a path, a ``data:`` text, an image, or another one of these.
        change: gives another image in RGB.
    """

    source: Any
    change: Callable[[Image.Image], Image.Image]


class AugmentConfig(Config):
    """Settings of ``image_augment``."""

    operations: Literal["trivial", "rand", "none"] = Field(
        "trivial",
        description="what alters colours and shapes: one operation of any strength "
        "(TrivialAugment), several of one strength (RandAugment), or nothing",
    )
    count: int = Field(2, ge=1, le=10, description="operations on an image with rand")
    strength: float = Field(0.3, ge=0, le=1, description="of each operation with rand")
    crop: float | None = Field(
        0.7,
        gt=0,
        le=1,
        description="share of an image's area that a random part of it has at least; a small one may "
        "cut off what the image shows",
    )
    flip: float = Field(
        0.5, ge=0, le=1, description="probability to mirror left and right; 0 for texts and digits"
    )
    mixup: float | None = Field(
        None, gt=0, description="alpha of the Beta distribution by which two images are blended"
    )
    cutmix: float | None = Field(
        None,
        gt=0,
        description="alpha of the Beta distribution of the area that a box of another image takes; "
        "with mixup, each image gets one of the two",
    )
    mixed: float = Field(1.0, gt=0, le=1, description="share of the images that are mixed")
    plain_epochs: int = Field(
        0, ge=0, description="epochs at the end in which the images stay as they are"
    )


class ImageAugment(Plugin):
    """Alters the images that `image` learns from, anew in every epoch; by draws of its own for each.

    The draws depend on the run's seed, the epoch and the example's position in the training split
    alone: not on the order of batches, nor on whether the run was resumed.
    """

    Config = AugmentConfig
    config: AugmentConfig
    needs = ("image",)
    needs_schema = ("images", "label:single")
    families = ("image", "convnet")

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """All of it."""
        return {"mixup": 0.2, "cutmix": 1.0}

    @hookimpl
    def encode(
        self, inner: Callable[..., Columns], run: Run, examples: Columns, training: bool
    ) -> Columns:
        """Encode altered images when ``training``, mixed with others where that is asked for."""
        if not training or run.epoch > run.epochs - self.config.plain_epochs:
            return inner(run, examples, training)
        features = dict(inner(run, self._altered(run, examples), training))
        if (self.config.mixup or self.config.cutmix) and "labels" in features:
            self._mix(inner, run, examples[EXAMPLE_ID], features)
        return features

    def _altered(self, run: Run, examples: Columns) -> dict[str, list[Any]]:
        pairs = zip(examples[IMAGE], examples[EXAMPLE_ID], strict=True)
        return {
            **examples,
            IMAGE: [Altered(one, self._change(run.epoch, example)) for one, example in pairs],
        }

    def _change(self, epoch: int, example: int) -> Callable[[Image.Image], Image.Image]:
        config = self.config

        def change(image: Image.Image) -> Image.Image:
            rng = self.rng_at(epoch, example)
            if config.crop is not None and config.crop < 1:
                image = operations.crop(image, rng, config.crop)
            if rng.random() < config.flip:
                image = ImageOps.mirror(image)
            if config.operations == "trivial":
                return operations.trivial(image, rng)
            if config.operations == "rand":
                return operations.several(image, rng, config.count, config.strength)
            return image

        return change

    def _mix(
        self,
        inner: Callable[..., Columns],
        run: Run,
        ids: Sequence[int],
        features: dict[str, list[Any]],
    ) -> None:
        """Mix each image with another one of the training split, altered as in this epoch.

        Partners are drawn for each image and not within the batch, so that the mixed image does not
        depend on how the batch is cut.
        """
        assert run.data is not None
        train = run.data.splits["train"]
        draws = [self.rng_at("mix", run.epoch, example) for example in ids]
        chosen = [k for k, rng in enumerate(draws) if rng.random() < self.config.mixed]
        others = [int(draws[k].integers(len(train))) for k in chosen]
        features[OTHER] = list(features["labels"])
        features[SHARE] = [1.0] * len(ids)
        if not others:
            return
        rows = {name: list(values) for name, values in train[others].items()}
        told = inner(run, self._altered(run, {**rows, EXAMPLE_ID: others}), True)
        pixels = list(features["pixel_values"])
        for k, other, label in zip(chosen, told["pixel_values"], told["labels"], strict=True):
            pixels[k], features[SHARE][k] = self._blend(pixels[k], other, draws[k])
            features[OTHER][k] = label
        features["pixel_values"] = pixels

    def _blend(
        self, own: np.ndarray, other: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, float]:
        """Two images as one, (channels, height, width), and the share of the first."""
        both = self.config.mixup and self.config.cutmix
        cut = rng.random() < 0.5 if both else bool(self.config.cutmix)
        alpha = (self.config.cutmix if cut else self.config.mixup) or 1.0
        share = float(rng.beta(alpha, alpha))
        if not cut:
            return (share * own + (1 - share) * other).astype(own.dtype), share
        rows, columns = operations.box(*own.shape[1:], 1 - share, rng)
        mixed = own.copy()
        mixed[:, rows, columns] = other[:, rows, columns]
        taken = (rows.stop - rows.start) * (columns.stop - columns.start)
        return mixed, 1 - taken / (own.shape[1] * own.shape[2])

    @hookimpl
    def loss_of(
        self,
        inner: Callable[..., Loss],
        run: Run,
        outputs: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Loss:
        """The losses against both classes of a mixed image, by their shares (mixup: Zhang et al. 2018,
        arXiv 1710.09412; CutMix: Yun et al. 2019, arXiv 1905.04899).
        """
        if SHARE not in batch:
            return inner(run, outputs, batch)
        share = batch[SHARE]
        own = inner(run, outputs, batch).weighed(share)
        other = inner(run, outputs, {**batch, "labels": batch[OTHER]}).weighed(1 - share)
        each = None if own.each is None or other.each is None else own.each + other.each
        return replace(own, total=own.total + other.total, each=each)
