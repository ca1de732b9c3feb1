"""Reading the catalogue: which column is text, number or category, and what is wrong with it."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ft import ConfigError, DataError
from ft_recommend.catalogue import Catalogue, join_text
from ft_recommend.columns import Faults, Table, parse, require
from ft_recommend.features import VALUES, Features, split_values
from ft_recommend.settings import RecommendConfig

LETTERS = re.compile(r"\w")


def read_catalogue(
    table: Table, config: RecommendConfig, faults: Faults
) -> tuple[Catalogue, list[str]]:
    """The items of a table and notes on how its columns are taken.

    Items without an id, with an id that stands before, or without a text are faults; they are left
    out of the catalogue.

    Raises:
        ConfigError: a setting names a column that is not there.
        DataError: there is no column of items, or none of text.
    """
    key = require(table, "item", config.columns)
    text_columns, numbers, categories = _roles(table, key, config)
    ids = table.ids(key)
    keep = _first_of_each(table, ids, faults)
    parts = [table.text(name).to_pylist() for name in text_columns]
    texts = [join_text(cells) for cells in zip(*parts, strict=True)]
    empty = keep & np.array([LETTERS.search(text) is None for text in texts], bool)
    names = " and ".join(text_columns)
    faults.add(
        table,
        empty,
        f"item {{}} has an empty text ({names})",
        [repr(item) for item in ids.filter(pa.array(empty)).to_pylist()],
    )
    keep &= ~empty
    kept = table.keep(keep)
    number_columns = {name: parse(_blank_to_nan(kept.text(name))) for name in numbers}
    category_columns = {name: kept.text(name).to_pylist() for name in categories}
    space = Features.fit(number_columns, category_columns)
    rows = int(keep.sum())
    if not rows:
        return Catalogue(
            [], [], np.zeros((0, space.size), np.float32), space, tuple(text_columns)
        ), []
    catalogue = Catalogue(
        ids.filter(pa.array(keep)).to_pylist(),
        [text for text, kept_row in zip(texts, keep, strict=True) if kept_row],
        space.matrix(rows, number_columns, category_columns),
        space,
        tuple(text_columns),
    )
    said = [f"text {', '.join(text_columns)}"]
    said += [f"numbers {', '.join(numbers)}"] if numbers else []
    said += [f"categories {', '.join(categories)}"] if categories else []
    return catalogue, [f"items: {'; '.join(said)}"]


def _first_of_each(table: Table, ids: pa.Array, faults: Faults) -> np.ndarray:
    """Which rows name an item that none before them names, (rows,)."""
    values = np.array(ids.to_pylist(), dtype=object)
    nameless = values == ""
    faults.add(table, nameless, "the item has no id")
    _, first = np.unique(values.astype(str), return_index=True)
    keep = np.zeros(len(values), bool)
    keep[first] = True
    again = ~keep & ~nameless
    faults.add(
        table,
        again,
        "item {} stands twice in the catalogue",
        [repr(item) for item in values[again].tolist()],
    )
    return np.asarray(keep & ~nameless)


def _roles(
    table: Table, key: str, config: RecommendConfig
) -> tuple[list[str], list[str], list[str]]:
    """Columns of text, numbers and categories: those that the settings name, else those found."""
    others = [name for name in table.names if name != key]
    named = {
        "text": config.text,
        "numbers": config.numbers or (),
        "categories": config.categories or (),
    }
    for setting, columns in named.items():
        for column in columns:
            if column not in others:
                raise ConfigError(
                    f"{table.name} has no column '{column}'",
                    where=f"recommend.{setting}",
                    hint=f"its columns are {', '.join(others)}",
                )
    claimed = {column for columns in named.values() for column in columns}
    found = {name: kind_of(table, name) for name in others if name not in claimed}
    numbers = [n for n in others if found.get(n) == "number"] if config.numbers is None else []
    words = [n for n in others if found.get(n) in ("text", "category")]
    text = list(config.text) or words
    categories = (
        [n for n in others if found.get(n) == "category"] if config.categories is None else []
    )
    if not text:
        raise DataError(
            f"no column holds text; the columns are {', '.join(table.names)}",
            where=table.name,
            hint="name those that make an item's text: recommend.text = ['title']",
        )
    return text, [*named["numbers"], *numbers], [*named["categories"], *categories]


def kind_of(table: Table, column: str) -> str:
    """What a column holds: ``number``, ``category``, ``text``, or ``nothing``."""
    texts = table.text(column)
    known = texts.filter(pc.not_equal(texts, ""))
    if not len(known):
        return "nothing"
    if np.isfinite(parse(known)).all():
        return "number"
    few = min(VALUES, max(2, len(known) // 5))
    values: set[str] = set()
    for text in pc.unique(known).to_pylist():
        values.update(split_values(text))
        if len(values) > few:
            return "text"
    return "category"


def _blank_to_nan(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), "nan", texts)
