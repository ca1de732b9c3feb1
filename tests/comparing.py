"""Whether two runs are the same to the last bit, and small data files for the task plugins."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

OWN = ("seconds", "costs", "notes", "machine", "peak_memory", "settings", "sha256", "changes")
"""What the files of two equal runs may differ in: what things cost, and what was said and asked."""


def tensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(path)


def different_tensors(one: Path, other: Path) -> list[str]:
    """The names of the tensors that are not equal to the last bit, or not in both files."""
    import torch

    ours, theirs = tensors(one), tensors(other)
    both = [name for name in ours if name in theirs]
    return sorted(ours.keys() ^ theirs.keys()) + [
        name for name in both if not torch.equal(ours[name], theirs[name])
    ]


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if not key.endswith(OWN)}


def differences(run: Path, reference: Path) -> list[str]:
    """What is not equal in two finished runs.

    Compared are the log, the weights, the optimizer and every random state of the last checkpoint,
    the record, the predictions and the state of the plugins.
    """
    found = []
    ours, theirs = lines(run / "metrics.jsonl"), lines(reference / "metrics.jsonl")
    if len(ours) != len(theirs):
        found.append(f"metrics.jsonl: {len(ours)} lines, not {len(theirs)}")
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False), 1):
        found += unequal(f"metrics.jsonl:{number}", one, other)
    last = sorted(path.name for path in (reference / "checkpoints").glob("step-*"))[-1]
    checkpoint = f"checkpoints/{last}"
    for name in ("model", f"{checkpoint}/model", f"{checkpoint}/optimizer"):
        path = f"{name}/model.safetensors" if name == "model" else f"{name}.safetensors"
        odd = different_tensors(run / path, reference / path)
        found += [f"{path}: {len(odd)} tensors, such as {odd[0]}"] if odd else []
    for name in ("record.json", "task.json"):
        found += unequal(name, *(comparable(read(one / name)) for one in (run, reference)))
    state, wanted = (comparable(read(one / checkpoint / "state.json")) for one in (run, reference))
    del state["progress"]["train_seconds"], wanted["progress"]["train_seconds"]
    found += unequal("state.json", state, wanted)
    for path in sorted((reference / "predictions").iterdir()):
        if (run / "predictions" / path.name).read_bytes() != path.read_bytes():
            found.append(f"predictions/{path.name}")
    return found


def assert_same(run: Path, reference: Path) -> None:
    """Fail with the list of differences, if there are any."""
    found = differences(run, reference)
    if found:
        raise AssertionError("\n".join([f"{len(found)} differences", *found[:20]]))


def unequal(place: str, one: Any, other: Any) -> list[str]:
    """Where two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [
            text for key in keys for text in unequal(f"{place} {key}", one.get(key), other.get(key))
        ]
    return [] if one == other else [f"{place}: {str(one)[:60]}, not {str(other)[:60]}"]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def write_conll(path: Path, sentence: Callable[..., Any], sentences: int, seed: int) -> Path:
    """Sentences of the in-memory task as a file of the task `ner`."""
    rng = random.Random(seed)
    blocks = []
    for _ in range(sentences):
        tokens, tags = sentence(rng, 10)
        blocks.append("\n".join(f"{a}\t{b}" for a, b in zip(tokens, tags, strict=True)))
    path.write_text("\n\n".join(blocks) + "\n")
    return path


def write_reviews(
    path: Path, words: Sequence[str], places: Sequence[str], n: int, seed: int
) -> Path:
    """Texts with labels as a file of the task `sentiment`."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        text = rng.choices(words, k=rng.randint(2, 10))
        label = "yes" if number < 2 or set(text) & set(places) else "no"
        rows.append(json.dumps({"text": " ".join([*text, str(number)]), "label": label}))
    path.write_text("\n".join(rows) + "\n")
    return path


def write_interactions(
    folder: Path, words: Sequence[str], users: int, items: int
) -> dict[str, str]:
    """Items with titles and who liked them when, as files of the task `recommend`; its settings."""
    rng = random.Random(0)
    catalogue = [f"i{k},{' '.join(rng.choices(words, k=3))},{1990 + k % 20}" for k in range(items)]
    rows = [
        f"u{user},i{item},{10**9 + 3600 * (10 * user + n)}"
        for user in range(users)
        for n, item in enumerate(rng.sample(range(items), 5))
    ]
    paths = {"items": folder / "items.csv", "interactions": folder / "interactions.csv"}
    paths["items"].write_text("\n".join(["item,title,year", *catalogue]) + "\n")
    paths["interactions"].write_text("\n".join(["user,item,timestamp", *rows]) + "\n")
    return {name: str(path) for name, path in paths.items()}
