"""Tiny images that the plugin is tried with."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

SIDE = 16
COLOURS = {"blue": (40, 40, 190), "red": (190, 40, 40)}
SIZES = {"train": 8, "validation": 4, "test": 4}


def picture(rng: random.Random, colour: tuple[int, int, int]) -> Image.Image:
    """Noise about a colour."""
    pixels = bytes(
        max(0, min(255, part + rng.randint(-30, 30))) for _ in range(SIDE * SIDE) for part in colour
    )
    return Image.frombytes("RGB", (SIDE, SIDE), pixels)


def write_example(folder: Path, sizes: dict[str, int] = SIZES, seed: int = 0) -> dict[str, str]:
    """Write ``SPLIT/CLASS/*.png`` of two colours, and name the folder.

    Args:
        folder: is filled.
        sizes: images of each class by split.
        seed: of the noise.
    """
    rng = random.Random(seed)
    for split, size in sizes.items():
        for name, colour in COLOURS.items():
            there = folder / split / name
            there.mkdir(parents=True, exist_ok=True)
            for i in range(size):
                picture(rng, colour).save(there / f"{i}.png")
    return {"train": str(folder)}
