"""A look at every image before training: what is broken, what stands twice, what leaks."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import ft
from ft import DataError, TaskData
from ft_image.opening import DATA, Unreadable, open_image, read_bytes
from ft_image.settings import ImageConfig

IMAGE, LABEL, DIGEST = "image", "label", "digest"

SIDE = 8
"""Pixels of a side of the thumbnail by which images are compared."""

ALIKE = 3.0
"""Difference of two thumbnails, of 255, up to which two images look alike: the root of its mean square."""

PAIRS, CHUNK = 500_000_000, 256
"""Pairs of images that are compared at most, and images that are compared with all of train together."""

FORMATS: Mapping[str, str] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    ".png": "PNG",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".avif": "AVIF",
}
"""The format that an ending promises."""


@dataclass(frozen=True)
class Look:
    """What is known of an image.

    Attributes:
        digest: of the file.
        pixels: hash of its pixels in RGB, upright: the same for the same picture in other lossless files.
        thumb: (SIDE * SIDE * 3,), uint8.
        several: it is animated or has pages.
        misnamed: its ending promises another format.
    """

    digest: str
    pixels: bytes
    thumb: np.ndarray
    several: bool
    misnamed: bool


@dataclass
class Looks:
    """Looks at images by the text that a table has for them.

    Args:
        config: the settings.
        bases: folders where a relative path may begin.
        label: makes a class of a cell, see `ft.label_reader`.
    """

    config: ImageConfig
    bases: Sequence[Path]
    label: Callable[[Any], str]
    known: dict[str, Look] = field(default_factory=dict)

    def fault(self, row: Mapping[str, Any]) -> str | None:
        """What is wrong with a row of a table, or ``None``."""
        source = source_of(row[IMAGE])
        if not isinstance(source, str) or not source.strip():
            if isinstance(source, str) or source is None:
                return "has no image"
            return f"has a {type(source).__name__} for an image, not a path"
        try:
            self.label(row[LABEL])
        except ValueError as error:
            return f"{error}: {named(source)}"
        try:
            path = self.resolve(source)
            if path not in self.known:
                self.known[path] = look(path, self.config)
        except Unreadable as error:
            return f"names an image that {error}: {named(source)}{self._looked_in(source)}"
        return None

    def resolve(self, value: Any) -> str:
        """The absolute path of an image, or the ``data:`` text itself.

        Raises:
            Unreadable: it is on the web, or in two folders.
        """
        source = source_of(value)
        if source.startswith(DATA):
            return str(source)
        if "://" in source:
            raise Unreadable("is on the web; save the image first")
        path = Path(source).expanduser()
        if path.is_absolute():
            return str(path)
        there = self._there(path)
        if not there and "\\" in source:  # as Windows writes it
            there = self._there(Path(source.replace("\\", "/")))
        if len(there) > 1:
            raise Unreadable(f"is in several folders, {' and '.join(there)}; set image.folder")
        return there[0] if there else str(self.bases[0] / path)

    def _there(self, path: Path) -> list[str]:
        return [str(base / path) for base in self.bases if (base / path).is_file()]

    def _looked_in(self, source: str) -> str:
        """Where a relative path was looked for."""
        if source.startswith(DATA) or "://" in source or Path(source).expanduser().is_absolute():
            return ""
        return f" (in {ft.listed(self.bases, 3)}; image.folder names another folder)"


def source_of(value: Any) -> Any:
    """What stands for an image in a table; of a cell as `datasets` writes it the bytes, or the path."""
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("bytes"), bytes):
        return f"{DATA}image;base64,{base64.b64encode(value['bytes']).decode()}"
    return value["path"] if isinstance(value.get("path"), str) else value


def named(source: str) -> str:
    """A short name of an image for messages."""
    return f"{source[:40]}…" if source.startswith(DATA) else source


def look(path: str, config: ImageConfig) -> Look:
    """Decode an image once.

    Raises:
        Unreadable: that cannot be done.
    """
    content = read_bytes(path)
    opened = open_image(content, config.colour, config.max_pixels)
    image = opened.image
    pixels = hashlib.blake2b(image.tobytes(), digest_size=16)
    pixels.update(repr(image.size).encode())
    promised = FORMATS.get(Path(path).suffix.lower()) if not path.startswith(DATA) else None
    return Look(
        digest=hashlib.sha256(content).hexdigest(),
        pixels=pixels.digest(),
        thumb=thumbnail(image),
        several=opened.several,
        misnamed=promised is not None and opened.format not in (promised, "MPO"),
    )


def thumbnail(image: Image.Image) -> np.ndarray:
    """(SIDE * SIDE * 3,), uint8: mean colours."""
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)).ravel()


def notes_of(data: TaskData, looks: Mapping[str, Look]) -> Iterator[str]:
    """What a user should know of the images that were read."""
    every = [path for rows in data.splits.values() for path in rows[IMAGE][:]]
    several = [path for path in every if looks[path].several]
    if several:
        yield (
            f"images that are animated or have several pages: {len(several):,}; the first picture is "
            f"taken ({_listed(several)})"
        )
    misnamed = [path for path in every if looks[path].misnamed]
    if misnamed:
        yield (
            f"images of another format than their ending says: {len(misnamed):,}; they are read by "
            f"what they hold ({_listed(misnamed)})"
        )


def _listed(paths: Sequence[str]) -> str:
    return ft.listed([named(path) for path in paths], 3)


def without_leaks(data: TaskData, looks: Mapping[str, Look], how: str, owner: str) -> TaskData:
    """Name images that stand twice; and let train do without those of other splits.

    Args:
        data: the splits.
        looks: at their images.
        how: the setting ``leaks``.
        owner: the plugin's name.

    Raises:
        DataError: there are leaks and they are refused, or nothing is left.
    """
    train = data.splits["train"]
    paths, labels = train[IMAGE][:], train[LABEL][:]
    other = {
        looks[path].pixels: (split, path)
        for split, rows in data.splits.items()
        if split != "train"
        for path in rows[IMAGE][:]
    }
    leaks = [i for i, path in enumerate(paths) if looks[path].pixels in other]
    if leaks:
        pairs = [f"{named(paths[i])} = {named(other[looks[paths[i]].pixels][1])}" for i in leaks]
        said = f"training images with the pixels of one in validation or test: {len(leaks):,}"
        if how == "refuse":
            raise DataError(
                f"{said} ({ft.listed(pairs, 5)})",
                where=f"{owner}.train",
                hint=f"take them out of one of the two, or set {owner}.leaks = 'drop'",
            )
        does = "train does without them" if how == "drop" else "scores on them are too good"
        data.notes.append(f"{said}; {does} ({ft.listed(pairs, 3)})")
        if len(leaks) == len(paths):
            raise DataError("every training image stands in another split too", where="train")
        if how == "drop":
            gone = set(leaks)
            kept = [i for i in range(len(paths)) if i not in gone]
            data.splits["train"] = train.select(kept)
            paths, labels = [paths[i] for i in kept], [labels[i] for i in kept]
    data.notes += _twice(paths, labels, looks)
    data.notes += _alike(data, looks)
    return data


def _twice(paths: Sequence[str], labels: Sequence[str], looks: Mapping[str, Look]) -> Iterator[str]:
    """Training images with the same pixels, and those of them with different labels."""
    groups = defaultdict(list)
    for i, path in enumerate(paths):
        groups[looks[path].pixels].append(i)
    same = [group for group in groups.values() if len(group) > 1]
    torn = [group for group in same if len({labels[i] for i in group}) > 1]
    if same:
        pairs = [f"{named(paths[a])} = {named(paths[b])}" for a, b, *_ in same]
        extra = sum(len(group) - 1 for group in same)
        yield f"training images that repeat another, pixel for pixel: {extra:,} ({ft.listed(pairs, 3)})"
    if torn:
        pairs = [
            f"{named(paths[i])}: {labels[i]}, {named(paths[j])}: {labels[j]}"
            for group in torn
            for i, j in [(group[0], next(k for k in group if labels[k] != labels[group[0]]))]
        ]
        yield f"training pictures with two labels: {len(torn):,} ({ft.listed(pairs, 3)})"


def _alike(data: TaskData, looks: Mapping[str, Look]) -> Iterator[str]:
    """Images of other splits that look like one of train: kept, but named."""
    train = data.splits["train"][IMAGE][:]
    others = [p for split, rows in data.splits.items() if split != "train" for p in rows[IMAGE][:]]
    if len(train) * len(others) > PAIRS or not others:
        return
    known = np.stack([looks[path].thumb for path in train]).astype(np.float32)
    norms = (known**2).sum(1)
    pairs = []
    for begin in range(0, len(others), CHUNK):
        own = np.stack([looks[p].thumb for p in others[begin : begin + CHUNK]]).astype(np.float32)
        apart = (own**2).sum(1)[:, None] - 2 * own @ known.T + norms
        for i, nearest in enumerate(apart.argmin(1)):
            path, twin = others[begin + i], train[int(nearest)]
            near = apart[i, nearest] <= ALIKE**2 * known.shape[1]
            if near and looks[path].pixels != looks[twin].pixels:
                pairs.append(f"{named(path)} ~ {named(twin)}")
    if pairs:
        yield (
            f"images of validation or test that look like one of train, though their pixels differ: "
            f"{len(pairs):,}; look whether they are the same picture ({ft.listed(pairs, 3)})"
        )
