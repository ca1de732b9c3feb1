"""From sources to a data set: what is split off, what is limited, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ft.data.badrows import settle
from ft.data.cache import Entry
from ft.data.hashing import content_columns, row_hashes
from ft.data.sources import Source
from ft.data.tables import open_entry
from ft.errors import DataError, FtError, raise_all
from ft.schema import FILE, Schema, TaskData
from ft.settings import DataConfig

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset

    from ft.engine.run import Run

SHARE = 0.1
"""Of the training examples, what is split off for validation."""


def read_sources(
    sources: Mapping[str, Sequence[Source]], read: Callable[[Source], Entry]
) -> dict[str, list[Entry]]:
    """Every source read; what is wrong with any of them is reported together.

    Raises:
        FtError: of the sources.
    """
    entries: dict[str, list[Entry]] = {}
    errors: list[FtError] = []
    done: dict[Source, Entry] = {}
    for split, parts in sources.items():
        for source in parts:
            try:
                if source not in done:
                    done[source] = read(source)
                entries.setdefault(split, []).append(done[source])
            except FtError as error:
                errors += getattr(error, "errors", [error])
    raise_all(errors)
    return entries


def assemble(
    sources: Mapping[str, Sequence[Source]],
    entries: Mapping[str, Sequence[Entry]],
    config: DataConfig,
    run: Run | None,
    owner: str,
    content: Sequence[str] = (),
) -> TaskData:
    """The splits, with what is missing split off, and notes on everything that was decided.

    Args:
        sources: the sources of each split.
        entries: the same, read.
        config: the settings.
        run: its folder takes the rows that are set aside.
        owner: the plugin, for the names of settings.
        content: the columns that make two examples the same; default: all.

    Returns:
        Data with an empty schema.

    Raises:
        DataError: rows are malformed, or a split has none.
    """
    import datasets

    named = {
        (source.name, entry.folder): (source.name, entry)
        for split in sources
        for source, entry in zip(sources[split], entries[split], strict=True)
    }
    notes = settle(list(named.values()), config, run, owner)
    notes += [f"{name}: {note}" for name, entry in named.values() for note in entry.notes]
    splits = {split: _join(split, sources[split], entries[split]) for split in sources}
    files = {
        split: [source.path for source in parts if source.path is not None]
        for split, parts in sources.items()
    }
    if "train" in splits:
        _complete(splits, files, config, owner, content, notes)
    return TaskData(datasets.DatasetDict(splits), Schema(), files, notes)


def _join(split: str, sources: Sequence[Source], entries: Sequence[Entry]) -> Dataset:
    """The files of one split as one, each row with the position of its file if there are several."""
    import datasets
    import numpy as np

    names = ", ".join(source.name for source in sources)
    parts = [open_entry(entry) for entry in entries]
    if not any(map(len, parts)):
        raise DataError(f"has no examples for the {split} split", where=names)
    if len(parts) == 1:
        return parts[0]
    parts = [part.add_column(FILE, np.full(len(part), i, np.int32)) for i, part in enumerate(parts)]
    try:
        return datasets.concatenate_datasets(parts)
    except ValueError as error:
        raise DataError(
            f"the files' columns do not fit each other: {error}", where=names
        ) from error


def _complete(
    splits: dict[str, Dataset],
    files: dict[str, list[Path]],
    config: DataConfig,
    owner: str,
    content: Sequence[str],
    notes: list[str],
) -> None:
    """Split validation off train if there is none, and limit train."""
    train = splits["train"]
    if "validation" not in splits:
        kept, held = split_off(train, content or content_columns(train.column_names))
        if len(held):
            splits["validation"], files["validation"] = train.select(held), files["train"]
            splits["train"] = train.select(kept)
            notes.append(
                f"{owner}.validation is not set: {len(held):,} of {len(train):,} training examples "
                "are held out for it, chosen by a hash of their content"
            )
        else:
            notes.append(
                f"{owner}.validation is not set, and train has too few different examples to hold "
                "any out: nothing is validated"
            )
    if config.limit is not None and config.limit < len(splits["train"]):
        rows = len(splits["train"])
        splits["train"] = splits["train"].select(range(config.limit))
        notes.append(f"{owner}.limit: train is its first {config.limit:,} of {rows:,} examples")
    if "test" not in splits:
        scored = "the validation split is" if "validation" in splits else "nothing is"
        notes.append(f"{owner}.test is not set: {scored} scored at the end")
    order = [split for split in ("train", "validation", "test") if split in splits]
    for split in order:
        splits[split] = splits.pop(split)


def split_off(
    data: Dataset, content: Sequence[str], share: float = SHARE
) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows by a hash of their content.

    Which side an example falls on depends on nothing but itself, so adding examples moves none,
    and examples of equal content stay together. Of two or more different ones, each side gets one.

    Args:
        data: the rows.
        content: the columns that are hashed.
        share: of the rows, about so many are split off.

    Returns:
        The rows kept and the rows split off, rising: (rows,), int64.
    """
    import numpy as np

    hashes = row_hashes(data, content)
    held = hashes < np.uint64(share * 2**64)
    lowest, highest = hashes.min(), hashes.max()
    if lowest == highest:
        held[:] = False
    elif held.all():
        held = hashes != highest
    elif not held.any():
        held = hashes == lowest
    return np.flatnonzero(~held), np.flatnonzero(held)
