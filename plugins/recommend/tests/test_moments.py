"""Timestamps in the forms that people have them, and what is refused with its line."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ft import LINE
from ft_recommend.columns import Faults, Table
from ft_recommend.moments import moments, span

WHEN = [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)]
SECONDS = [one.timestamp() for one in WHEN]


def read(values: Any, kind: pa.DataType | None = None) -> tuple[list[float], str, list[str]]:
    rows = values if isinstance(values, pa.Array) else pa.array(values, kind)
    lines = pa.array(np.arange(len(rows)) + 2)
    faults = Faults()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, how = moments(Table("f.csv", "x", pa.table({"t": rows, LINE: lines})), "t", faults)
    return found.tolist(), how, [f"{row['line']}: {row['reason']}" for row in faults.rows]


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("kind", [pa.int64(), pa.string(), pa.float64()])
def test_every_unit_since_1970_is_known_by_its_size(scale: int, kind: pa.DataType) -> None:
    numbers = [int(one) * scale for one in SECONDS]
    found, how, faults = read(
        [{"string": str, "double": float}.get(str(kind), int)(n) for n in numbers], kind
    )
    assert found == pytest.approx(SECONDS, abs=1e-5)
    assert how.startswith(("seconds", "milliseconds", "microseconds", "nanoseconds"))
    assert not faults


@pytest.mark.parametrize(
    "texts",
    [
        ["2023-11-14T22:13:20", "2024-02-29"],
        ["2023-11-14 22:13:20Z", "2024-02-29T00:00:00.000000000"],
        ["2023-11-15T00:13:20+02:00", "20240229"],
    ],
)
def test_dates_by_iso_8601_are_utc_unless_they_name_a_zone(texts: list[str]) -> None:
    assert read(texts)[0] == SECONDS


@pytest.mark.parametrize(
    "kind", [pa.timestamp("ns"), pa.timestamp("s"), pa.timestamp("us", "Europe/Berlin")]
)
def test_times_of_a_parquet_file(kind: pa.DataType) -> None:
    found, _, faults = read(pa.array([*WHEN, None], pa.timestamp("us", "UTC")).cast(kind))
    assert found[:2] == SECONDS
    assert np.isnan(found[2])
    assert faults[0].startswith("4: the interaction has no timestamp")
    assert read([date(2024, 2, 29)], pa.date32())[0] == SECONDS[1:]


def test_whole_days_and_years_are_dates_and_no_seconds() -> None:
    assert read([20240229, 20240301])[0] == [SECONDS[1], SECONDS[1] + 86400]
    assert read(["20240229", ""])[0][0] == SECONDS[1]
    found, how, _ = read([2023, 2024])
    assert datetime.fromtimestamp(found[1], UTC).year == 2024
    assert how == "years"
    assert span(np.array(found), how).startswith("interactions run from 2023-01-01 to 2024-01-01")


def test_a_day_that_is_none_is_refused() -> None:
    assert read([20240229, 20240230])[2] == [
        "3: the timestamp '20240230' does not fit the others, which are dates as YYYYMMDD"
    ]


def test_what_is_no_date_among_dates_is_told_so() -> None:
    assert read(["2024-02-29", "1700000000", "", "soon", "2024-03-01"])[2] == [
        "4: the interaction has no timestamp",
        "3: the timestamp '1700000000' does not fit the others, which are dates such as "
        "2026-01-31T12:00:00",
        "5: the timestamp 'soon' does not fit the others, which are dates such as "
        "2026-01-31T12:00:00",
    ]
    assert read(["29 of March"])[2] == [
        "2: the timestamp '29 of March' is neither a number nor a date such as 2026-01-31T12:00:00"
    ]


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["11/14/2023 10:13:20 PM", "2/29/2024 12:00 am"], ", the month first"),
        (["11/14/2023, 10:13:20 p.m.", "02/29/2024"], ", the month first"),
        (["14/11/2023 22:13:20", "29/02/2024 00:00"], ", the day first"),
        (["14.11.2023 22:13:20", "29.2.2024"], ", the day first"),
        (["2023-11-14 10:13:20 PM", "2024-02-29 12:00:00 AM"], ""),
        (["2023/11/14 22:13:20", "2024/02/29"], ""),
    ],
)
def test_dates_as_people_write_them(texts: list[str], first: str) -> None:
    assert read(texts) == (SECONDS, f"dates such as {texts[0]}{first}", [])


def test_a_day_that_may_be_the_month_is_refused() -> None:
    _, _, faults = read(["01/02/2024 1:00 PM", "03/04/2024 2:00 PM"])
    assert faults[0] == (
        "2: the timestamp '01/02/2024 1:00 PM' may be of two days: write dates as 2026-01-31T12:00:00"
    )
    assert len(faults) == 2
    # One clear date settles it for the others, and a day that does not fit is a fault.
    found, _, faults = read(["01/02/2024", "13/02/2024", "02/14/2024", "14/02/2024"])
    assert found[1] - found[0] == 12 * 86400
    assert faults == [
        "4: the timestamp '02/14/2024' does not fit the others, which are dates such as 01/02/2024, "
        "the day first"
    ]
    assert len(read(["11/14/2023 13:00 PM", "11/15/2023 0:10 AM", "11/15/2023 1:10 AM"])[2]) == 2


def test_counts_are_an_order_and_that_is_said() -> None:
    found, how, faults = read([3, 1, 2])
    assert found == [3, 1, 2]
    assert not faults
    assert span(np.array(found), how) == (
        "interactions run from 1 to 3 (timestamps are counts, which tell the order and no date)"
    )


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        (["2023-11-14T22:13:20", "", "2023-11-15"], "3: the interaction has no timestamp"),
        (["2023-11-14", "1700000000", "2023-11-15"], "3: the timestamp '1700000000'"),
        (["1700000000", "1700000001", "2023-11-15"], "4: the timestamp '2023-11-15'"),
        ([1700000000, 1700000001, 1700000002000], "4: the timestamp '1700000002000'"),
        ([1700000000, 0, 1700000002], "3: the timestamp '0'"),
        (["11/14/2023 10:13 PM", "2023-11-14"], "2: the timestamp '11/14/2023 10:13 PM'"),
        (["14/11/23"], "2: the timestamp '14/11/23'"),
        (["0001-01-01", "2023-11-14"], "2: the timestamp '0001-01-01'"),
        (["2023-11-14", "9999-12-31"], "3: the timestamp '9999-12-31'"),
        ([5e10, 5e10], "2: the timestamp '5e+10'"),
        (["nan", "1700000000"], "2: the timestamp 'nan'"),
        (["inf", "1700000000"], "2: the timestamp 'inf'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(values: list[Any], bad: str) -> None:
    found, _, faults = read(values)
    assert faults[0].startswith(bad)
    assert sum(np.isnan(found)) == len(faults)


def test_the_range_of_dates_is_said(world: Any, load: Any) -> None:
    data, _ = load(world.settings())
    assert any("interactions run from 2001-09-09 to 20" in note for note in data.notes)


def test_a_request_far_in_the_future_is_refused(trained: Any) -> None:
    import ft

    with pytest.raises(ft.DataError, match="not seconds since 1970"):
        ft.predict(trained.output, [{"user": "u1", "time": 1_700_000_000_000}])
