"""Random changes of bytes, to try what reads them."""

from __future__ import annotations

import random

PIECES = [
    b"\0",
    b"\xff",
    b"\xc3",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b'"',
    b'""',
    b",",
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"null",
    b"NaN",
    b"-1",
    b"1e999",
    b"9" * 30,
    b"#",
    b" ",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x85",
    "\u2028".encode(),
    "\u200b".encode(),
    b"I-",
    b"B-",
    b"-DOCSTART-",
    b"[" * 5000,
]
"""What readers of text stumble over."""


def mutate(content: bytes, rng: random.Random) -> bytes:
    """The content with a few random changes."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([1, 1, 2, 8, 64]))
        change = rng.randrange(6)
        if change == 0:
            data[at:at] = rng.choice(PIECES)
        elif change == 1:
            data[at:end] = b""
        elif change == 2 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif change == 3:
            data[at:at] = data[at:end] * rng.choice([1, 2, 50])
        elif change == 4:
            data[at:end] = rng.randbytes(end - at)
        else:
            del data[at if rng.random() < 0.2 else end :]
    return bytes(data)
