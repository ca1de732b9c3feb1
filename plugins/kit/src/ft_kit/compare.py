"""Whether two runs are the same to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ft_kit.snapshot import changed

OWN = ("seconds", "costs", "notes", "machine", "peak_memory", "settings", "sha256", "changes")
"""How the keys end that two equal runs may differ in: what things cost, and what was said and asked."""


def differences(
    run: Path, reference: Path, plugin: str | None = None, *, generators: bool = True
) -> list[str]:
    """What is not equal in two finished runs.

    Compared are the log, the weights and the optimizer of the last checkpoint, the predictions, and
    the state of one plugin; or, where none is named, of everything: all plugins, the saved model and
    the record too.

    Args:
        run: a run folder.
        reference: another.
        plugin: the plugin whose state is compared, where the runs have different ones beside it.
        generators: compare the state of the global random generators too.
    """
    return list(_differences(run, reference, plugin, generators))


def _differences(run: Path, reference: Path, plugin: str | None, generators: bool) -> Iterator[str]:
    ours, theirs = lines(run / "metrics.jsonl"), lines(reference / "metrics.jsonl")
    for one, other in zip(ours, theirs, strict=False):
        yield from _places(one, other, f" at step {other['step']}")
    if len(ours) != len(theirs):
        yield f"metrics.jsonl has {len(ours)} lines, not {len(theirs)}"
    last, wanted = _last(run), _last(reference)
    if last is None or wanted is None or last.name != wanted.name:
        yield f"the last checkpoint is {last and last.name}, not {wanted and wanted.name}"
        return
    pairs = [(name, last / f"{name}.safetensors") for name in ("model", "optimizer")]
    if not plugin:
        # A plugin may save the model in a folder of its own, or in several files.
        saved = sorted((reference / "model").rglob("*.safetensors"))
        pairs += [("saved model", run / path.relative_to(reference)) for path in saved]
    for name, path in pairs:
        odd = different_tensors(path, reference / path.relative_to(run))
        if odd:
            yield f"{len(odd)} tensors of the {name} differ, such as {odd[0]}"
    state, wanted_state = (read(path / "state.json") for path in (last, wanted))
    if plugin:
        for place in changed(wanted_state["plugins"][plugin], state["plugins"][plugin]):
            yield f"{plugin}{place} in the last checkpoint differs"
    else:
        for one in (state, wanted_state):
            del one["progress"]["train_seconds"], one["progress"]["seconds"]
        yield from _places(_comparable(state), _comparable(wanted_state), " in state.json")
        for name in ("record.json", "task.json"):
            one, other = (_comparable(read(folder / name)) for folder in (run, reference))
            yield from _places(one, other, f" in {name}")
    if plugin and generators and state["random"] != wanted_state["random"]:
        yield "the global random generators of the last checkpoint differ"
    for path in sorted((reference / "predictions").glob("*.jsonl")):
        if (run / "predictions" / path.name).read_bytes() != path.read_bytes():
            yield f"predictions/{path.name} differs"


def _comparable(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if not key.endswith(OWN)}


def _places(one: Any, other: Any, where: str) -> Iterator[str]:
    """Where two JSON values differ, with both values."""
    for place in changed(other, one):
        key = place.replace("][", " ").strip("[]").replace("'", "")
        yield f"{key}{where} is {_at(one, place)!s:.60}, not {_at(other, place)!s:.60}"


def _at(value: Any, place: str) -> Any:
    """The value at a place such as ``['metrics']['f1']``, for people."""
    for key in place.strip("[]").replace("'", "").split("]["):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
    return value


def _last(run: Path) -> Path | None:
    steps = sorted((run / "checkpoints").glob("step-*"))
    return steps[-1] if steps else None


def different_tensors(one: Path, other: Path) -> list[str]:
    """The names of the tensors that are not equal to the last bit, or not in both files."""
    import torch

    ours, theirs = tensors(one), tensors(other)
    return sorted(
        name
        for name in ours.keys() | theirs.keys()
        if name not in ours or name not in theirs or not torch.equal(ours[name], theirs[name])
    )


def tensors(path: Path) -> dict[str, Any]:
    """The tensors of a file by their names."""
    from safetensors.torch import load_file

    return load_file(path)


def lines(path: Path) -> list[Any]:
    """The values of a file with one JSON value a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read(path: Path) -> Any:
    """The value of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
