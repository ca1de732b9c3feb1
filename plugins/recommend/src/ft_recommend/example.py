"""Tiny data that the plugin is tried with."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

KINDS = ("london", "paris", "rome")
USERS, ITEMS, LIKED = 8, 15, 5


def write_example(folder: Path) -> dict[str, str]:
    """Write items of three kinds and users who like one kind each; the settings that name them."""
    items = [(f"i{k}", f"the house {k} in {KINDS[k % 3]}", KINDS[k % 3]) for k in range(ITEMS)]
    interactions = [
        (f"u{u}", f"i{(u + 3 * n) % ITEMS}", 3 + (u + n) % 3, 10**9 + 3600 * (LIKED * u + n))
        for u in range(USERS)
        for n in range(LIKED)
    ]
    return {
        "items": _write(folder / "items.csv", ("item", "title", "kind"), items),
        "interactions": _write(
            folder / "interactions.csv", ("user", "item", "rating", "timestamp"), interactions
        ),
    }


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(path)
