"""What a user of the model asks: known or new users, known or new items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import ft
from ft import DataError
from ft_recommend.catalogue import Catalogue
from ft_recommend.columns import Table, require
from ft_recommend.moments import LATEST
from ft_recommend.users import Users

KEYS = ("user", "history", "candidates", "new_items", "k", "time")


@dataclass
class Asked:
    """Requests as rows of the catalogue, to which new items are added behind.

    Attributes:
        liked: of each request, rows of the history, the latest last.
        seen: rows of what the user had.
        wanted: rows of the candidates; ``None``: the whole catalogue.
        count: length of each list.
        time: (requests,) seconds since 1970; NaN: not said.
        last: (requests,) of the user's latest interaction; NaN: unknown.
        names: the users, ``""`` where none is named.
        ids: of the new items.
        texts: of the new items.
        features: of the new items.
    """

    liked: list[np.ndarray] = field(default_factory=list)
    seen: list[np.ndarray] = field(default_factory=list)
    wanted: list[np.ndarray | None] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    time: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)


class Reader:
    """Reads requests against what the model knows.

    Args:
        catalogue: the model's items.
        users: the model's users.
        top: length of a list unless a request says otherwise.
        exclude: leave out what the user had; candidates that a request names are ranked all.
    """

    def __init__(
        self, catalogue: Catalogue, users: Users, top: int, *, exclude: bool = True
    ) -> None:
        self.catalogue = catalogue
        self.users = users
        self.top = top
        self.exclude = exclude
        self._files: dict[str, list[dict[str, Any]]] = {}

    def read(self, columns: Mapping[str, Sequence[Any]], first: int = 0) -> Asked:
        """The requests in columns of raw examples; a key that a request lacks is ``None``.

        Keys: ``user`` (a known one) or ``history`` (ids, texts, or mappings of columns, the latest
        last); ``candidates`` to rank these alone; ``new_items``, a file of items to rank
        beside the catalogue; ``k``; ``time`` in seconds since 1970.

        Raises:
            DataError: a request has neither a known user nor a history, or names what is unknown.
        """
        asked = Asked()
        rows: dict[str, int] = {}
        size = len(next(iter(columns.values())))
        for number in range(size):
            request = {
                key: columns[key][number]
                for key in KEYS
                if key in columns and columns[key][number] is not None
            }
            try:
                self._one(request, asked, rows)
            except DataError as error:
                error.where = f"request {first + number + 1}"
                raise
        return asked

    def _one(self, request: Mapping[str, Any], asked: Asked, rows: dict[str, int]) -> None:
        user = request.get("user")
        known = None if user is None else _row(user, self.users.row_of)
        if "history" in request:
            liked = self._rows(request["history"], "history", asked, rows)
            seen = liked
        elif known is not None:
            liked = self.users.liked[known]
            seen = liked if self.users.seen is None else self.users.seen[known]
        elif user is None:
            raise DataError(
                "a request needs a user or a history",
                hint='e.g. {"user": "42"} or {"history": ["an item\'s id or its text"], "k": 5}',
            )
        else:
            raise DataError(
                f"the user {user!r} is not among the {len(self.users.names):,} known ones",
                hint="give the history too: ids or texts of items, the latest last",
            )
        wanted = None
        if "candidates" in request:
            wanted = self._rows(request["candidates"], "candidates", asked, rows)
            if not len(wanted):
                raise DataError("candidates is an empty list; leave it out to rank all items")
        elif "new_items" in request:
            new = self._rows(self._file(str(request["new_items"])), "new_items", asked, rows)
            wanted = np.union1d(np.arange(len(self.catalogue)), new)
            if self.exclude:
                wanted = np.setdiff1d(wanted, seen)
        count = request.get("k", self.top)
        if not isinstance(count, int) or count < 1:
            raise DataError(f"k is {count!r}, not a number of items")
        asked.liked.append(np.asarray(liked, np.int64))
        asked.seen.append(np.asarray(seen, np.int64))
        asked.wanted.append(wanted)
        asked.count.append(count)
        asked.names.append("" if user is None else str(user))
        asked.time.append(_moment(request.get("time")))
        asked.last.append(np.nan if known is None else float(self.users.last[known]))

    def _rows(self, values: Any, key: str, asked: Asked, rows: dict[str, int]) -> np.ndarray:
        if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
            raise DataError(f"{key} must be a list, not {values!r}")
        return np.array([self._row(value, key, asked, rows) for value in values], np.int64)

    def _row(self, value: Any, key: str, asked: Asked, rows: dict[str, int]) -> int:
        """The row of an item by its id; another text, or a mapping of columns, is a new item."""
        catalogue = self.catalogue
        columns = dict(value) if isinstance(value, Mapping) else {}
        name = columns.get("item") if columns else value
        known = None if name is None else _row(name, catalogue.row_of)
        if known is not None:
            return known
        text = catalogue.text_from(columns) or str(columns.get("text") or "")
        if not columns and isinstance(value, str):
            text = value.strip()
        if not text:
            need = " or ".join(catalogue.text_columns)
            raise DataError(
                f"the item {value!r} in {key} is not in the catalogue and has no text",
                hint=f"give its text, or a mapping with {need}",
            )
        name = str(name) if name is not None else text
        place = f"{name}\x1f{text}"
        if place not in rows:
            rows[place] = len(catalogue) + len(asked.ids)
            asked.ids.append(name)
            asked.texts.append(text)
            asked.features.append(catalogue.features_from(columns))
        return rows[place]

    def _file(self, path: str) -> list[dict[str, Any]]:
        """The rows of a file of items as mappings, read once."""
        if path not in self._files:
            data = ft.read_table(Path(path), owner="recommend", setting="items")
            table = Table(path, "items", data.data.table)
            key = require(table, "item", {})
            texts = {name: table.text(name).to_pylist() for name in table.names if name != key}
            texts["item"] = table.ids(key).to_pylist()
            names = list(texts)
            cells = zip(*texts.values(), strict=True)
            self._files[path] = [dict(zip(names, row, strict=True)) for row in cells]
        return self._files[path]


def request_schema(catalogue: Catalogue) -> dict[str, Any]:
    """The JSON schema of a request (see `Reader.read`); its example holds an item of the catalogue."""
    item = {"type": ["string", "integer", "object"]}
    items = {"type": "array", "items": item}
    return {
        "type": "object",
        "properties": {
            "user": {"type": ["string", "integer"], "description": "a user of the training data"},
            "history": {**items, "description": "ids, texts or columns of items, the latest last"},
            "candidates": {**items, "minItems": 1, "description": "rank these alone"},
            "new_items": {"type": "string", "format": "path", "description": "a file of items"},
            "k": {"type": "integer", "minimum": 1, "description": "length of the list"},
            "time": {"type": "number", "description": "seconds since 1970"},
        },
        "anyOf": [{"required": ["user"]}, {"required": ["history"]}],
        "examples": [{"history": list(catalogue.ids[:1]), "k": 3}],
    }


def _row(name: Any, row_of: Mapping[str, int]) -> int | None:
    """The row of a user or an item; a whole number may be written ``7.0``."""
    text = str(name)
    return row_of.get(text, row_of.get(text.removesuffix(".0")))


def _moment(value: Any) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, int | float) and abs(value) <= LATEST:
        return float(value)
    raise DataError(f"time is {value!r}, not seconds since 1970 (to the year 2100)")
