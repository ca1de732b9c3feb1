"""Whether two runs are the same to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ft_kit.snapshot import changed


def differences(run: Path, reference: Path, plugin: str, *, generators: bool = True) -> list[str]:
    """What is not equal in two finished runs.

    Compared are the log, the weights and the optimizer of the last checkpoint, the predictions,
    and what the checkpoint knows of one plugin.

    Args:
        run: a run folder.
        reference: another.
        plugin: the plugin whose state is compared.
        generators: compare the state of the global random generators too.
    """
    return list(_differences(run, reference, plugin, generators))


def _differences(run: Path, reference: Path, plugin: str, generators: bool) -> Iterator[str]:
    ours, theirs = _lines(run / "metrics.jsonl"), _lines(reference / "metrics.jsonl")
    for one, other in zip(ours, theirs, strict=False):
        for place in changed(other, one):
            key = place.replace("][", " ").strip("[]").replace("'", "")
            yield f"{key} at step {other['step']} is {_at(one, place)}, not {_at(other, place)}"
    if len(ours) != len(theirs):
        yield f"metrics.jsonl has {len(ours)} lines, not {len(theirs)}"
    last, wanted = _last(run), _last(reference)
    if last is None or wanted is None or last.name != wanted.name:
        yield f"the last checkpoint is {last and last.name}, not {wanted and wanted.name}"
        return
    for name in ("model", "optimizer"):
        odd = _different_tensors(last / f"{name}.safetensors", wanted / f"{name}.safetensors")
        if odd:
            yield f"{len(odd)} tensors of the {name} differ, such as {odd[0]}"
    state, wanted_state = (_read(path / "state.json") for path in (last, wanted))
    for place in changed(wanted_state["plugins"][plugin], state["plugins"][plugin]):
        yield f"{plugin}{place} in the last checkpoint differs"
    if generators and state["random"] != wanted_state["random"]:
        yield "the global random generators of the last checkpoint differ"
    for path in sorted((reference / "predictions").glob("*.jsonl")):
        if (run / "predictions" / path.name).read_bytes() != path.read_bytes():
            yield f"predictions/{path.name} differs"


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


def _different_tensors(one: Path, other: Path) -> list[str]:
    import torch
    from safetensors.torch import load_file

    ours, theirs = load_file(one), load_file(other)
    return sorted(
        name
        for name in ours.keys() | theirs.keys()
        if name not in ours or name not in theirs or not torch.equal(ours[name], theirs[name])
    )


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
