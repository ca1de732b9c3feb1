"""Lengths of time as people write them: ``90s``, ``10m``, ``1h30m``."""

from __future__ import annotations

import re

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}

_PARTS = re.compile(r"(\d+(?:\.\d+)?)([hms])")


def seconds_of(text: str) -> float:
    """The seconds of a length of time.

    Raises:
        ValueError: it is none, or it is 0.
    """
    parts = _PARTS.findall(text)
    units = [unit for _, unit in parts]
    whole = "".join(map("".join, parts)) == text and units == [u for u in UNITS if u in units]
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if not parts or not whole or not seconds:
        raise ValueError("not a length of time, such as 90s, 10m or 1h30m")
    return seconds


def as_duration(text: str) -> str:
    """A length of time, checked.

    Raises:
        ValueError: it is none.
    """
    seconds_of(text)
    return text
