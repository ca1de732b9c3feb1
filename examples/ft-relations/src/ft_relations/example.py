"""Small data of the plugin's own, on which it can be tried and checked."""

from __future__ import annotations

import json
import random
from pathlib import Path

CAUSES, EFFECTS = ("rain", "fire", "a virus", "heavy wind"), ("a flood", "smoke", "fever", "damage")
PATTERNS = (
    ("<e1>{}</e1> caused <e2>{}</e2>.", "Cause-Effect(e1,e2)"),
    ("<e2>{}</e2> was the reason of <e1>{}</e1>.", "Cause-Effect(e2,e1)"),
    ("<e1>{}</e1> and <e2>{}</e2> were seen.", "Other"),
)
SIZES = {"train": 32, "validation": 10, "test": 10}


def write_example(folder: Path) -> dict[str, str]:
    """Write generated sentences, a file a split.

    Returns:
        The settings that name the files.
    """
    rng = random.Random(0)
    settings = {}
    for split, size in SIZES.items():
        path = folder / f"{split}.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            for _ in range(size):
                pattern, relation = rng.choice(PATTERNS)
                text = pattern.format(rng.choice(CAUSES), rng.choice(EFFECTS))
                stream.write(json.dumps({"text": text, "relation": relation}) + "\n")
        settings[split] = str(path)
    return settings
