"""The kit's comparison of two runs, and small data files for the task plugins."""

from __future__ import annotations

import json
import random
from pathlib import Path

from ft_kit.compare import differences, different_tensors, lines, read, tensors
from ft_kit.tasks import PLACES, VOCABULARY, WordsTask

__all__ = ["differences", "different_tensors", "lines", "read", "tensors"]


def assert_same(run: Path, reference: Path) -> None:
    """Fail with the list of differences, if there are any."""
    found = differences(run, reference)
    if found:
        raise AssertionError("\n".join([f"{len(found)} differences", *found[:20]]))


def write_conll(path: Path, sentences: int, seed: int) -> Path:
    """Sentences of the kit's task as a file of the task `ner`."""
    task, rng = WordsTask(), random.Random(seed)
    blocks = []
    for _ in range(sentences):
        row = task.row(rng)
        blocks.append("\n".join(f"{a}\t{b}" for a, b in zip(*row.values(), strict=True)))
    path.write_text("\n\n".join(blocks) + "\n")
    return path


def write_reviews(path: Path, n: int, seed: int) -> Path:
    """Texts with labels as a file of the task `sentiment`."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        text = rng.choices(VOCABULARY, k=rng.randint(2, 10))
        label = "yes" if number < 2 or set(text) & set(PLACES) else "no"
        rows.append(json.dumps({"text": " ".join([*text, str(number)]), "label": label}))
    path.write_text("\n".join(rows) + "\n")
    return path


def write_interactions(folder: Path, users: int, items: int) -> dict[str, str]:
    """Items with titles and who liked them when, as files of the task `recommend`; its settings."""
    rng = random.Random(0)
    catalogue = [
        f"i{k},{' '.join(rng.choices(VOCABULARY, k=3))},{1990 + k % 20}" for k in range(items)
    ]
    rows = [
        f"u{user},i{item},{10**9 + 3600 * (10 * user + n)}"
        for user in range(users)
        for n, item in enumerate(rng.sample(range(items), 5))
    ]
    paths = {"items": folder / "items.csv", "interactions": folder / "interactions.csv"}
    paths["items"].write_text("\n".join(["item,title,year", *catalogue]) + "\n")
    paths["interactions"].write_text("\n".join(["user,item,timestamp", *rows]) + "\n")
    return {name: str(path) for name, path in paths.items()}
