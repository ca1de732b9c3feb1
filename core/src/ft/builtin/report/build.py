"""Gathers what the page shows, and keeps it within its size."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ft.builtin.report import curves, headline, matrix, origin
from ft.builtin.report import data as datapart
from ft.builtin.report.views import view_of
from ft.builtin.report.views.view import Findings, View, class_name
from ft.contract.files import write_whole
from ft.contract.version import __version__
from ft.page import draw
from ft.page.page import COLUMNS, ROWS, environment, script_data, style
from ft.reporters.text import cost_table
from ft.runfolder.read import RunFiles

LIMIT = 1_500_000
"""Bytes of the page."""

BROWSER = 900_000
"""Bytes of it for the examples of all splits together; fewer where the rest is large."""

SMALLER = (
    (1, ROWS),
    (1 / 2, ROWS),
    (1 / 4, ROWS),
    (1 / 8, ROWS),
    (1 / 8, 30),
    (1 / 16, 10),
    (0, 2),
)
"""How a page becomes smaller: the share of `BROWSER` for examples, and the rows of a table."""

TABLES = 12
"""Tables of an evaluation that are shown."""

CONFIG = 60_000
"""Characters of the settings that are shown."""

NAME = "report.html"


@dataclass
class Split:
    """What the page shows of one scored split.

    Attributes:
        name: of the split.
        tables: of the view, then those of its evaluation.
        matrices: confusion matrices with their titles.
        confused: the most frequent errors of the first: gold, predicted, how often.
        points: a scatter plot of numbers, as SVG.
        view: knows the examples; ``None`` where the folder does not hold them.
        seen: how many examples there are.
    """

    name: str
    tables: list[Mapping[str, Any]] = field(default_factory=list)
    matrices: list[tuple[str, matrix.Matrix]] = field(default_factory=list)
    confused: list[tuple[str, str, int]] = field(default_factory=list)
    points: Markup | None = None
    view: View | None = None
    seen: int = 0


def write_report(path: Path) -> Path:
    """Write ``report.html`` into the folder of a finished run, from what the folder holds.

    Args:
        path: the run's folder.

    Returns:
        The page's path.

    Raises:
        UserError: there is no finished run in the folder.
        DataError: one of its files is missing or damaged.
        OSError: the page cannot be written.
    """
    files = RunFiles(path)
    files.check()
    page = build(files)
    write_whole(path / NAME, page)
    return path / NAME


def build(files: RunFiles) -> bytes:
    """The page of a run, at most `LIMIT` bytes."""
    record = files.record
    splits = [_split(files, name) for name in record["metrics"]]
    splits.sort(key=lambda split: split.name != headline.headline_split(record["metrics"]))
    values = _values(files, splits)
    page = b""
    for share, rows in SMALLER:
        page = render(values, _browser(splits, int(BROWSER * share)), rows)
        if len(page) <= LIMIT:
            break
    return page


def render(values: Mapping[str, Any], data: Mapping[str, Any], rows: int = ROWS) -> bytes:
    """The page.

    Whatever comes from the data is escaped: by Jinja2 where it stands in the page, and as JSON
    without ``<``, ``>`` and ``&`` where the script reads it. The policy in its head lets the browser
    run the page's own script and nothing else, and lets it load nothing.

    Args:
        values: of the template.
        data: what the script shows.
        rows: of a table, that are shown at most.
    """
    script = (package_files(__package__) / "templates" / "report.js").read_text(encoding="utf-8")
    policy = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = (
        environment("ft.builtin.report")
        .get_template("report.html")
        .render(
            **values,
            style=style(),
            script=Markup(script),
            policy=policy,
            data_json=script_data(data),
            most_rows=rows,
            most_columns=COLUMNS,
        )
    )
    # A text may hold half of a character that UTF-8 cannot write.
    return text.encode("utf-8", "replace")


def _values(files: RunFiles, splits: Sequence[Split]) -> dict[str, Any]:
    record = files.record
    main = record.get("main") or (record.get("best") or {}).get("metric")
    shown = headline.headline_split(record["metrics"])
    config = origin.settings(files)
    drawn = curves.charts(files.log, main, (record.get("best") or {}).get("step"))
    return {
        "title": " + ".join(str(one["name"]) for one in record.get("plugins", ())) or "run",
        "folder": files.path.resolve().name,
        "version": __version__,
        "model": headline.model_name(str(record.get("model", {}).get("path", ""))),
        "seed": record.get("seed"),
        "split": shown,
        "cards": headline.cards(record["metrics"][shown], main) if shown else [],
        "facts": headline.facts(record, shown),
        "advice": record.get("advice", ()),
        "metrics": headline.every_metric(record["metrics"]),
        "chains": origin.chains(record),
        "charts": [
            (chart, Markup(draw.curves(chart, f"c{number}"))) for number, chart in enumerate(drawn)
        ],
        "splits": splits,
        "browsed": any(split.view for split in splits),
        "data": origin.data(record),
        "spreads": datapart.spreads(record),
        "labels": datapart.label_counts(record),
        "findings": datapart.findings(record),
        "notes": record.get("notes", ())[:60],
        "costs": cost_table(
            # Not what the page itself costs, which is known only when it is written.
            [one for one in record.get("costs", ()) if one.get("hook") != "on_record"]
        ),
        "train_seconds": record.get("train_seconds"),
        "total_seconds": record.get("total_seconds"),
        "peak_memory": record.get("peak_memory") or {},
        "plugins": origin.plugins(record),
        "pairs": origin.pairs(record),
        "command": origin.command(files.path),
        "config": config[:CONFIG],
        "config_cut": len(config) > CONFIG,
    }


def _split(files: RunFiles, name: str) -> Split:
    split = Split(name)
    found = Findings()
    if files.has_examples(name):
        found = _look(files, split)
    if found.counts:
        laid = matrix.matrix(found.counts, found.names, found.note)
        split.matrices.append(("Confusion matrix", laid))
        split.confused = matrix.confusions(found.counts)
    if found.points:
        split.points = Markup(draw.scatter(*found.points, f"p-{name}"))
    for table in files.tables(name)[:TABLES]:
        counts = matrix.counts_of(table)
        if counts is None:
            split.tables.append(table)
            continue
        counts = {(class_name(a), class_name(b)): n for (a, b), n in counts.items()}
        if counts != dict(found.counts):
            names = [class_name(one) for one in table["columns"][1:]]
            laid = matrix.matrix(counts, names, table.get("note", ""))
            split.matrices.append((table["title"], laid))
    split.tables = [*(vars(table) for table in found.tables), *split.tables]
    return split


def _look(files: RunFiles, split: Split) -> Findings:
    titles = files.titles(split.name)
    for example, item in files.pairs(split.name):
        if split.view is None:
            split.view = view_of(files.schema, example, item, titles)
        split.view.see(example, item)
        split.seen += 1
    return split.view.findings() if split.view else Findings()


def _browser(splits: Sequence[Split], room: int) -> dict[str, Any]:
    """What the script shows: the examples of each split, each split with an equal part."""
    looked = [split for split in splits if split.view]
    return {
        "splits": [
            {
                "name": split.name,
                "view": split.view.renderer,
                "kinds": split.view.kinds,
                "order": split.view.order,
                "total": split.seen,
                "examples": split.view.examples(room // len(looked)),
            }
            for split in looked
            if split.view
        ]
    }
