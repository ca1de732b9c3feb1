"""Pixels as the checkpoint wants them: its own size, interpolation, means and deviations."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image
from transformers import ViTImageProcessorPil
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from ft import ConfigError, Run

SIDE = 224
"""Pixels of a side where neither the checkpoint nor the user says."""

TOGETHER = 4
"""Images that are open at the same time."""

PATCH = 16
"""Pixels of a side of what counts as one token in ``run.max_tokens``."""


def make_processor(run: Run, size: int | None) -> Any:
    """The checkpoint's image processor; one by the ImageNet means where it brings none.

    Args:
        run: it.
        size: pixels of a side, in place of the checkpoint's own.

    Raises:
        ConfigError: the model reads texts, or the processor has no size that can be set.
    """
    own = run.processor
    if own is None:
        side = getattr(run.model_config, "image_size", None)
        side = side if isinstance(side, int) else SIDE
        if not run.restored:
            run.note(
                f"{run.model_path} says nothing of its images: {size or side} x {size or side} pixels with the "
                "means and deviations of ImageNet"
            )
        own = ViTImageProcessorPil(
            size={"height": side, "width": side},
            image_mean=IMAGENET_DEFAULT_MEAN,
            image_std=IMAGENET_DEFAULT_STD,
        )
    elif not hasattr(own, "image_mean"):
        raise ConfigError(
            f"the model {run.model_path} reads texts, not images",
            where="run.model",
            hint="give --model, such as microsoft/resnet-18, google/vit-base-patch16-224-in21k, "
            "facebook/convnext-tiny-224 or a folder",
        )
    return own if size is None else _sized(own, size)


def _sized(processor: Any, side: int) -> Any:
    """A copy of a processor that gives images of another size."""
    values = processor.to_dict()
    size, crop = dict(values.get("size") or {}), dict(values.get("crop_size") or {})
    cropped = bool(values.get("do_center_crop")) and bool(crop)
    if "shortest_edge" in size:
        before = crop.get("height") if cropped else size["shortest_edge"]
        size = {"shortest_edge": round(size["shortest_edge"] * side / (before or side))}
    elif {"height", "width"} <= size.keys():
        before = crop.get("height") if cropped else size["height"]
        one = round(size["height"] * side / (before or side))
        size = {"height": one, "width": one}
    else:
        raise ConfigError(
            f"the checkpoint's image processor has the size {size}, which cannot be set",
            where="image.size",
            hint="leave the setting out",
        )
    values["size"] = size
    if cropped:
        values["crop_size"] = {"height": side, "width": side}
    return type(processor).from_dict(values)


def described(processor: Any) -> str:
    """In a few words what a processor does to an image."""
    values = processor.to_dict()
    parts = [f"size {values.get('size')}"]
    if values.get("do_center_crop"):
        parts.append(f"crop {values.get('crop_size')}")
    if "resample" in values and values["resample"] is not None:
        parts.append(Image.Resampling(int(values["resample"])).name.lower())
    for name, key in (("mean", "image_mean"), ("deviation", "image_std")):
        if values.get("do_normalize") and values.get(key) is not None:
            parts.append(f"{name} {np.round(values[key], 3).tolist()}")
    return ", ".join(parts)


def pixels_of(processor: Any, images: Iterable[Image.Image]) -> list[np.ndarray]:
    """(3, height, width) float32 of each image, all of one size.

    Raises:
        ConfigError: the processor gives images of several sizes.
    """
    found: list[np.ndarray] = []
    left = iter(images)
    # A few at a time: large ones need not all be in memory together.
    while some := list(islice(left, TOGETHER)):
        given = processor(images=some)["pixel_values"]
        found += [np.asarray(one, np.float32) for one in given]
    sizes = {array.shape for array in found}
    if len(sizes) > 1:
        raise ConfigError(
            f"the checkpoint's image processor gives images of several sizes: {sorted(sizes)[:3]}",
            where="run.model",
            hint="take a checkpoint whose processor crops, or sets height and width",
        )
    return found
