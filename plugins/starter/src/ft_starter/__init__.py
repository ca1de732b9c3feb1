"""The starter package: a pre-trained encoder and data for each task, offline once installed.

Each function is an entry point of the group ``ft.starters``. The data files are made once from
other packages' files, whose sha256 is checked, and kept in ft's cache folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__version__ = "0.1.0"

__all__ = ["model", "ner", "recommend", "sentiment"]


def model() -> Path:
    """The folder of all-MiniLM-L6-v2 (22.7 million parameters, 384 wide), weights checked.

    Raises:
        ft.UserError: the package that brings the weights is not installed.
        ft.DataError: the weights are not the expected ones.
    """
    from ft_starter.sources import WEIGHTS, checked

    return checked(WEIGHTS).parent


def ner() -> dict[str, str]:
    """Settings for `ner`: biomedical sentences with six types of entities, in BIO2.

    Returns:
        ``train``, ``validation`` and ``test``: JSONL files with ``tokens`` and ``tags``.

    Raises:
        ft.UserError: the package that brings the data is not installed.
        ft.DataError: its data is not as expected.
    """
    from ft_starter import biomedical, cache

    return _splits(cache.folder("ner", biomedical.build), "jsonl")


def sentiment() -> dict[str, str]:
    """Settings for `sentiment`: food reviews, ``great`` (five stars) or ``other``.

    Returns:
        ``train``, ``validation`` and ``test``: CSV files with ``text`` and ``label``.

    Raises:
        ft.UserError: the package that brings the data is not installed.
        ft.DataError: its data is not as expected.
    """
    from ft_starter import cache, reviews

    return _splits(cache.folder("sentiment", reviews.build), "csv")


def recommend() -> dict[str, Any]:
    """Settings for `recommend`: film ratings with titles, years and genres.

    Returns:
        ``interactions``: CSV with ``user_id``, ``item_id``, ``rating`` (0.5 to 5) and ``timestamp``
        (seconds since 1970); ``items``: CSV with ``item_id``, ``title``, ``year``, ``genres``.

    Raises:
        ft.UserError: the package that brings the data is not installed.
        ft.DataError: its data is not as expected.
    """
    from ft_starter import cache, movies

    folder = cache.folder("recommend", movies.build)
    return {name: str(folder / f"{name}.csv") for name in ("interactions", "items")}


def _splits(folder: Path, ending: str) -> dict[str, str]:
    return {split: str(folder / f"{split}.{ending}") for split in ("train", "validation", "test")}
