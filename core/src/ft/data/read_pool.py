"""Unlabelled texts or sentences, as the split `pool` of a task's data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.errors import ConfigError, DataError, FtError, Problems
from ft.contract.schema import LINE, POOL, Schema, TaskData
from ft.data.read_tables import read_table
from ft.data.read_words import TEXT, word_list
from ft.data.tags.cutting import is_blank, split_words

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.contract.run import Run

KNOWN = "known_"
"""What the name of a gold column begins with where a pool has answers, which nobody trains on."""


def read_pool(
    path: str | Path, data: TaskData, *, owner: str, run: Run | None = None, setting: str = "pool"
) -> TaskData:
    """The data with a file of unlabelled examples as its `pool`, behind what is there already.

    The file is a table (CSV, TSV, JSONL, JSON, Parquet) with the columns of the task's texts, or for
    words with ``tokens`` or ``text``, which is cut by the rule of the schema; or a file ``.txt``
    with a text a line. A gold column of the file is called ``known_<column>``: it can say how often
    a guess is right, and is not trained on.

    Args:
        path: the file.
        data: of the task, with words or texts.
        owner: the plugin's name, for the names of settings in messages.
        run: is told what was decided.
        setting: the setting that names the file, for messages.

    Raises:
        ConfigError: the file is not there, its ending tells no format, or the task has no texts.
        DataError: it is empty or malformed, or lacks a column.
    """
    from datasets import Dataset

    schema, where = data.schema, f"{owner}.{setting}"
    if not schema.words and not schema.texts:
        raise ConfigError(
            "the task has neither words nor texts that a file of unlabelled texts could give",
            where=where,
            hint="leave it out for this task",
        )
    found = Path(path).expanduser()
    if found.suffix.lower() == ".txt":
        rows = _lines(found, schema, where)
    else:
        columns = [] if schema.words else [text.column for text in schema.texts]
        check = partial(_fault, schema=schema)
        try:
            rows = read_table(
                found, owner=owner, run=run, columns=columns, setting=setting, check=check
            )
        except FtError as error:
            for one in error.errors if isinstance(error, Problems) else [error]:
                if isinstance(one, DataError):
                    one.hint = "mend these rows, or take them out"
            raise
    if not len(rows):
        raise DataError("holds no example", where=str(found))
    gold = {name: KNOWN + name for name in schema.gold if name in rows.column_names}
    rows = rows.rename_columns(gold) if gold else rows
    if schema.words:
        rows = Dataset.from_list([{**row, **_as_words(row, schema)} for row in rows])
    return data.with_rows(POOL, rows, [found])


def _lines(path: Path, schema: Schema, where: str) -> Dataset:
    """A text a line; blank lines are left out."""
    from datasets import Dataset

    if len(schema.texts) > 1:
        raise ConfigError(
            f"{path} has one text a line, and an example of this task has {len(schema.texts)}",
            where=where,
            hint="give a table with a column for each text",
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"is not in UTF-8: {error}", where=str(path), hint="save it so") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", where=where) from error
    column = TEXT if schema.words else schema.texts[0].column
    rows = [(text.strip(), n) for n, text in enumerate(lines, 1) if not is_blank(text)]
    return Dataset.from_list([{column: text, LINE: n} for text, n in rows])


def _fault(row: Mapping[str, Any], schema: Schema) -> str | None:
    """What is wrong with a row."""
    if schema.words:
        try:
            empty = not _tokens(row, schema)
        except DataError as error:
            return error.what
        return "has no words" if empty else None
    blank = [t.column for t in schema.texts if is_blank(str(row[t.column] or ""))]
    return f"has nothing in {' and '.join(blank)}" if len(blank) == len(schema.texts) else None


def _tokens(row: Mapping[str, Any], schema: Schema) -> list[str]:
    assert schema.words is not None
    given, text = row.get(schema.words.tokens), row.get(TEXT)
    if given is not None:
        return word_list(given, schema.words.tokens)
    if not isinstance(text, str):
        raise DataError(f"has neither {schema.words.tokens} nor {TEXT}")
    return [text[start:end] for start, end in split_words(text, schema.words.splitter)]


def _as_words(row: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    assert schema.words is not None
    words = {schema.words.tokens: _tokens(row, schema)}
    known = KNOWN + (schema.words.tags or "")
    if isinstance(row.get(known), str):
        words[known] = word_list(row[known], "tags")
    return words
