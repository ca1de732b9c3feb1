"""Pixels as the checkpoint wants them: its own size, interpolation, means and deviations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image
from transformers import CLIPImageProcessorPil, ViTImageProcessorPil
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from ft import ConfigError, Run, TaskData

SIDE = 224
"""Pixels of a side where neither the checkpoint nor the user says."""

TOGETHER = 4
"""Images that are open at the same time."""

TIMM = "timm_wrapper"
"""The type of model by which transformers takes the models of timm."""

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
    if run.model_config.model_type == TIMM:
        # what transformers takes for it needs torchvision
        own = timm_processor(getattr(run.model_config, "pretrained_cfg", None) or {})
    else:
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


class TimmProcessor(CLIPImageProcessorPil):
    """An image processor that cuts the middle out as timm does, where a half pixel is left over."""

    def center_crop(self, image: np.ndarray, size: Any, **kwargs: Any) -> np.ndarray:
        """(channels, height, width) of the size that the model sees."""
        top, left = (
            round((have - want) / 2)
            for have, want in zip(image.shape[-2:], (size.height, size.width), strict=True)
        )
        return image[..., top : top + size.height, left : left + size.width]


def timm_processor(settings: Mapping[str, Any]) -> Any:
    """What timm does to an image before the model sees it, when it does not train.

    Args:
        settings: ``pretrained_cfg`` of the checkpoint; what it leaves out is as timm has it.

    Raises:
        ConfigError: the checkpoint cuts another part of an image out than is known here.
    """
    mode = settings.get("crop_mode") or "center"
    _, height, width = settings.get("input_size") or (3, SIDE, SIDE)
    if mode not in ("center", "squash") or (mode == "center" and height != width):
        raise ConfigError(
            f"the checkpoint crops {height} x {width} pixels by crop_mode {mode!r}, which is not known",
            where="run.model",
            hint="take a checkpoint of timm that crops a square by 'center', or by 'squash'",
        )
    share = settings.get("crop_pct") or 0.875
    size = {"height": int(height / share), "width": int(width / share)}
    if mode == "center":
        size = {"shortest_edge": size["height"]}
    name = settings.get("interpolation") or "bicubic"
    return TimmProcessor(
        size=size,
        crop_size={"height": height, "width": width},
        resample=Image.Resampling[name.upper()],
        image_mean=list(settings.get("mean") or IMAGENET_DEFAULT_MEAN),
        image_std=list(settings.get("std") or IMAGENET_DEFAULT_STD),
    )


def describe_timm(config: Any, data: TaskData, size: int | None) -> None:
    """Say in a model's configuration what transformers alone goes by: its classes, and its size if set."""
    assert data.schema.label is not None
    config.label_names = list(data.schema.label.names)
    if size is not None:
        own = getattr(config, "pretrained_cfg", None) or {}
        config.pretrained_cfg = {**own, "input_size": [3, size, size]}


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
