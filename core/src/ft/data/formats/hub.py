"""Data sets of the library `datasets`: by their name on the hub, or saved to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.errors import ConfigError, DataError

if TYPE_CHECKING:
    from datasets import Dataset

HUB = "hub:"

_SPLITS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "dev": "validation",
    "val": "validation",
    "test": "test",
}


def hub_splits(given: str, key: str) -> dict[str, tuple[str, Dataset]]:
    """The splits of ``hub:NAME`` or ``hub:NAME:CONFIGURATION``, under our names, with their own.

    Raises:
        ConfigError: no name is given.
        DataError: the data set cannot be had, or has no split that we know.
    """
    name, _, configuration = given.removeprefix(HUB).partition(":")
    if not name:
        raise ConfigError(
            "no data set is named", where=key, hint="write hub:NAME, as in hub:wnut_17"
        )
    import datasets

    try:
        splits = datasets.load_dataset(name, configuration or None)
    except Exception as error:  # whatever a download may raise
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise DataError(
            f"the data set {name} cannot be had from the hub: {reason}",
            where=key,
            hint="check the name, the configuration (hub:NAME:CONFIGURATION) and the network, "
            "or name a file",
        ) from error
    return _known_splits(splits, name, key)


def _known_splits(
    splits: Mapping[Any, Dataset], name: str, key: str
) -> dict[str, tuple[str, Dataset]]:
    found: dict[str, tuple[str, Dataset]] = {}
    for split, data in splits.items():
        if str(split) in _SPLITS:
            found.setdefault(_SPLITS[str(split)], (str(split), data))
    if not found:
        raise DataError(
            f"the data set {name} has no train, validation or test split, only "
            f"{', '.join(map(str, splits))}",
            where=key,
        )
    return found


def is_saved(folder: Path) -> bool:
    """Whether ``save_to_disk`` wrote a folder."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def saved_splits(folder: Path, key: str) -> dict[str, tuple[str, Dataset]]:
    """The splits that ``save_to_disk`` wrote, or one data set under ``""``.

    Raises:
        DataError: the folder is damaged, or has no split that we know.
    """
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except Exception as error:  # whatever a damaged folder may raise
        raise DataError(
            f"is no whole data set of save_to_disk: {type(error).__name__}: {error}",
            where=str(folder),
        ) from error
    if isinstance(found, datasets.Dataset):
        return {"": ("", found)}
    return _known_splits(found, str(folder), key)


def read_arrow(path: Path, key: str) -> Dataset:
    """A file of `datasets`, such as ``data-00000-of-00001.arrow``.

    Raises:
        DataError: it is damaged.
    """
    import datasets

    try:
        return datasets.Dataset.from_file(str(path))
    except Exception as error:  # whatever a damaged file may raise
        raise DataError(f"is no whole Arrow file: {error}", where=str(path)) from error
