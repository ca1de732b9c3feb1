"""Tiny data that the plugin is tried with."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

SENTENCES = (
    "[anna] went to (london)",
    "[ben] saw the house",
    "the house in (new york) and [clara dora]",
    "went with [anna]",
    "(paris)",
    "a house",
    "[dora] and [ben] went to (rome) with a house",
)
SIZES = {"train": 24, "validation": 7, "test": 7}


def write_example(folder: Path) -> dict[str, str]:
    """Write a CoNLL file a split; the settings that name them."""
    settings = {}
    for split, size in SIZES.items():
        path = folder / f"{split}.conll"
        blocks = [_conll(sentence) for sentence in islice(cycle(SENTENCES), size)]
        path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
        settings[split] = str(path)
    return settings


def _conll(sentence: str) -> str:
    """Lines of word and tag: ``[...]`` is a person, ``(...)`` a place."""
    lines, kind, begins = [], "", False
    for word in sentence.split():
        if word[0] in "[(":
            kind, begins = "PER" if word[0] == "[" else "LOC", True
        tag = f"{'B' if begins else 'I'}-{kind}" if kind else "O"
        lines.append(f"{word.strip('[]()')} {tag}")
        begins = False
        if word[-1] in "])":
            kind = ""
    return "\n".join(lines)
