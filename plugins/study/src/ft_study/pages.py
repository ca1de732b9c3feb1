"""Results as files, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ft import UserError


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all, also where several processes write it.

    Raises:
        UserError: it cannot be written.
    """
    from os import getpid
    from socket import gethostname

    partial = path.with_name(f".{path.name}.{gethostname()}.{getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(path)) from error


def to_json(values: Any) -> str:
    """Values as JSON; a number that JSON lacks becomes null."""
    return json.dumps(_plain(values), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
