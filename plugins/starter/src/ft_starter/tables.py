"""Writes CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path


def write(path: Path, names: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file, UTF-8, the same bytes on every system."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
