"""Charts as SVG that stands in a page: its text is text, its colours are the page's.

matplotlib draws; it is imported here alone, when there is something to draw.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, LINE_HEIGHT = 4.6, 2.7, 0.28
"""Inches; at the width of a phone the text keeps a size that can be read."""

SERIES = tuple(f"#0000{number:02x}" for number in range(1, 7))
TEXT, LINE, FAINT = "#000101", "#000102", "#000103"
_STYLES = {
    **{colour: f"var(--s{number})" for number, colour in enumerate(SERIES, 1)},
    TEXT: "currentColor",
    LINE: "var(--line)",
    FAINT: "var(--faint)",
}
"""Colours that nobody would choose, drawn in place of the page's."""

_DASHES = ("solid", "dashed", "dashdot", "dotted", (0, (5, 1)), (0, (1, 3)))
_MARKERS = "os^Dvx"
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "font.size": 9,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "axes.formatter.limits": (-3, 5),
    "legend.frameon": False,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": False,
}
LABEL, LEGEND = 28, 54
"""Characters of a name in a legend, and of a line of it with its marks."""

FEW = 40
"""Points up to which each is marked."""


@dataclass(frozen=True)
class Series:
    """A curve: a value a step, with the ends of its interval where those are known."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True)
class Chart:
    """Curves over the steps of training.

    Attributes:
        title: what it shows.
        series: its curves.
        best: the step of the best evaluation, marked with a line.
        note: what is left out.
    """

    title: str
    series: Sequence[Series]
    best: int | None = None
    note: str = ""


def curves(chart: Chart, name: str) -> str:
    """A chart of learning curves as an ``svg`` element; ``name`` keeps its ids its own."""
    from matplotlib.ticker import MaxNLocator

    def fill(axes: Axes) -> None:
        for number, series in enumerate(chart.series):
            _line(axes, series, number)
        if chart.best is not None:
            axes.axvline(chart.best, color=FAINT, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        steps = {step for series in chart.series for step in series.steps}
        if len(steps) == 1:
            axes.set_xlim(*(step + side for step in steps for side in (-1, 1)))
        if len(chart.series) > 1:
            # Above the curves: within them it would hide some.
            longest = max(len(_short(series.name)) for series in chart.series)
            columns = max(1, LEGEND // (longest + 7))
            axes.figure.legend(fontsize=8.5, loc="outside upper left", ncols=columns)

    return _svg(fill, name)


def scatter(gold: Sequence[float], found: Sequence[float], name: str) -> str:
    """Predicted over true numbers as an ``svg`` element."""

    def fill(axes: Axes) -> None:
        ends = [min(*gold, *found), max(*gold, *found)]
        axes.plot(ends, ends, color=FAINT, linewidth=1)
        axes.plot(gold, found, "o", color=SERIES[0], markersize=3, alpha=0.5, markeredgewidth=0)
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")

    return _svg(fill, name)


def intervals(rows: Sequence[tuple[str, float, float | None, float | None]], name: str) -> str:
    """Labelled values below each other with the ends of their intervals, as an ``svg`` element."""

    def fill(axes: Axes) -> None:
        axes.axvline(0, color=FAINT, linewidth=1)
        for line, (_, value, low, high) in enumerate(rows):
            ends = (0.0, value) if low is None or high is None else (low, high)
            axes.hlines(line, *ends, color=SERIES[0], linewidth=2)
            axes.plot(value, line, "o", color=SERIES[0], markersize=5)
        axes.set_yticks(range(len(rows)), [_short(row[0]) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.ticklabel_format(axis="x", scilimits=(-4, 5))

    return _svg(fill, name, 0.5 + LINE_HEIGHT * len(rows))


def _line(axes: Axes, series: Series, number: int) -> None:
    colour = SERIES[number % len(SERIES)]
    few = len(series.steps) <= FEW
    axes.plot(
        series.steps,
        series.values,
        color=colour,
        linewidth=1.6,
        linestyle=_DASHES[number % len(_DASHES)],
        marker=_MARKERS[number % len(_MARKERS)] if few else None,
        markersize=3.5,
        label=_short(series.name),
    )
    if series.low is not None and series.high is not None and number == 0:
        if len(series.steps) > 1:
            axes.fill_between(
                series.steps, series.low, series.high, color=colour, alpha=0.15, linewidth=0
            )
        else:
            axes.vlines(series.steps, series.low, series.high, color=colour, linewidth=1)


def _short(name: str) -> str:
    return name if len(name) <= LABEL else f"{name[: LABEL - 1]}…"


def _svg(fill: Any, name: str, height: float = HEIGHT) -> str:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**_SETTINGS, "svg.hashsalt": name}), warnings.catch_warnings():
        # The browser has the letters that the font which the text is measured with may lack.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        fill(figure.subplots())
        file = StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    return inline(file.getvalue(), name)


def inline(svg: str, name: str) -> str:
    """An SVG file as an element of a page: no prolog, no size, no style for others, own ids."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r"#0000\d\d|#00010\d", lambda found: _STYLES.get(found[0], found[0]), svg)
    referenced = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(
        r' id="([^"]*)"',
        lambda found: f' id="{name}-{found[1]}"' if found[1] in referenced else "",
        svg,
    )
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-")
    svg = re.sub(r"\n\s*", "\n", svg)
    return svg.replace("<svg", '<svg aria-hidden="true"', 1)
