"""Tiny data that the plugin is tried with."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

WHO = ("anna", "ben", "clara", "dora")
CITIES = ("london", "paris", "rome", "berlin")
SIZES = {"train": 16, "validation": 6, "test": 6}


def write_example(folder: Path) -> dict[str, str]:
    """Write a file of answers and a JSONL file a split; some questions have no answer."""
    lines = [json.dumps({"id": city, "answer": f"a house in {city}"}) for city in CITIES]
    path = folder / "answers.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings, begin = {"answers": str(path)}, 0
    asked = [
        (f"{who} {verb} {city}", city) for verb, who, city in product(("in", "saw"), WHO, CITIES)
    ]
    asked = [asked[(5 * k) % len(asked)] for k in range(len(asked))]
    for split, size in SIZES.items():
        rows = [{"question": text, "answer": city} for text, city in asked[begin : begin + size]]
        rows.append({"question": f"{WHO[len(settings) % 4]} went and", "answer": ""})
        path = folder / f"{split}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
        settings[split] = str(path)
        begin += size
    return settings
