"""Tiny data that the plugin is tried with."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

WHO = ("anna", "ben", "clara", "dora")
WHAT = {
    "went to the house": "good",
    "saw a house in london": "good",
    "went": "bad",
    "and rome": "bad",
    "saw": "bad",
    "went with a house to paris": "good",
    "in": "bad",
    "saw the house and went": "good",
    "with the": "bad",
}
SIZES = {"train": 24, "validation": 6, "test": 6}


def write_example(folder: Path) -> dict[str, str]:
    """Write a JSONL file a split, no text twice; the settings that name them."""
    rows = [
        json.dumps({"text": f"{who} {what}", "label": label})
        for who, (what, label) in product(WHO, WHAT.items())
    ]
    settings, begin = {}, 0
    for split, size in SIZES.items():
        path = folder / f"{split}.jsonl"
        path.write_text("\n".join(rows[begin : begin + size]) + "\n", encoding="utf-8")
        settings[split] = str(path)
        begin += size
    return settings
