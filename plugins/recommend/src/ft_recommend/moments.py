"""Columns of moments: numbers in one of several units, dates, or texts of dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ft_recommend.columns import Faults, Table, parse

UNITS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
EARLIEST, LATEST = 1e8, 4_102_444_800.0
"""Seconds since 1970, from 1973 to 2100: moments at which somebody may have had an item."""

UNCLEAR = "dates whose day may be the month"
ORDER = "counts, which tell the order and no date"
DATES = "dates such as 2026-01-31T12:00:00"

WRITTEN = re.compile(
    r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})"
    r"(?:,?[ T]+(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?:\s?([ap])\.?m\.?)?)?",
    re.IGNORECASE,
)
"""A date as people write it, such as ``11/14/2023 10:13 PM``: its numbers, and whether am or pm."""


def moments(table: Table, column: str, faults: Faults) -> tuple[np.ndarray, str]:
    """A column of moments as seconds since 1970, (rows,) float64, and how it was read.

    Numbers are years, ``YYYYMMDD``, seconds, milliseconds, microseconds or nanoseconds since 1970,
    or, if all are small, mere counts. Texts are dates by ISO 8601, or as people write them; whether the
    day or the month stands first must follow from the column. What is none, or not like the others, is
    a fault, and NaN.
    """
    values = table.rows.column(column)
    texts = table.text(column)
    if pa.types.is_temporal(values.type):
        stamps = pc.cast(values, pa.timestamp("us"), safe=False)
        found = np.asarray(pc.cast(pc.cast(stamps, pa.int64()), pa.float64()).to_numpy()) / 1e6
        parsed, how = _plausible(found), "dates"
    else:
        numbers = parse(texts)
        numeric = int(np.isfinite(numbers).sum())
        if 2 * numeric > int(pc.sum(pc.not_equal(texts, "")).as_py()):
            parsed, how = _from_numbers(numbers)
        else:
            found, how = _from_texts(texts.to_pylist())
            parsed = _plausible(found)
    missing = pc.equal(texts, "").to_numpy(zero_copy_only=False)
    faults.add(table, missing, "the interaction has no timestamp")
    bad = ~np.isfinite(parsed) & ~missing
    shown = [repr(text) for text in texts.filter(pa.array(bad)).to_pylist()]
    reason = "the timestamp {} does not fit the others, which are " + how
    if bad.sum() == (~missing).sum():
        reason = "the timestamp {} is neither a number nor a date such as 2026-01-31T12:00:00"
        if how == UNCLEAR:
            reason = "the timestamp {} may be of two days: write dates as 2026-01-31T12:00:00"
    faults.add(table, bad, reason, shown)
    return parsed, how


def span(time: np.ndarray, how: str) -> str:
    """From when to when moments are, for people."""
    first, last = (
        f"{end:g}" if how == ORDER else str(datetime.fromtimestamp(end, UTC).date())
        for end in (float(time.min()), float(time.max()))
    )
    return f"interactions run from {first} to {last} (timestamps are {how})"


def _plausible(seconds: np.ndarray) -> np.ndarray:
    inside = (seconds >= EARLIEST) & (seconds <= LATEST)
    return np.where(inside, seconds, np.nan)


def _from_numbers(numbers: np.ndarray) -> tuple[np.ndarray, str]:
    known = numbers[np.isfinite(numbers)]
    if (known == np.floor(known)).all():
        if known.min() >= 1900 and known.max() <= 2100:
            return _each(numbers, lambda year: datetime(year, 1, 1, tzinfo=UTC)), "years"
        if known.min() >= 19_000_101 and known.max() <= 21_001_231:
            return _each(numbers, _year_month_day), "dates as YYYYMMDD"
    if known.max() < EARLIEST:
        return numbers, ORDER
    in_units = {unit: _plausible(numbers / scale) for unit, scale in UNITS.items()}
    # Most rows decide on the unit; the others are faults.
    unit = max(in_units, key=lambda one: int(np.isfinite(in_units[one]).sum()))
    return in_units[unit], f"{unit} since 1970 (1973 to 2100)"


def _year_month_day(number: int) -> datetime:
    return datetime(number // 10_000, number // 100 % 100, number % 100, tzinfo=UTC)


def _each(numbers: np.ndarray, read: Callable[[int], datetime]) -> np.ndarray:
    """Whole numbers as seconds since 1970, each different one read once."""
    different, inverse = np.unique(numbers, return_inverse=True)
    found = np.full(len(different), np.nan)
    for k, number in enumerate(different):
        try:
            found[k] = read(int(number)).timestamp()
        except ValueError:  # no such date, or NaN
            continue
    return found[inverse]


def _from_texts(texts: Sequence[str]) -> tuple[np.ndarray, str]:
    """Dates in the form that most of them have, as seconds since 1970; NaN for the others."""
    dates = np.array([_date(text) for text in texts], float)
    written = [WRITTEN.fullmatch(text) for text in texts]
    known = [one for one in written if one]
    if 2 * int(np.isfinite(dates).sum()) >= sum(map(bool, texts)) or not known:
        return dates, DATES
    days = sum(len(one[1]) < 4 and int(one[1]) > 12 for one in known)
    months = sum(len(one[1]) < 4 and int(one[3]) > 12 for one in known)
    example = f"dates such as {known[0][0]}"
    if any(len(one[1]) == 4 for one in known):
        day_first, how = False, example
    elif days == months and known[0][2] != ".":
        return np.full(len(texts), np.nan), UNCLEAR
    else:
        day_first = days > months or (days == months and known[0][2] == ".")
        how = f"{example}, the {'day' if day_first else 'month'} first"
    return np.array([_written(one, day_first) if one else np.nan for one in written], float), how


def _written(found: re.Match[str], day_first: bool) -> float:
    """A date as people write it as seconds since 1970, UTC; NaN if there is no such day or hour."""
    first, second, third = (int(found[i]) for i in (1, 3, 4))
    hour, minute, second_of = (int(found[i] or 0) for i in (5, 6, 7))
    year, month, day = (third, second, first) if day_first else (third, first, second)
    if len(found[1]) == 4:
        year, month, day = first, second, third
    if found[8]:
        if not 1 <= hour <= 12:
            return np.nan
        hour = hour % 12 + 12 * (found[8].lower() == "p")
    try:
        return datetime(year, month, day, hour, minute, second_of, tzinfo=UTC).timestamp()
    except ValueError:
        return np.nan


def _date(text: str) -> float:
    """A date by ISO 8601 as seconds since 1970, UTC where it names no zone; NaN if it is none."""
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return np.nan
