"""The result of a search as a page: ``tune.html``."""

from __future__ import annotations

from ft import Intervals, Table, html_page
from ft_tune import outcome
from ft_tune.folder import SearchFolder, write_whole
from ft_tune.search import shown


def write(found: outcome.Outcome, folder: SearchFolder, name: str) -> None:
    """Write the page into the search's folder."""
    importances = Intervals(
        "Which settings matter: share in what tells good trials from bad",
        [(key, share, None, None) for key, share in found.importances.items()],
    )
    page = html_page(
        "Search",
        name,
        [*(outcome.tables(found) if found.best else ()), _all(found)],
        outcome.words(found, folder),
        [importances],
    )
    write_whole(folder.page, page)


def _all(found: outcome.Outcome) -> Table:
    """Every trial in its order."""
    failed = any(row.error for row in found.rows)
    rows = tuple(
        (
            row.number,
            row.state,
            "" if row.value is None else f"{row.value:.4f}",
            *(shown(row.values[key]) if key in row.values else "" for key in found.keys),
            row.told.get("epoch"),
            *([row.error or ""] if failed else []),
        )
        for row in found.rows
    )
    columns = ("trial", "", found.metric, *found.keys, "epochs", *(["error"] if failed else []))
    return Table("All trials", columns, rows, found.counts)
