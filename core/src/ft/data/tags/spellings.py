"""Tags as people spell them (``b-per``, ``B_PER``, ``PER-B``, ``B``, ``3``), brought to ``B-PER``."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from ft.contract.errors import ConfigError, DataError
from ft.data.config import WordsConfig
from ft.data.tags.tags import OUTSIDE, split_tag

UNTYPED = "ENTITY"
"""The type of spans whose tags have none."""

_BEFORE = re.compile(r"([BIESLUMWbieslumw])[-_:.](.+)")
_BEHIND = re.compile(r"(.+)[-_:.]([BIESLUMW])")


def usual_tags(
    counts: Counter[str], config: WordsConfig, owner: str, where: str
) -> tuple[dict[str, str], list[str]]:
    """How each tag is spelt usually, and notes on what was changed.

    Args:
        counts: how often each tag occurs.
        config: gives names for tags that are numbers.
        owner: the plugin, for the names of settings.
        where: the files, for messages.

    Raises:
        ConfigError: the tags are numbers without names, or types without prefixes.
    """
    found = {tag: unicodedata.normalize("NFC", tag).strip() for tag in counts}
    named = config.label_names or config.scheme != "none"
    if counts and named and all(tag.isdecimal() for tag in found.values()):
        return _named(found, config, owner, where), []
    if config.scheme == "none":
        return found, []
    notes: list[str] = []
    inside = {tag for tag in found.values() if tag not in (OUTSIDE, OUTSIDE.lower())}
    if OUTSIDE.lower() in found.values() and any(_BEFORE.fullmatch(tag) for tag in inside):
        notes.append("'o' is read as 'O'")
        found = {tag: OUTSIDE if new == OUTSIDE.lower() else new for tag, new in found.items()}
    plain = {tag for tag in inside if not split_tag(tag)[0]}
    if inside and plain and all(map(_BEFORE.fullmatch, inside)):
        found = {tag: _BEFORE.sub(_upper, new) for tag, new in found.items()}
        notes.append(f"tags such as {min(plain)!r} are read as {_BEFORE.sub(_upper, min(plain))!r}")
    elif inside and plain and all(map(_BEHIND.fullmatch, inside)):
        found = {tag: _BEHIND.sub(r"\2-\1", new) for tag, new in found.items()}
        shown = found[next(tag for tag, new in found.items() if "-" in new)]
        notes.append(f"prefixes that stand behind the types are read before them: {shown!r}")
    elif inside and all(split_tag(tag) == (tag, "") for tag in inside) and "B" in inside:
        found = {tag: new if new == OUTSIDE else f"{new}-{UNTYPED}" for tag, new in found.items()}
        notes.append(f"the tags have no types; that of every span is called {UNTYPED!r}")
    elif inside and inside == plain and 2 * counts[OUTSIDE] > counts.total():
        if config.scheme not in ("IO", "auto"):
            return found, notes
        if config.scheme == "auto":
            shown = ", ".join(map(repr, sorted(plain)[:3]))
            raise ConfigError(
                f"beside 'O' the tags are types without prefixes, such as {shown}",
                where=where,
                hint=f"set {owner}.scheme = 'IO' if neighbours of one type are one span, or 'none' "
                "if the tags mark no spans",
            )
        found = {tag: new if new == OUTSIDE else f"I-{new}" for tag, new in found.items()}
    return found, notes


def _upper(match: re.Match[str]) -> str:
    return f"{match[1].upper()}-{match[2]}"


def _named(tags: dict[str, str], config: WordsConfig, owner: str, where: str) -> dict[str, str]:
    names = config.label_names
    if not names:
        raise ConfigError(
            f"the tags are numbers, 0 to {max(map(int, tags.values()))}: ids without names",
            where=where,
            hint=f"name them in the order of the ids: {owner}.label_names = ['O', 'B-PER', ...]",
        )
    if max(map(int, tags.values())) >= len(names):
        raise DataError(
            f"there is a tag {max(map(int, tags.values()))}, and {len(names)} names, from 0",
            where=f"{owner}.label_names",
        )
    return {tag: names[int(new)] for tag, new in tags.items()}
