"""From sources to a data set: what is split off, what is limited, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ft.data.badrows import settle
from ft.data.cache import Entry
from ft.data.holdout import hold_out
from ft.data.sources import Source
from ft.data.tables import open_entry
from ft.errors import DataError, FtError, raise_all
from ft.schema import FILE, SPLITS, Schema, TaskData
from ft.settings import DataConfig

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.engine.run import Run


def read_sources(
    sources: Mapping[str, Sequence[Source]], read: Callable[[Source], Entry]
) -> dict[str, list[Entry]]:
    """Every source read; what is wrong with any of them is reported together.

    Raises:
        FtError: of the sources.
    """
    done: dict[Source, Entry] = {}
    errors: list[FtError] = []
    for source in dict.fromkeys(source for parts in sources.values() for source in parts):
        try:
            done[source] = read(source)
        except FtError as error:
            errors += getattr(error, "errors", [error])
    raise_all(errors)
    return {split: [done[source] for source in parts] for split, parts in sources.items()}


def settle_sources(
    sources: Mapping[str, Sequence[Source]],
    entries: Mapping[str, Sequence[Entry]],
    config: DataConfig,
    run: Run | None,
    owner: str,
) -> list[str]:
    """Refuse malformed rows or set them aside, each source once, and tell what was decided.

    Args:
        sources: the sources of each split.
        entries: the same, read.
        config: the settings.
        run: its folder takes the rows that are set aside.
        owner: the plugin, for the names of settings.

    Raises:
        DataError: rows are malformed.
    """
    named = {
        (source.name, entry.folder): (source.name, entry)
        for split in sources
        for source, entry in zip(sources[split], entries[split], strict=True)
    }
    notes = settle(list(named.values()), config, run, owner)
    return notes + [f"{name}: {note}" for name, entry in named.values() for note in entry.notes]


def assemble(
    sources: Mapping[str, Sequence[Source]],
    entries: Mapping[str, Sequence[Entry]],
    config: DataConfig,
    owner: str,
    notes: Sequence[str],
    content: Sequence[str] = (),
) -> TaskData:
    """The splits, with what is missing split off, and notes on everything that was decided.

    Args:
        sources: the sources of each split.
        entries: the same, read.
        config: the settings.
        owner: the plugin, for the names of settings.
        notes: what was decided before.
        content: the columns that make two examples the same; default: all.

    Returns:
        Data with an empty schema.

    Raises:
        DataError: a split has no rows.
    """
    import datasets

    notes = list(notes)
    files = {
        split: [source.path for source in parts if source.path is not None]
        for split, parts in sources.items()
    }
    splits = {split: _join(split, sources[split], entries[split]) for split in sources}
    if "train" in splits and "validation" not in splits:
        kept, held = hold_out(splits["train"], entries["train"], content)
        if held:
            files["validation"] = files["train"]
            splits["validation"] = _join("validation", sources["train"], held)
            splits["train"] = _join("train", sources["train"], kept)
        notes.append(_held_note(splits, owner))
    if config.limit is not None and "train" in splits and config.limit < len(splits["train"]):
        rows = len(splits["train"])
        splits["train"] = splits["train"].select(range(config.limit))
        notes.append(f"{owner}.limit: train is its first {config.limit:,} of {rows:,} examples")
    if "train" in splits and "test" not in splits:
        scored = "the validation split is" if "validation" in splits else "nothing is"
        notes.append(f"{owner}.test is not set: {scored} scored at the end")
    ordered = {split: splits[split] for split in SPLITS if split in splits}
    return TaskData(datasets.DatasetDict(ordered), Schema(), files, notes)


def _held_note(splits: Mapping[str, Dataset], owner: str) -> str:
    if "validation" not in splits:
        return (
            f"{owner}.validation is not set, and train has too few different examples to hold any "
            "out: nothing is validated"
        )
    held = len(splits["validation"])
    return (
        f"{owner}.validation is not set: {held:,} of {held + len(splits['train']):,} training "
        "examples are held out for it, chosen by a hash of their content"
    )


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
