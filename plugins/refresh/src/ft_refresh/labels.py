"""Classes that grow: those of an older run keep their places, new ones come behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ft import DataError, Schema, Target


def grown(new: Schema, old: Schema, folder: Path) -> Schema:
    """The schema of new data with the classes of an older run first, in their order.

    Args:
        new: of the data that is read now.
        old: of the older run.
        folder: of that run, for messages.

    Raises:
        DataError: the older run predicts something else, or its ratings are others.
    """
    ours, theirs = _kinds(new), _kinds(old)
    if ours != theirs:
        raise DataError(
            f"the older run predicts {theirs}, and this one {ours}",
            where=str(folder),
            hint="go on from a run of the same task, with the same settings of its data",
        )
    before = {target.column: target for target in old.targets}
    for one in new.targets:
        _refuse_spellings(one, before[one.column], folder)
    targets = [_grown(one, before[one.column], folder) for one in new.targets]
    words = new.words
    if words is not None and old.words is not None:
        words = replace(
            words,
            labels=merged(old.words.labels, words.labels),
            splitter=old.words.splitter,
            cut=old.words.cut,
        )
    return replace(new, words=words, targets=targets)


def _refuse_spellings(new: Target, old: Target, folder: Path) -> None:
    """A class that differs from an old one in capitals and blanks alone would be learned beside it."""
    known = {" ".join(name.casefold().split()): name for name in old.names}
    for name in new.names:
        like = known.get(" ".join(name.casefold().split()), name)
        if name not in old.names and like != name:
            raise DataError(
                f"the new data has the class '{name}', and the older run calls it '{like}'",
                where=str(folder),
                hint="spell it as the older run does",
            )


def _grown(new: Target, old: Target, folder: Path) -> Target:
    if new.kind == "ordinal" and set(new.names) - set(old.names):
        more = ", ".join(sorted(set(new.names) - set(old.names)))
        raise DataError(
            f"the new data has ratings that the older run does not know: {more}",
            where=str(folder),
            hint="a new rating moves the others; train a new run on all the data",
        )
    return replace(new, names=merged(old.names, new.names))


def merged(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """The old names, then the new ones that are not among them."""
    return tuple(dict.fromkeys((*old, *new)))


def _kinds(schema: Schema) -> str:
    """What a schema predicts, in words."""
    marks = schema.words and (schema.words.scheme or "plain")
    kinds = [
        f"'{one.column}' ({one.kind}{f', {marks}' if one.kind == 'tags' else ''})"
        for one in schema.targets
    ]
    return ", ".join(kinds) or "nothing that the schema names"
