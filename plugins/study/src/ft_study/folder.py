"""The folder of a study: begun once, refused to any other study, shared by several processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from ft import DataError, Resolved, UserError
from ft_study.results import write_once

STUDY = "study.json"
CLAIMS = "claims"


def default_folder(command: str, resolved: Resolved, about: Mapping[str, Any]) -> Path:
    """``runs/<command>-<plugins>-<hash>``: the same for the same study."""
    names = "-".join(one.name for one in resolved.plugins)
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:8]
    return Path("runs") / f"{command}-{names}-{digest}"


def flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Every setting by its dotted key, as JSON, to compare studies by.

    Args:
        settings: ``plugins`` and a table for the run and for each plugin.
    """
    found = {"plugins": json.dumps(settings["plugins"])}
    for table, values in settings.items():
        if isinstance(values, dict):
            found |= {f"{table}.{key}": json.dumps(value) for key, value in values.items()}
    return found


def begin(folder: Path, about: Mapping[str, Any]) -> str:
    """Make the folder that of a study, or see that it is that of this one.

    Args:
        folder: made if it is not there.
        about: what may not change in it, by what it is.

    Returns:
        What tells this folder from those of the same study on other machines.

    Raises:
        UserError: the folder is another study's, or none's, or cannot be written.
        DataError: its ``study.json`` cannot be read.
    """
    file = folder / STUDY
    if not file.exists():
        # Hidden files are those of another process that is just beginning the same study, and
        # what it makes after them comes after the file.
        others = folder.is_dir() and [*folder.glob("[!.]*")]
        if others and not file.exists():
            raise UserError(
                "there is something else in this folder",
                where=str(folder),
                hint="choose another --output",
            )
        write_once(file, json.dumps({"id": uuid4().hex, **about}, indent=2))
    try:
        kept = json.loads(file.read_bytes())
        mark = str(kept["id"])
        (folder / CLAIMS).mkdir(exist_ok=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(file)) from error
    refuse_changed(kept, about, str(folder), "choose another --output")
    return mark


def refuse_changed(
    kept: Mapping[str, Any], now: Mapping[str, Any], where: str, remedy: str
) -> None:
    """Refuse to mix two studies.

    Raises:
        UserError: something is not as it was; says what.
    """
    for what, values in now.items():
        before = kept.get(what)
        if before == values:
            continue
        which = f" ({before}, not {values})"
        if isinstance(before, dict) and isinstance(values, dict):
            changed = [key for key in {**before, **values} if before.get(key) != values.get(key)]
            which = f"; not the same: {', '.join(sorted(changed))}"
        raise UserError(
            f"this is a study with other {what}{which}",
            where=where,
            hint=f"{remedy}, or give the {what} that the study was begun with",
        )
