"""Operations that alter an image and leave its class, each with a strength from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

GREY = (128, 128, 128)
"""What comes into the image where it is moved."""

LEVELS = 31
"""Strengths that TrivialAugment draws from."""

Operation = Callable[[Image.Image, float], Image.Image]


def _enhance(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    # From nothing (-1) over the image itself (0) to twice as much.
    return lambda image, strength: kind(image).enhance(1 + 0.99 * strength)


def _move(*factors: float) -> Operation:
    """An affine map: shear x, shear y, and shifts as shares of width and height."""
    shear_x, shear_y, right, down = factors

    def change(image: Image.Image, strength: float) -> Image.Image:
        numbers = (
            *(1.0, shear_x * strength, right * strength * image.width),
            *(shear_y * strength, 1.0, down * strength * image.height),
        )
        return image.transform(
            image.size, Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR, fillcolor=GREY
        )

    return change


SIGNED: Mapping[str, Operation] = {
    "brightness": _enhance(ImageEnhance.Brightness),
    "colour": _enhance(ImageEnhance.Color),
    "contrast": _enhance(ImageEnhance.Contrast),
    "sharpness": _enhance(ImageEnhance.Sharpness),
    "rotate": lambda image, strength: image.rotate(
        135 * strength, Image.Resampling.BILINEAR, fillcolor=GREY
    ),
    "shear x": _move(0.99, 0, 0, 0),
    "shear y": _move(0, 0.99, 0, 0),
    "shift x": _move(0, 0, 1 / 3, 0),
    "shift y": _move(0, 0, 0, 1 / 3),
}
"""Operations whose strength goes both ways, from -1 to 1."""

UNSIGNED: Mapping[str, Operation] = {
    "identity": lambda image, strength: image,
    "autocontrast": lambda image, strength: ImageOps.autocontrast(image),
    "equalize": lambda image, strength: ImageOps.equalize(image),
    "posterize": lambda image, strength: ImageOps.posterize(image, 8 - round(6 * strength)),
    "solarize": lambda image, strength: ImageOps.solarize(image, round(256 * (1 - strength))),
}

NAMES = (*SIGNED, *UNSIGNED)


def alter(image: Image.Image, name: str, strength: float, rng: np.random.Generator) -> Image.Image:
    """Apply an operation; one that goes both ways takes either with the same chance.

    Args:
        image: in RGB.
        name: one of `NAMES`.
        strength: from 0 to 1.
        rng: draws the sign.
    """
    if name in UNSIGNED:
        return UNSIGNED[name](image, strength)
    return SIGNED[name](image, strength if rng.random() < 0.5 else -strength)


def trivial(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """One operation of any strength: TrivialAugment (Müller & Hutter 2021, arXiv 2103.10158)."""
    name = NAMES[int(rng.integers(len(NAMES)))]
    return alter(image, name, int(rng.integers(LEVELS)) / (LEVELS - 1), rng)


def several(
    image: Image.Image, rng: np.random.Generator, count: int, strength: float
) -> Image.Image:
    """So many operations of one strength: RandAugment (Cubuk et al. 2020, arXiv 1909.13719)."""
    for _ in range(count):
        image = alter(image, NAMES[int(rng.integers(len(NAMES)))], strength, rng)
    return image


def crop(image: Image.Image, rng: np.random.Generator, least: float) -> Image.Image:
    """A part of the image with a random share of its area and at most 4/3 of its shape.

    Args:
        image: any.
        rng: draws it.
        least: share of the area at least.
    """
    area = image.width * image.height * rng.uniform(least, 1.0)
    shape = image.width / image.height * np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    width = int(np.clip(round(np.sqrt(area * shape)), 1, image.width))
    height = int(np.clip(round(np.sqrt(area / shape)), 1, image.height))
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def box(height: int, width: int, share: float, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a box with about a share of the area, anywhere (CutMix).

    Args:
        height: of the image.
        width: of the image.
        share: of the area.
        rng: draws where it lies; it may reach over the border.
    """
    tall, wide = round(height * np.sqrt(share)), round(width * np.sqrt(share))
    top = int(rng.integers(height)) - tall // 2
    left = int(rng.integers(width)) - wide // 2
    rows = slice(max(top, 0), max(0, min(top + tall, height)))
    return rows, slice(max(left, 0), max(0, min(left + wide, width)))
