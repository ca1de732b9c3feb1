"""What the report asks of a view."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from ft.builtin.report.matrix import Counts
from ft.contract.results import Table
from ft.runfolder.examples import PLACE

LETTERS = 1200
"""Characters of a text that the browser shows; the page says where one is cut."""

PER_KIND = 150
"""Examples of each kind that the browser holds at most."""


@dataclass(frozen=True)
class Findings:
    """What a view has to say of a whole split.

    Attributes:
        tables: for people.
        counts: by gold and predicted class, for the confusion matrix; empty where there is none.
        names: the classes in their order.
        note: how to read the matrix.
        points: gold and predicted numbers, for a scatter plot.
    """

    tables: Sequence[Table] = ()
    counts: Counts = field(default_factory=dict)
    names: Sequence[str] = ()
    note: str = ""
    points: tuple[Sequence[float], Sequence[float]] | None = None


class View(Protocol):
    """Looks at every example of a split once, and keeps those most worth a look."""

    @property
    def renderer(self) -> str:
        """Which part of the page's script shows the examples."""

    @property
    def kinds(self) -> Sequence[str]:
        """What an example can be; what the reader can filter by."""

    @property
    def order(self) -> str:
        """In words, which examples come first."""

    def see(self, example: Mapping[str, Any], item: Mapping[str, Any]) -> None:
        """Take note of an example and its prediction."""

    def findings(self) -> Findings:
        """What all of them tell."""

    def examples(self, room: int) -> list[dict[str, Any]]:
        """Those that fit into so many bytes of JSON, most worth a look first."""


NAME = 80
"""Characters of the name of a class that the page shows; see `class_name`."""


def class_name(name: Any) -> str:
    """The name of a class as the page has it: a long one is cut and told from others by its hash."""
    text = str(name)
    if len(text) <= NAME:
        return text
    return f"{text[: NAME - 8]}… {sha256(text.encode('utf-8', 'replace')).hexdigest()[:6]}"


def place_of(example: Mapping[str, Any]) -> str | None:
    """Where an example comes from, by the file's name without its folders."""
    place = example.get(PLACE)
    return None if place is None else re.split(r"[/\\]", str(place))[-1]


def cut(text: Any, most: int = LETTERS) -> str:
    """A text no longer than ``most`` characters; says how many are left out."""
    text = str(text)
    return text if len(text) <= most else f"{text[:most]} … (+{len(text) - most:,} characters)"
