"""Where a run comes from: plugins, versions, data, and the command that repeats it."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ft.builtin import HOMES
from ft.contract.messages import listed
from ft.contract.paths import full_paths, public, without_folders
from ft.contract.results import Table
from ft.runfolder.read import RunFiles

SHORT = 16
"""Digits of a fingerprint that are shown; ``record.json`` has all."""

FILES = 3


@dataclass(frozen=True)
class Chain:
    """How a hook was composed: plugins from the outermost to the provider."""

    hook: str
    names: Sequence[str]


def chains(record: Mapping[str, Any]) -> list[Chain]:
    """The chains in which there is more than what is built in."""
    found = [
        Chain(hook, str(text).replace(")", " ").replace("(", " ").split())
        for hook, text in record.get("chains", {}).items()
    ]
    return [chain for chain in found if not set(chain.names) <= set(HOMES)]


def command(path: Path) -> str:
    """What trains the same model again, into a new folder."""
    return f"ft run --config {shlex.quote(f'{public(path)}/config.toml')}"


def settings(files: RunFiles) -> str:
    """The text of ``config.toml`` as readers of the page may see it: no folders of the machine."""
    return str(without_folders(files.config, full_paths(files.settings)))


def plugins(record: Mapping[str, Any]) -> Table:
    """Every plugin with its version and one hash over its files."""
    rows = tuple(
        (
            one["name"],
            " ".join(part for part in (one.get("distribution"), one.get("version")) if part) or "-",
            one.get("source") or "-",
            len(one.get("files") or ()),
            _digest(one.get("files") or {}),
        )
        for one in record.get("plugins", ())
    )
    return Table("Plugins", ("plugin", "distribution", "source", "files", "SHA-256"), rows)


def _digest(files: Mapping[str, str]) -> str:
    text = "\n".join(f"{name} {files[name]}" for name in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:SHORT]


def pairs(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Model, seed, machine and versions as names with values."""
    model, machine = record.get("model", {}), record.get("machine", {})
    found: list[tuple[str, Any]] = [
        ("pre-trained model", model.get("path")),
        *((f"SHA-256 of {name}", one[:SHORT]) for name, one in model.get("files", {}).items()),
        ("seed", record.get("seed")),
        *machine.items(),
        *(record.get("libraries") or {}).items(),
    ]
    return [(name, str(value)) for name, value in found if value is not None]


def data(record: Mapping[str, Any]) -> Table:
    """Size, fingerprint and files of every split."""
    rows = tuple(
        (
            split,
            row["examples"],
            str(row.get("fingerprint", ""))[:SHORT],
            listed(row.get("files", ()), FILES),
        )
        for split, row in record.get("data", {}).items()
    )
    return Table("Splits", ("split", "examples", "fingerprint", "files"), rows)
