"""Folders with a folder of images for each class, written down as tables that the core reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import ft
from ft import ConfigError, DataError, Run
from ft_image.settings import ImageConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPLITS = ("train", "validation", "test")
WORDS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
}
"""What folders of splits are called."""

ENDINGS = frozenset(
    (
        ".png",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".webp",
        ".gif",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".avif",
        ".jp2",
        ".ico",
        ".tga",
        ".heic",
        ".heif",
    )
)
"""Files with other endings in a folder of images are no examples; how many there are is said."""

SAVED = ("dataset_dict.json", "state.json")
"""What `save_to_disk` of `datasets` leaves in a folder."""

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow")


def with_tables(config: ImageConfig, run: Run, owner: str, notes: list[str]) -> ImageConfig:
    """The settings, with a table of their images in the place of folders.

    The tables are written into the run's folder as ``images-<split>.jsonl``.

    Args:
        config: the settings.
        run: its folder takes the tables.
        owner: the plugin's name.
        notes: takes what was decided.

    Raises:
        ConfigError: several folders are named for one split.
        DataError: a folder holds no class with images.
    """
    folders: dict[str, Path] = {}
    for split in SPLITS:
        given = getattr(config, split)
        if isinstance(given, str) and _has_images(Path(given).expanduser()):
            folders |= _splits_of(Path(given).expanduser(), split, folders, owner)
        elif isinstance(given, tuple) and any(Path(one).expanduser().is_dir() for one in given):
            raise ConfigError(
                "a list for a split is of tables; images are in one folder",
                where=f"{owner}.{split}",
                hint="name the folder that has a folder for each class",
            )
    named = {split for split in SPLITS if getattr(config, split) is not None}
    # Other splits may be tables that call the columns so.
    names = [
        given if isinstance(given := config.columns.get(own, own), str) else own
        for own in ("image", "label")
    ]
    update = {}
    for split, folder in folders.items():
        if split not in named and config.train is None:
            continue
        if run.wanted not in (None, split) and getattr(config, run.wanted or split) is not None:
            continue  # the split that is wanted stands alone
        rows = list(_rows(folder, split, owner, notes, names))
        if split == "train":
            # Mixed by a fixed rule: the first of them, which `limit` takes, are of all classes.
            rows.sort(key=lambda row: _shuffled(row[names[0]], folder))
        table = run.output / f"images-{split}.jsonl"
        ft.write_whole(table, (ft.to_json(row) + "\n" for row in rows))
        update[split] = str(table)
    if not update:
        return config
    others = [split for split in named if split not in update]
    if config.columns and not others and not run.restored:
        raise ConfigError(
            "a folder of images has no columns",
            where=f"{owner}.columns",
            hint="leave the setting out",
        )
    return config.model_copy(update=update)


def _shuffled(path: str, folder: Path) -> bytes:
    own = Path(path).relative_to(folder.absolute()).as_posix()
    return sha256(own.encode("utf-8", "surrogateescape")).digest()


def _has_images(folder: Path) -> bool:
    """Whether a folder is one of images, and not one of tables."""
    if not folder.is_dir():
        return False
    there = [path for path in folder.iterdir() if _visible(path)]
    if any(path.name in SAVED for path in there):
        return False
    tables = [p for p in there if p.suffix.lower() in TABLES and p.is_file()]
    if any(WORDS.keys() & set(re.split(r"[^a-z]+", p.stem.lower())) for p in tables):
        return False
    pictures = any(path.suffix.lower() in ENDINGS or path.is_dir() for path in there)
    return pictures or not tables


def _splits_of(folder: Path, split: str, known: Mapping[str, Path], owner: str) -> dict[str, Path]:
    """The folders of splits in a folder, or the folder itself for the split that it is named for.

    A folder is one of splits if all folders in it are called as splits are, and one of them is the
    split that it is named for: `train` may be a class beside `bus`.

    Raises:
        ConfigError: it holds several splits, and something else or one of them twice.
    """
    inside = [path for path in sorted(folder.iterdir()) if _visible(path) and path.is_dir()]
    found: dict[str, Path] = {}
    others = []
    for path in inside:
        name = WORDS.get(path.name.lower())
        if name is None or name in found:
            others.append(path.name)
        else:
            found[name] = path
    if others and split in found and len(found) > 1:
        raise ConfigError(
            f"{folder} holds folders of splits, {ft.listed([p.name for p in found.values()])}, and beside "
            f"them {ft.listed(others, 5)}",
            where=f"{owner}.{split}",
            hint=f"name each split's own folder, such as {owner}.train = {found['train' if 'train' in found else split]}, "
            "or take the others elsewhere",
        )
    if others or split not in found:
        return {split: folder}
    if split == "train":
        return {name: path for name, path in found.items() if name not in known}
    return {split: found[split]}


def _visible(path: Path) -> bool:
    return not path.name.startswith(".") and path.name != "__MACOSX"


def _rows(
    folder: Path, split: str, owner: str, notes: list[str], names: Sequence[str]
) -> Iterator[dict[str, str]]:
    """A row for each image: its path and its class, the first folder's name, under these names."""
    classes = [path for path in sorted(folder.iterdir()) if _visible(path) and path.is_dir()]
    loose = [p for p in folder.iterdir() if p.suffix.lower() in ENDINGS and p.is_file()]
    if loose and not classes:
        tables = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES]
        hint = (
            "move each image into a folder called as its class, or write a table with the columns "
        )
        hint += "image and label"
        if tables:
            hint = f"if {tables[0].name} says the classes, name it: {owner}.{split} = {tables[0]}, and its "
            hint += f"columns, such as {owner}.columns = {{image = 'file_name'}}"
        raise DataError(
            f"{folder} holds images, but no folder for each class",
            where=f"{owner}.{split}",
            hint=hint,
        )
    others, empty, any_image = [str(path) for path in loose], [], False
    others += [
        str(p) for p in sorted(folder.iterdir()) if p.suffix.lower() in TABLES and p.is_file()
    ]
    deeper: Counter[str] = Counter()
    for one in classes:
        held = False
        for path in _files(one, set()):
            if path.suffix.lower() not in ENDINGS:
                others.append(str(path))
                continue
            held = any_image = True
            if path.parent != one:
                deeper[str(path.parent.relative_to(folder))] += 1
            yield {names[0]: str(path.absolute()), names[1]: one.name}
        if not held:
            empty.append(one.name)
    if not any_image:
        raise DataError(f"{folder} holds no images", where=f"{owner}.{split}")
    if empty:
        notes.append(f"{folder}: no image in {ft.listed(empty, 5)}")
    if deeper:
        notes.append(
            f"{folder}: images in folders inside of a class's folder have the outer one's class: "
            f"{deeper.total():,} (in {ft.listed(list(deeper), 3)})"
        )
    if others:
        notes.append(
            f"{folder}: files that are no examples, in no class or with another ending: "
            f"{len(others):,} ({ft.listed(others, 3)})"
        )


def _files(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """What lies in a folder and the folders inside of it, in order, but for these folders themselves.

    Links to folders are followed, each folder once; links to nothing are given as they are.
    """
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    for path in sorted(folder.iterdir()):
        if path.is_dir() and _visible(path):
            yield from _files(path, seen)
        elif _visible(path) and not path.is_dir():
            yield path
