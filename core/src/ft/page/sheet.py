"""A page of sentences, intervals and tables, as commands leave it beside their text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ft.contract.results import Table
from ft.page import require_libraries


@dataclass(frozen=True)
class Intervals:
    """A chart of values, one below another, each with its interval.

    Attributes:
        title: what it shows.
        rows: label, value, and the ends of its interval, in their order; where an end is ``None``
            a line from zero leads to the value.
        note: how to read it.
    """

    title: str
    rows: Sequence[tuple[str, float, float | None, float | None]]
    note: str = ""


def html_page(
    title: str,
    about: str,
    tables: Sequence[Table],
    words: Sequence[str] = (),
    charts: Sequence[Intervals] = (),
) -> str:
    """A page that needs nothing else: no network, no script; every text in it is escaped.

    Args:
        title: its heading.
        about: the line below it.
        tables: behind the charts, in their order.
        words: sentences before the charts.
        charts: one without rows is left out.

    Raises:
        UserError: jinja2 or matplotlib is not installed.
    """
    require_libraries()
    from markupsafe import Markup

    from ft.page import draw, page

    drawn = [
        (chart, Markup(draw.intervals(chart.rows, f"i{number}")))
        for number, chart in enumerate(charts)
        if chart.rows
    ]
    return (
        page.environment()
        .get_template("sheet.html")
        .render(
            title=title,
            about=about,
            tables=tables,
            words=words,
            charts=drawn,
            style=page.style(),
            most_rows=1000,
            most_columns=page.COLUMNS,
        )
    )
