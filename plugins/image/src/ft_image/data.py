"""From folders and tables to splits of images with labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset, DatasetDict

import ft
from ft import DataError, Label, Run, Schema, TaskData
from ft_image.folders import SPLITS, with_tables
from ft_image.looking import DIGEST, IMAGE, LABEL, Looks, notes_of, without_leaks
from ft_image.settings import ImageConfig

_FRACTION = re.compile(r"-?\d*\.\d+(e[+-]?\d+)?")


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

    def note(text: str) -> None:
        if text not in notes:
            notes.append(text)

    label = ft.label_reader(config, owner, note)
    looks = Looks(config, _bases(read), label)
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
            LABEL: [label(value) for value in rows[LABEL][:]],
            DIGEST: [looks.known[path].digest for path in paths],
        }
        splits[split] = Dataset.from_dict({**kept, **made})
    data.splits = DatasetDict(splits)
    data.notes += notes_of(data, looks.known)
    if known is None:
        data = without_leaks(data, looks.known, config.leaks, owner)
        known = _classes(data.splits["train"][LABEL][:], config.label_names)
        if len(known) < 2:
            raise _one_class(config, known[0], owner)
        numbers = [name for name in known if _FRACTION.fullmatch(name)]
        if numbers and all(name.isdigit() or _FRACTION.fullmatch(name) for name in known):
            raise DataError(
                f"the labels are numbers with fractions, such as {numbers[0]}; {owner} learns classes",
                where=f"{owner}.train",
                hint="name a column of classes, or write ranges of the number, such as 'low' and 'high'",
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


def _one_class(config: ImageConfig, name: str, owner: str) -> DataError:
    inside = Path(config.train) / name if isinstance(config.train, str) else None
    hint = "is 'label' the right column, and is there a limit that takes the first class alone?"
    if inside is not None and inside.is_dir():
        hint = f"a class is a folder inside of the one that is named: if those in {inside} are the classes, "
        hint += f"set {owner}.train = {inside}"
    return DataError(
        f"all training images are of the class {name!r}: there is nothing to learn",
        where=f"{owner}.train",
        hint=hint,
    )


def _classes(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    there = set(labels)
    if names:
        return [name for name in names if name in there]
    numeric = all(name.isdigit() for name in there)
    return sorted(there, key=(lambda name: (int(name), name)) if numeric else None)


def _check_labels(data: TaskData, names: Sequence[str]) -> None:
    known = set(names)
    for split, rows in data.splits.items():
        labels = rows[LABEL][:]
        others = Counter(label for label in labels if label not in known)
        if not others:
            continue
        said = ft.listed([f"{name!r} ({count:,})" for name, count in others.most_common()], 5)
        raise DataError(
            f"{split} has classes that are not learned: {said}; those of train are "
            f"{ft.listed(list(names), 8)}",
            where=data.place(split, next(i for i, one in enumerate(labels) if one in others)),
            hint=_meant(next(iter(others)), names)
            or "add images of it to train, or take it out of the other split",
        )


def _meant(label: str, names: Sequence[str]) -> str | None:
    same = [name for name in names if name.casefold() == label.casefold()]
    return f"did you mean {same[0]!r}?" if same else ft.did_you_mean(label, names)
