"""Every kind of image file: read as a person sees it, or refused with the reason."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ft_image.opening import Unreadable, open_image, read_bytes

WHITE = (255, 255, 255)
LIMIT = 1_000_000


def saved(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **more)
    return stream.getvalue()


def pixel(content: bytes, at: tuple[int, int] = (0, 0), below: Any = WHITE) -> Any:
    opened = open_image(content, below, LIMIT)
    assert opened.image.mode == "RGB"
    return opened.image.getpixel(at)


def test_a_photo_that_lies_on_its_side_is_turned() -> None:
    image = Image.new("RGB", (16, 8), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right side
    opened = open_image(saved(image, "JPEG", exif=exif, quality=95), WHITE, LIMIT)
    assert opened.image.size == (8, 16)
    red, blue = (opened.image.getpixel((4, row)) for row in (3, 12))
    assert red[0] > 200 > blue[0]


def test_what_is_transparent_shows_the_background_and_not_what_lies_hidden_in_it() -> None:
    clear = Image.new("RGBA", (4, 4), (200, 10, 10, 0))
    assert pixel(saved(clear)) == WHITE
    assert pixel(saved(clear), below=(0, 0, 0)) == (0, 0, 0)
    grey = Image.new("LA", (4, 4), (0, 128))
    assert pixel(saved(grey)) == (127, 127, 127)
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 200, 10])
    assert pixel(saved(palette)) == (10, 200, 10)
    assert pixel(saved(palette, transparency=1)) == WHITE


def test_sixteen_bits_keep_their_brightness() -> None:
    values = np.full((4, 4), 65535, dtype=np.uint16)
    values[0, 0] = 257 * 100
    content = saved(Image.fromarray(values))
    assert pixel(content, (1, 1)) == WHITE
    assert pixel(content) == (100, 100, 100)


@pytest.mark.parametrize(
    ("mode", "colour", "kind", "seen"),
    [
        ("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("L", 77, "PNG", (77, 77, 77)),
        ("1", 1, "PNG", WHITE),
    ],
)
def test_other_colours_become_red_green_and_blue(
    mode: str, colour: Any, kind: str, seen: Any
) -> None:
    found = pixel(saved(Image.new(mode, (8, 8), colour), kind))
    assert np.abs(np.subtract(found, seen)).max() <= 3


def test_of_an_animation_the_first_picture_is_taken() -> None:
    first, second = Image.new("RGB", (4, 4), (250, 0, 0)), Image.new("RGB", (4, 4), (0, 250, 0))
    content = saved(first, "GIF", save_all=True, append_images=[second])
    opened = open_image(content, WHITE, LIMIT)
    assert opened.several
    assert opened.image.getpixel((0, 0))[0] > 200


def bomb() -> bytes:
    """A PNG of a few bytes that says that it has 20,000 x 20,000 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello, I am a text", "is no image: it begins with b'hello, I'"),
        (saved(NOISE, "JPEG")[:900], "cannot be decoded: .*truncated"),
        (saved(NOISE)[:900], "cannot be decoded"),
        (bomb(), "max_pixels"),
        (saved(Image.new("RGB", (1001, 1000))), "1,001 x 1,000 pixels; .*more than 1,000,000"),
        (saved(Image.new("RGB", (1, 500))), "one side is over 100 times longer"),
        (saved(Image.new("F", (4, 4)), "TIFF"), "floating-point numbers"),
        (saved(Image.new("I", (4, 4), 9), "TIFF"), "32 bit whole numbers"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        open_image(content, WHITE, LIMIT)


def test_an_image_may_stand_in_a_text(tmp_path: Any) -> None:
    content = saved(Image.new("RGB", (4, 4)))
    assert read_bytes(f"data:image/png;base64,{base64.b64encode(content).decode()}") == content
    (tmp_path / "empty.png").touch()
    for source, why in (
        ("data:image/png,abc", "is no data:image"),
        ("data:image/png;base64,a?b", "is not base64"),
        (str(tmp_path / "gone.png"), "does not exist"),
        (str(tmp_path), "is a folder"),
        (str(tmp_path / "empty.png"), "is empty"),
    ):
        with pytest.raises(Unreadable, match=why):
            read_bytes(source)
