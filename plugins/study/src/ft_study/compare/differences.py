"""What differs between two runs beside their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ft_study.runs import Finished

NOT_SET = "not set"


@dataclass(frozen=True)
class Difference:
    """Something that is not the same in two runs.

    Attributes:
        kind: ``setting``, ``plugin``, ``data``, ``model``, ``library`` or ``machine``.
        name: what it is called.
        first: its value in the first run.
        other: its value in the other.
    """

    kind: str
    name: str
    first: str
    other: str


def differences(first: Finished, other: Finished) -> list[Difference]:
    """Everything that differs, what changes results most likely first."""
    found: list[Difference] = []
    for kind, one, two in _sides(first, other):
        for name in dict.fromkeys([*one, *two]):
            ours, theirs = _shown(one.get(name)), _shown(two.get(name))
            if one.get(name) != two.get(name):
                found.append(Difference(kind, name, ours, theirs))
    return found


def _sides(
    first: Finished, other: Finished
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    yield "setting", first.settings, other.settings
    yield "plugin", _plugins(first), _plugins(other)
    yield "data", _data(first), _data(other)
    yield "model", _model(first), _model(other)
    yield "library", first.record.get("libraries") or {}, other.record.get("libraries") or {}
    yield "machine", first.record.get("machine") or {}, other.record.get("machine") or {}


def _plugins(run: Finished) -> dict[str, Any]:
    """Each plugin as its version and code; one that the other run lacks is a setting's difference."""
    told = {}
    for row in run.record.get("plugins", ()):
        files = "".join(sorted((row.get("files") or {}).values()))
        told[row["name"]] = f"{row.get('version') or row.get('source')}, code {_short(files)}"
    return told


def _data(run: Finished) -> dict[str, Any]:
    return {
        split: f"{row['examples']} examples, {_short(row['fingerprint'])}"
        for split, row in run.record["data"].items()
    }


def _model(run: Finished) -> dict[str, Any]:
    model = run.record.get("model") or {}
    files = "".join(sorted((model.get("files") or {}).values()))
    return {"weights": _short(files)} if files else {}


def _short(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode()).hexdigest()[:8]


def _shown(value: Any) -> str:
    if value is None:
        return NOT_SET
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
