"""The encoding of a text file: by its byte order mark, or the one that would read it, for a message."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ft.contract.errors import DataError
from ft.data.formats.lines import read_blocks
from ft.data.rows.bad import Sink

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = ("cp1252", "gb18030", "shift_jis", "latin-1")

_FEW = 2
"""So many damaged lines are told one by one: the rest of the file may well be UTF-8."""


def find_encoding(path: Path, given: str, owner: str, sink: Sink | None = None) -> str:
    """The encoding to read a file with: the one given, or that of its byte order mark.

    Args:
        path: the file.
        given: the setting.
        owner: the plugin, for the names of settings.
        sink: is told that a mark counts.

    Raises:
        DataError: the file is to be UTF-8 and is not; names an encoding that reads it.
    """
    if given.lower().replace("_", "-") not in ("utf-8", "utf8"):
        return given
    blocks = read_blocks(path)
    first = next(blocks, b"")
    for mark, name in _MARKS:
        if first.startswith(mark):
            if sink is not None:
                sink.note(f"is in {name.upper()}, as the mark at its beginning says")
            return name
    wide = _without_mark(first)
    if wide:
        raise _wrong(path, owner, "the file is not UTF-8 (every other byte is 0)", wide, first[:80])
    damaged, foreign = _lines_not_utf8(first, blocks)
    if len(damaged) > _FEW and len(damaged) > foreign:
        number, line = damaged[0]
        what = (
            f"the file is not UTF-8 ({len(damaged):,} lines are not, the first is line {number:,})"
        )
        raise _wrong(path, owner, what, encoding_of(line), line)
    return given


def _without_mark(block: bytes) -> str | None:
    """UTF-16 by the zero bytes of Latin letters in the first thousand."""
    part = block[:1000]
    zeros = [part[i::2].count(0) for i in (0, 1)]
    if 4 * max(zeros) < len(part) or len(part) < 8:
        return None
    return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"


def _lines_not_utf8(first: bytes, blocks: Iterator[bytes]) -> tuple[list[tuple[int, bytes]], int]:
    """Lines that are not UTF-8, and how many are and hold more than ASCII."""
    damaged: list[tuple[int, bytes]] = []
    foreign, number, rest = 0, 1, b""
    for block in chain([first], blocks, [b""]):
        data = rest + block
        cut = data.rfind(b"\n") + 1 if block else len(data)
        part, rest = data[:cut], data[cut:]
        if not part.isascii():
            for i, line in enumerate(part.split(b"\n")):
                if not line.isascii():
                    try:
                        line.decode()
                        foreign += 1
                    except UnicodeDecodeError:
                        damaged.append((number + i, line))
        number += part.count(b"\n")
    return damaged, foreign


def encoding_of(line: bytes) -> str:
    """The first of some usual encodings that can read a line."""
    for name in _OTHERS:
        try:
            line.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    raise AssertionError("Latin-1 reads every byte")


def _wrong(path: Path, owner: str, what: str, encoding: str, line: bytes) -> DataError:
    shown = line[: len(line) // 2 * 2].decode(encoding, "replace").strip()[:60]
    return DataError(
        f"{what}; as {encoding} that line reads {shown!r}",
        where=str(path),
        hint=f"if that reads right, set {owner}.encoding = {encoding!r}; else name the file's own",
    )
