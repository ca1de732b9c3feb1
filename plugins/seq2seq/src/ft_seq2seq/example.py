"""Tiny data that the plugin is tried with."""

from __future__ import annotations

import json
from pathlib import Path

PAIRS = (("a", "one"), ("house", "home"), ("paris", "rome"), ("went", "saw"))
SIZES = {"train": 12, "validation": 6, "test": 6}


def write_example(folder: Path) -> dict[str, str]:
    """Write a JSONL file a split: words and other words for them."""
    rows = []
    for i in range(sum(SIZES.values())):
        chosen = [PAIRS[i % 4], PAIRS[i // 4 % 4], PAIRS[i // 7 % 4]][: 1 + i % 3]
        source, target = (" ".join(words) for words in zip(*chosen, strict=True))
        rows.append({"source": source, "target": target})
    settings, begin = {}, 0
    for split, size in SIZES.items():
        path = folder / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[begin : begin + size]))
        settings[split] = str(path)
        begin += size
    return settings
