"""From sources to a data set: what is split off, what is limited, and what is said about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ft.contract.errors import DataError, FtError, raise_all
from ft.contract.schema import FILE, SPLITS, Schema, TaskData
from ft.contract.settings import DataConfig
from ft.data.rows.bad import refusals, settle
from ft.data.rows.entry import Entry
from ft.data.rows.holdout import Content, hold_out, label_codes
from ft.data.sources import Source
from ft.data.tables import open_entry

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.contract.run import Run

Entries = Mapping[str, Sequence[Entry]]
"""The entries of each split."""


def read_sources(
    sources: Mapping[str, Sequence[Source]],
    read: Callable[[Source], Entry],
    config: DataConfig,
    run: Run | None,
    owner: str,
    faults: Sequence[FtError] = (),
    look: Callable[[Entries], object] = lambda entries: None,
) -> tuple[Entries, list[str]]:
    """Every source read once, its malformed rows refused or set aside.

    Args:
        sources: the sources of each split.
        read: reads one.
        config: the settings.
        run: its folder takes the rows that are set aside.
        owner: the plugin, for the names of settings.
        faults: what was found to be wrong before.
        look: raises what is wrong with rows that could be read; asked where something else is
            wrong, so that all of it is told together.

    Returns:
        The entries of each split, and notes on what was decided.

    Raises:
        FtError: of the sources and the rows.
    """
    done: dict[Source, Entry] = {}
    errors = list(faults)
    for source in dict.fromkeys(source for parts in sources.values() for source in parts):
        with gathered(errors):
            done[source] = read(source)
    named = {(source.name, entry.folder): entry for source, entry in done.items()}
    files = [(name, entry) for (name, _), entry in named.items()]
    whole = not errors
    notes: list[str] = []
    with gathered(errors):
        # What is refused anyway sets nothing aside.
        notes = settle(files, config, run, owner) if whole else refusals(files, config, owner)
    if whole:
        entries = {split: [done[source] for source in parts] for split, parts in sources.items()}
        if errors:
            with gathered(errors):
                look(entries)
    raise_all(errors)
    for name, entry in files:
        notes += [f"{name}: {note}" for note in entry.notes]
        notes += [
            f"{name}: {count:,} row{'' if count == 1 else 's'} left out: {reason}"
            for reason, count in entry.left_out.items()
        ]
    return entries, notes


@contextmanager
def gathered(errors: list[FtError]) -> Iterator[None]:
    """Takes what is raised, each of several errors by itself, and goes on behind the block."""
    try:
        yield
    except FtError as error:
        errors += getattr(error, "errors", [error])


def assemble(
    sources: Mapping[str, Sequence[Source]],
    entries: Mapping[str, Sequence[Entry]],
    config: DataConfig,
    owner: str,
    notes: Sequence[str],
    content: Content = (),
    label: str | None = None,
) -> TaskData:
    """The splits, with what is missing split off, and notes on everything that was decided.

    Args:
        sources: the sources of each split.
        entries: the same, read.
        config: the settings.
        owner: the plugin, for the names of settings.
        notes: what was decided before.
        content: what makes two examples the same; no columns: all.
        label: the column of labels or tags that held-out examples have in train's proportions.

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
    splits: dict[str, Dataset] = {}
    errors: list[FtError] = []
    for split in sources:
        with gathered(errors):
            splits[split] = _join(split, sources[split], entries[split])
    raise_all(errors)
    if "train" in splits and "validation" not in splits:
        kept, held = hold_out(splits["train"], entries["train"], content, label)
        if held:
            files["validation"] = files["train"]
            splits["validation"] = _join("validation", sources["train"], held)
            splits["train"] = _join("train", sources["train"], kept)
        notes.append(_held_note(splits, owner, label))
    if config.limit is not None and "train" in splits and config.limit < len(splits["train"]):
        rows = len(splits["train"])
        splits["train"] = splits["train"].select(range(config.limit))
        notes.append(f"{owner}.limit: train is its first {config.limit:,} of {rows:,} examples")
    if "train" in splits and "test" not in splits:
        scored = "the validation split is" if "validation" in splits else "nothing is"
        notes.append(f"{owner}.test is not set: {scored} scored at the end")
    ordered = {split: splits[split] for split in SPLITS if split in splits}
    read = [
        {
            "split": split,
            "file": source.name,
            "layout": entry.layout or source.format,
            "columns": entry.columns,
            "rows": entry.rows,
            "left_out": entry.left_out,
        }
        for split in ordered
        for source, entry in zip(sources.get(split, ()), entries.get(split, ()), strict=True)
    ]
    return TaskData(datasets.DatasetDict(ordered), Schema(), files, notes, read)


def _held_note(splits: Mapping[str, Dataset], owner: str, label: str | None) -> str:
    if "validation" not in splits:
        return (
            f"{owner}.validation is not set, and train has too few different examples to hold any "
            "out: nothing is validated"
        )
    held, kept = splits["validation"], splits["train"]
    note = (
        f"{owner}.validation is not set: {len(held):,} of {len(held) + len(kept):,} training "
        "examples are held out for it, chosen by a hash of their content"
    )
    counts = _label_counts(kept, held, label) if label else []
    if not counts:
        return note
    most = 8
    shown = ", ".join(f"{one:,} of {both:,} {name!r}" for name, one, both in counts[:most])
    more = len(counts) - most
    rest = f" and {more:,} more label{'' if more == 1 else 's'}" if more > 0 else ""
    return f"{note} and in train's proportions: {shown}{rest}"


def _label_counts(kept: Dataset, held: Dataset, label: str) -> list[tuple[str, int, int]]:
    """Each label with its occurrences held out and in all, the commonest first."""
    both: Counter[str] = Counter()
    out: Counter[str] = Counter()
    for split, counters in ((kept, [both]), (held, [both, out])):
        _, codes, names = label_codes(split, label)
        for counter in counters:
            counter.update(names[code] for code in codes.tolist())
    return [(name, out[name], count) for name, count in both.most_common()]


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
