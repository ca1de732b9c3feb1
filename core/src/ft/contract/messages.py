"""Parts of messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def listed(names: Sequence[object], most: int = 8) -> str:
    """The first of some names and how many there are beside: ``a, b and 3 more``."""
    shown = ", ".join(map(str, names[:most]))
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")


def nearest(name: str, known: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """The known names that are most like one that is not known, likest first."""
    import difflib

    return difflib.get_close_matches(name, list(known), n=most, cutoff=cutoff)


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str | None:
    """A hint with the known names that are most like one that is not known; ``None``: none is."""
    near = nearest(name, known, most)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else None
