"""The lines of a text file, for files that correspond line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ft.contract.errors import DataError
from ft.data.formats.encodings import find_encoding
from ft.data.formats.lines import chunks


def read_lines(path: str | Path, *, encoding: str = "utf-8", owner: str) -> Iterator[str]:
    r"""Every line of a text file, blank ones too, without its end.

    Lines end with ``\n`` or ``\r\n`` alone: U+2028 and its like stand inside texts. A byte order mark
    is left out, and decides over the encoding; ``.gz``, ``.bz2`` and ``.xz`` are unpacked.

    Args:
        path: the file.
        encoding: of its text.
        owner: the plugin's name, for the names of settings in messages.

    Raises:
        ConfigError: there is no such encoding.
        DataError: the file cannot be read, or is in another encoding; names one that reads it.
    """
    found = Path(path).expanduser()
    for chunk in chunks(found, find_encoding(found, encoding, owner), owner):
        for at, what in sorted(chunk.bad.items()):
            raise DataError(what, where=f"{found}:{chunk.first + at}")
        yield from chunk.lines
