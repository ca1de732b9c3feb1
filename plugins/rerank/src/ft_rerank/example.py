"""Tiny data that the plugin is tried with."""

from __future__ import annotations

import json
from pathlib import Path

CITIES = ("london", "paris", "rome")
WHO = ("anna", "ben", "clara", "dora")
SIZES = {"train": 6, "validation": 3, "test": 3}


def write_example(folder: Path) -> dict[str, str]:
    """Write a JSONL file a split: who asks for a city, and three candidates with grades."""
    queries = [(f"{who} went to {city}", city) for who in WHO for city in CITIES]
    settings, begin = {}, 0
    for split, size in SIZES.items():
        rows = [
            {"query": query, "text": f"a house in {other}", "grade": 2 * (other == city)}
            for query, city in queries[begin : begin + size]
            for other in CITIES
        ]
        path = folder / f"{split}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
        settings[split] = str(path)
        begin += size
    return settings
