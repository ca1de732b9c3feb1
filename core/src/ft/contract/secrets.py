"""Secrets in settings, which are used and never written down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
"""Stands where a secret stood."""

_USER_INFO = re.compile(r"(?<=://)([^/?#@\s:]*):([^/?#@\s]+)(?=@)")
_QUERY = re.compile(
    r"([?&;](?:[\w-]*(?:token|password|passwd|pwd|secret|signature|credential|api_?key)|key|sig)=)[^&;\s]+",
    re.IGNORECASE,
)


def without_secrets(value: Any) -> Any:
    """A value of a setting with `MASK` in place of passwords and tokens that stand in an address.

    ``postgresql://anna:secret@host/db`` becomes ``postgresql://anna:***@host/db``.
    """
    if isinstance(value, str):
        return _QUERY.sub(rf"\g<1>{MASK}", _USER_INFO.sub(rf"\g<1>:{MASK}", value))
    if isinstance(value, Mapping):
        return {key: without_secrets(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(inner) for inner in value]
    return value


def is_masked(value: Any) -> bool:
    """Whether a secret was left out of a value when it was written."""
    return isinstance(value, str) and (f":{MASK}@" in value or f"={MASK}" in value)
