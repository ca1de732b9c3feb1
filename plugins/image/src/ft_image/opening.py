"""One image file, or its bytes, as pixels in RGB; what cannot be read rightly is refused."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

DATA = "data:"
"""How a text begins that holds an image itself (RFC 2397), and not the path of one."""

THIN = 100
"""How many times longer one side may be than the other: processors that set the shorter side would
make an image of endless length."""

SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
WIDE = {"I": "32 bit whole numbers", "F": "floating-point numbers"}


class Unreadable(Exception):
    """What is wrong with an image, to be read after its name."""


@dataclass(frozen=True)
class Opened:
    """An image as a model sees it.

    Attributes:
        image: RGB, upright.
        format: by its content, such as ``JPEG``.
        several: it is animated or has several pages, of which the first was taken.
    """

    image: Image.Image
    format: str
    several: bool


def read_bytes(source: str) -> bytes:
    """The bytes of an image file, or of a ``data:`` text.

    Raises:
        Unreadable: there is none, or it is empty.
    """
    if source.startswith(DATA):
        head, comma, text = source.partition(",")
        if not comma or not head.endswith(";base64"):
            raise Unreadable("is no data:image/...;base64,... text")
        try:
            found = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unreadable(f"is not base64: {error}") from error
    else:
        try:
            path = Path(source)
            if path.is_dir():
                raise Unreadable("is a folder, not an image")
            if path.exists() and not path.is_file():
                raise Unreadable("is no file")
            found = path.read_bytes()
        except FileNotFoundError as error:
            raise Unreadable("does not exist") from error
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise Unreadable(f"cannot be read: {reason}") from error
    if not found:
        raise Unreadable("is empty (0 bytes)")
    return found


def open_image(content: bytes, background: tuple[int, int, int], max_pixels: int) -> Opened:
    """Decode an image: turned as its EXIF data says, transparency over a colour, in RGB.

    16 bits a channel become 8 by dividing by 257, so that white stays white.

    Args:
        content: of the file.
        background: what shows through where the image is transparent.
        max_pixels: more are refused before anything is decoded.

    Raises:
        Unreadable: it is no image, is cut off, too large, or holds numbers without a known range.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            kind = str(image.format)
            _check_size(image.size, max_pixels)
            # A photo with a preview in it (MPO) is one photo.
            several = bool(getattr(image, "is_animated", False)) and kind != "MPO"
            image.load()
            return Opened(_as_rgb(ImageOps.exif_transpose(image), background), kind, several)
    except Unreadable:
        raise
    except UnidentifiedImageError as error:
        raise Unreadable(_no_image(content)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(_too_large(max_pixels)) from error
    # Pillow's decoders fail with errors of many types on broken files.
    except Exception as error:
        raise Unreadable(f"cannot be decoded: {error or type(error).__name__}") from error


def _no_image(content: bytes) -> str:
    """What a file is that Pillow does not know."""
    if content[4:8] == b"ftyp":
        return "is HEIC or AVIF, which cannot be read here; save it as JPEG or PNG"
    if content.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the image itself; run `git lfs pull`"
    if content.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        return "is a web page, not an image"
    return f"is no image: it begins with {content[:8]!r}"


def _too_large(max_pixels: int) -> str:
    return f"has more than {max_pixels:,} pixels (max_pixels)"


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise Unreadable(f"has {width:,} x {height:,} pixels; {_too_large(max_pixels)}")
    if min(size) < 1 or max(size) > THIN * min(size):
        raise Unreadable(f"has {width:,} x {height:,} pixels: one side is over {THIN} times longer")


def _as_rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    if image.mode in WIDE:
        raise Unreadable(
            f"holds {WIDE[image.mode]}, whose range is not known; save it with 8 or 16 bits"
        )
    if image.mode in SIXTEEN:
        values = np.asarray(image).astype(np.float64)
        return Image.fromarray((values / 257).round().astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        below = Image.new("RGBA", image.size, (*background, 255))
        return Image.alpha_composite(below, image).convert("RGB")
    return image.convert("RGB")
