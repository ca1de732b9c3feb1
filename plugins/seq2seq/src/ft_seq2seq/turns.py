"""Dialogues: the turns before a reply as one text, and the replies of a whole dialogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ft_seq2seq.settings import Seq2SeqConfig

TURNS = "turns"
ASSISTANT = "assistant"
_TEXTS = ("content", "text", "value", "utterance")
_ROLES = ("role", "speaker", "from", "name")


def role_of(turn: Any) -> str | None:
    """Who speaks, ``None`` where the turn is a text alone."""
    return _first(turn, _ROLES) if isinstance(turn, Mapping) else None


def text_of(turn: Any) -> str | None:
    """What is said; ``None`` where that is no text."""
    return turn if isinstance(turn, str) else _first(turn, _TEXTS)


def _first(turn: Any, names: Sequence[str]) -> str | None:
    if not isinstance(turn, Mapping):
        return None
    found = next((turn[name] for name in names if turn.get(name) is not None), None)
    return found if isinstance(found, str) else None


def joined(turns: Any, config: Seq2SeqConfig) -> str:
    """A source as one text: the last ``history`` turns of a list, or the text that it is."""
    if isinstance(turns, str):
        return turns
    kept = list(turns)[-(config.history or len(turns)) :]
    return config.turn_separator.join(_said(turn, config) for turn in kept)


def _said(turn: Any, config: Seq2SeqConfig) -> str:
    # Blanks in place of line breaks: a turn is one line, whatever the tokenizer does with them.
    text, role = " ".join((text_of(turn) or "").split()), role_of(turn)
    return f"{role}: {text}" if config.speakers and role else text


def replies(turns: Sequence[Any], config: Seq2SeqConfig) -> list[tuple[str, str]]:
    """Source and target of each reply of a dialogue, in order.

    A reply is a turn of ``reply_by`` that is not the first.
    """
    wanted = config.reply_by
    if wanted is None and any(role_of(turn) == ASSISTANT for turn in turns):
        wanted = ASSISTANT
    return [
        (joined(turns[:i], config), text_of(turn) or "")
        for i, turn in enumerate(turns)
        if i and (wanted is None or role_of(turn) == wanted) and (text_of(turn) or "").strip()
    ]


def turns_fault(turns: Any) -> str | None:
    """What is wrong with a list of turns, to be read after ``file:line: ``."""
    if not isinstance(turns, Sequence) or isinstance(turns, str):
        return "has no list as its turns"
    wrong = next((i for i, turn in enumerate(turns, 1) if text_of(turn) is None), None)
    return None if wrong is None else f"has a turn without a text: turn {wrong}"


def fitting(
    sources: Sequence[str], separator: str, size: Callable[[list[str]], list[int]], most: int
) -> list[str]:
    """Sources without the oldest turns of those that are too long; the last turn always stays.

    Args:
        sources: turns with the separator between.
        separator: see `Seq2SeqConfig`.
        size: gives the tokens of texts, special ones included.
        most: tokens that fit.
    """
    kept = list(sources)
    left = [i for i, source in enumerate(kept) if separator in source]
    while left:
        sizes = size([kept[i] for i in left])
        long = [i for i, tokens in zip(left, sizes, strict=True) if tokens > most]
        for i in long:
            kept[i] = kept[i].partition(separator)[2]
        left = [i for i in long if separator in kept[i]]
    return kept
