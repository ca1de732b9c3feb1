"""Small pictures of image files, which the page holds itself."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

SIDE = 96
"""Pixels of the longer side."""

LARGEST = 50_000_000
"""Pixels of an image that is opened for the page."""


def picture(source: Any) -> str | None:
    """A ``data:`` text with a small JPEG of an image, a path or a ``data:`` text itself.

    ``None`` where it cannot be shown: it is gone, too large or no image, or Pillow is not there.
    """
    if not isinstance(source, str):
        return None
    try:
        from PIL import Image, ImageOps

        head, comma, text = source.partition(";base64,")
        inside = comma and head.startswith("data:")
        if not inside and not Path(source).is_file():
            return None
        content = base64.b64decode(text) if inside else Path(source).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > LARGEST:
                return None
            image.draft("RGB", (SIDE, SIDE))
            small = ImageOps.exif_transpose(image)
            small.thumbnail((SIDE, SIDE))
            stream = io.BytesIO()
            small.convert("RGB").save(stream, "JPEG", quality=80)
    # A page is made without a picture rather than not at all.
    except Exception:
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def name_of(source: Any) -> str:
    """How the page calls an image: its file and the folder that it is in."""
    if not isinstance(source, str) or source.startswith("data:"):
        return "an image in the data"
    return "/".join(Path(source).parts[-2:])
