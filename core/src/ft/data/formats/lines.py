"""Text files as blocks of decoded lines, each line's trouble named and none lost."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ft.contract.errors import ConfigError, DataError

BLOCK = 1 << 20
LONGEST = 1 << 26
"""Bytes a line may have; more is no text file, and would fill the memory."""


PACKED = (".gz", ".bz2", ".xz")
"""Endings of files that are unpacked while they are read."""


class Chunk(NamedTuple):
    r"""Some lines of a file.

    Attributes:
        first: the 1-based number of the first.
        lines: without their ends (or with ``\n`` where the ends are kept).
        bad: what is wrong with a line, by its position in ``lines``.
    """

    first: int
    lines: list[str]
    bad: dict[int, str]


def chunks(path: Path, encoding: str, owner: str, *, keep_ends: bool = False) -> Iterator[Chunk]:
    r"""The lines of a text file, a block at a time.

    Lines end with ``\n``, ``\r\n``, or ``\r`` where a file has no other; nothing else ends one
    (not U+2028, which stands inside texts). A byte order mark is left out.

    Raises:
        ConfigError: there is no such encoding.
        DataError: the file cannot be read, or a line is longer than `LONGEST`.
    """
    number = 1
    for text, bad in _texts(path, encoding, owner):
        text = text if keep_ends else text.replace("\r\n", "\n")
        lines = text.split("\n")
        if lines[-1]:
            lines[-1] = lines[-1] if keep_ends else lines[-1].removesuffix("\r")
        else:
            lines.pop()
        if keep_ends:
            lines = [line + "\n" for line in lines]
        if "\0" in text:
            bad |= {i: "holds a NUL byte" for i, line in enumerate(lines) if "\0" in line}
        yield Chunk(number, lines, bad)
        number += len(lines)


def _texts(path: Path, encoding: str, owner: str) -> Iterator[tuple[str, dict[int, str]]]:
    """Whole lines, decoded a block at a time."""
    try:
        plain = "\n".encode(encoding) == b"\n"
        name = codecs.lookup(encoding).name.removesuffix("-sig")
    except (LookupError, ValueError) as error:
        raise ConfigError(
            f"there is no text encoding {encoding!r}",
            where=f"{owner}.encoding",
            hint="common ones: 'utf-8', 'utf-16', 'latin-1', 'cp1252', 'gb18030', 'shift_jis'",
        ) from error
    return _plain_blocks(path, name, owner) if plain else _wide_blocks(path, name, owner)


def read_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file a block at a time, unpacked where its ending is one of `PACKED`.

    Raises:
        DataError: it cannot be read, or is not packed as its ending says.
    """
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    opener = openers.get(path.suffix.lower(), open)
    try:
        with opener(path, "rb") as file:
            while block := file.read(BLOCK):
                yield block
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        what = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"cannot be read: {what}", where=str(path)) from error


def text_suffix(path: Path) -> str:
    """The ending that tells the format: ``.csv`` of ``train.csv.gz``."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED else suffix


def _plain_blocks(path: Path, encoding: str, owner: str) -> Iterator[tuple[str, dict[int, str]]]:
    """Encodings in which a newline is the byte 10, so that a block can be cut before decoding."""
    newline = b"\n"
    rest, first = b"", True
    for block in read_blocks(path):
        if first:
            block = block.removeprefix(codecs.BOM_UTF8) if encoding == "utf-8" else block
            newline = b"\r" if b"\n" not in block and b"\r" in block[:-1] else b"\n"
            first = False
        data = rest + block
        cut = data.rfind(newline) + 1
        if not cut and len(data) > LONGEST:
            raise _too_long(path)
        rest = data[cut:]
        if cut:
            yield _decode(data[:cut].replace(newline, b"\n"), encoding)
    if rest:
        yield _decode(rest.replace(newline, b"\n"), encoding)


def _decode(data: bytes, encoding: str) -> tuple[str, dict[int, str]]:
    try:
        return _strict(data, encoding), {}
    except UnicodeError:
        pass
    lines, bad = [], {}
    for i, line in enumerate(data.split(b"\n")):
        try:
            lines.append(_strict(line, encoding))
        except UnicodeError as error:
            lines.append(line.decode("utf-8", "replace"))
            bad[i] = f"is not valid {encoding}{_byte_of(error)}"
    return "\n".join(lines), bad


def _strict(data: bytes, encoding: str) -> str:
    text = data.decode(encoding)
    if encoding != "utf-8":
        text.encode()  # some codecs give lone surrogates, which no file can hold
    return text


def _byte_of(error: UnicodeError) -> str:
    if isinstance(error, UnicodeDecodeError) and error.start < len(error.object):
        return f" (byte 0x{error.object[error.start]:02X} at byte {error.start + 1} of the line)"
    return ""


def _wide_blocks(path: Path, encoding: str, owner: str) -> Iterator[tuple[str, dict[int, str]]]:
    """UTF-16 and its like, whose newline is more than a byte."""
    decoder = codecs.getincrementaldecoder(encoding)()
    rest, number = "", 1
    blocks = read_blocks(path)
    while True:
        block = next(blocks, b"")
        try:
            data = rest + decoder.decode(block, final=not block)
            data.encode()
        except UnicodeError as error:
            raise DataError(
                f"is not valid {encoding} after line {number}",
                where=str(path),
                hint=f"set {owner}.encoding to the file's encoding",
            ) from error
        cut = data.rfind("\n") + 1 if block else len(data)
        text, rest = data[:cut], data[cut:]
        if len(rest) > LONGEST:
            raise _too_long(path)
        if text:
            number += text.count("\n")
            yield text.removeprefix("\ufeff"), {}
        if not block:
            return


def _too_long(path: Path) -> DataError:
    return DataError(
        f"has a line of more than {LONGEST >> 20} MiB", where=str(path), hint="is it a text file?"
    )
