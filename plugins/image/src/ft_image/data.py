"""From folders and tables to splits of images with labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset, DatasetDict

import ft
from ft import DataError, Label, Run, Schema, TaskData
from ft_image.folders import SPLITS, with_tables
from ft_image.looking import DIGEST, IMAGE, LABEL, Looks, notes_of, without_leaks
from ft_image.settings import ImageConfig


def load(
    config: ImageConfig, owner: str, run: Run, known: Sequence[str] | None
) -> tuple[TaskData, Looks]:
    """The splits, and what is known of their images.

    Args:
        config: the settings.
        owner: the plugin's name.
        run: the run.
        known: the classes of a trained run, which other data is compared to.
    """
    notes: list[str] = []
    read = with_tables(config, run, owner, notes)
    looks = Looks(config, _bases(read))
    data = ft.read_split_tables(
        read,
        owner=owner,
        run=run,
        columns=(IMAGE, LABEL),
        content=lambda row: looks.known[looks.resolve(row[IMAGE])].pixels,
        label=LABEL,
        check=looks.fault,
    )
    data.notes[:0] = notes
    splits = {}
    for split, rows in data.splits.items():
        paths = [looks.resolve(source) for source in rows[IMAGE][:]]
        kept = {name: rows[name][:] for name in rows.column_names if name not in (IMAGE, LABEL)}
        made = {
            IMAGE: paths,
            LABEL: _labels(rows[LABEL][:], config.label_names, data, split),
            DIGEST: [looks.known[path].digest for path in paths],
        }
        splits[split] = Dataset.from_dict({**kept, **made})
    data.splits = DatasetDict(splits)
    data.notes += notes_of(data, looks.known)
    if known is None:
        data = without_leaks(data, looks.known, config.leaks, owner)
        known = _classes(data.splits["train"][LABEL][:], config.label_names)
        if len(known) < 2:
            raise DataError(
                f"all training images are of the class {known[0]!r}: there is nothing to learn",
                where=f"{owner}.train",
            )
    _check_labels(data, known)
    schema = Schema(images=(IMAGE,), label=Label(LABEL, tuple(known)))
    return TaskData(data.splits, schema, data.files, data.notes, data.read), looks


def _bases(config: ImageConfig) -> list[Path]:
    """Where relative paths begin: the folder that is set, else those of the tables and this one."""
    if config.folder is not None:
        return [config.folder.expanduser().absolute()]
    found: dict[Path, None] = {}
    for split in SPLITS:
        given = getattr(config, split)
        for one in [given] if isinstance(given, str) else given or ():
            path = Path(one).expanduser().absolute()
            found[path if path.is_dir() else path.parent] = None
    return list(found) or [Path.cwd()]


def _labels(
    values: Sequence[object], names: Sequence[str], data: TaskData, split: str
) -> list[str]:
    """Labels as texts; numbers as the names that are given for them."""
    found = [str(value).strip() for value in values]
    if not names:
        return found
    numbers = {str(i): name for i, name in enumerate(names)} | {name: name for name in names}
    for i, value in enumerate(found):
        if value not in numbers:
            raise DataError(
                f"the label {value!r} is neither a number below {len(names)} nor one of the label_names",
                where=data.place(split, i),
            )
    return [numbers[value] for value in found]


def _classes(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    there = set(labels)
    if names:
        return [name for name in names if name in there]
    numeric = all(name.isdigit() for name in there)
    return sorted(there, key=(lambda name: (int(name), name)) if numeric else None)


def _check_labels(data: TaskData, names: Sequence[str]) -> None:
    known = set(names)
    for split, rows in data.splits.items():
        for i, label in enumerate(rows[LABEL][:]):
            if label not in known:
                hint = ft.did_you_mean(label, names)
                raise DataError(
                    f"the class {label!r} is none of the {len(names):,} that are learned: "
                    f"{ft.listed(list(names), 8)}",
                    where=data.place(split, i),
                    hint=hint or "add images of it to train, or take it out of the other split",
                )
