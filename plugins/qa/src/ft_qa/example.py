"""Tiny data that the plugin is tried with."""

from __future__ import annotations

import json
from pathlib import Path

PEOPLE = ("anna", "ben", "clara", "dora")
PLACES = ("london", "paris", "rome")
SIZES = {"train": 12, "validation": 6, "test": 6}


def write_example(folder: Path) -> dict[str, str]:
    """Write a JSONL file a split: who went where; every third question has no answer."""
    rows = []
    for i in range(sum(SIZES.values())):
        who, where = PEOPLE[i % 4], PLACES[i % 3]
        context = f"{who} went to {where}" if i % 3 else f"the house in {where}"
        answer = {"text": who, "start": 0}
        rows.append({"question": "who", "context": context, "answers": [answer] if i % 3 else []})
    settings, begin = {}, 0
    for split, size in SIZES.items():
        path = folder / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[begin : begin + size]))
        settings[split] = str(path)
        begin += size
    return settings
