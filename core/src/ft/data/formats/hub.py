"""Data sets by their name on the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
