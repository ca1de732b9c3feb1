"""Columns of moments: numbers in one of several units, dates, or texts of dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ft_recommend.columns import Faults, Table, parse

UNITS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
EARLIEST, LATEST = 1e8, 4_102_444_800.0
"""Seconds since 1970, from 1973 to 2100: moments at which somebody may have had an item."""

ORDER = "counts, which tell the order and no date"
DATES = "dates such as 2026-01-31T12:00:00"


def moments(table: Table, column: str, faults: Faults) -> tuple[np.ndarray, str]:
    """A column of moments as seconds since 1970, (rows,) float64, and how it was read.

    Numbers are years, ``YYYYMMDD``, seconds, milliseconds, microseconds or nanoseconds since 1970,
    or, if all are small, mere counts. What is none, or not like the others, is a fault, and NaN.
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
            found = np.array([_date(text) for text in texts.to_pylist()], float)
            parsed, how = _plausible(found), DATES
    missing = pc.equal(texts, "").to_numpy(zero_copy_only=False)
    faults.add(table, missing, "the interaction has no timestamp")
    bad = ~np.isfinite(parsed) & ~missing
    shown = [repr(text) for text in texts.filter(pa.array(bad)).to_pylist()]
    reason = "the timestamp {} does not fit the others, which are " + how
    if bad.sum() == (~missing).sum():
        reason = "the timestamp {} is neither a number nor a date such as 2026-01-31T12:00:00"
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


def _date(text: str) -> float:
    """A date by ISO 8601 as seconds since 1970, UTC where it names no zone; NaN if it is none."""
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return np.nan
