"""Answers as the file that the user names: JSON Lines, JSON, CSV, TSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from ft.contract.errors import DataError
from ft.contract.files import plain, to_json

_CHUNK = 4096
"""Answers that a Parquet file takes at once."""

Answers = Iterator[Mapping[str, Any]]


def write_answers(
    answers: Answers, path: Path, stream: IO[bytes], *, also: tuple[str, ...]
) -> None:
    """Write answers to a stream, in the form that the name of the file asks for.

    Args:
        answers: one mapping each.
        path: its ending decides: ``.json``, ``.csv``, ``.tsv``, ``.parquet``; else JSON Lines.
        stream: takes the bytes.
        also: columns of a table that later answers may have and the first ones not.

    Raises:
        DataError: the answers do not fit into one table.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        _parquet(answers, stream, also)
        return
    if suffix in (".csv", ".tsv"):
        parts = _table(answers, "\t" if suffix == ".tsv" else ",", also)
    elif suffix == ".json":
        parts = chain(_array(answers), ["]\n"])
    else:
        parts = (f"{to_json(answer)}\n" for answer in answers)
    for part in parts:
        stream.write(part.encode())


def _array(answers: Answers) -> Iterator[str]:
    before = "["
    for answer in answers:
        yield f"{before}{to_json(answer)}"
        before = ",\n"
    if before == "[":
        yield before


def _table(answers: Answers, delimiter: str, also: tuple[str, ...]) -> Iterator[str]:
    """Lines of a delimited table; a list or an object stands there as JSON."""
    names: dict[str, None] | None = None
    for answer in answers:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        if names is None:
            names = dict.fromkeys([*answer, *also])
            writer.writerow(names)
        _require(answer, names)
        writer.writerow([_cell(answer.get(name)) for name in names])
        yield text.getvalue()


def _cell(value: Any) -> Any:
    value = plain(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _parquet(answers: Answers, stream: IO[bytes], also: tuple[str, ...]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    try:
        while chunk := [plain(answer) for answer in islice(answers, _CHUNK)]:
            if writer is None:
                table = pa.Table.from_pylist(chunk)
                for name in also:
                    if name not in table.column_names:
                        nothing = pa.nulls(len(table), pa.string())
                        table = table.append_column(name, nothing)
                writer = pq.ParquetWriter(stream, table.schema)
            else:
                for answer in chunk:
                    _require(answer, dict.fromkeys(writer.schema.names))
                table = pa.Table.from_pylist(chunk, schema=writer.schema)
            writer.write_table(table)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"the answers do not fit into one table: {error}", hint="write them as .jsonl"
        ) from error
    finally:
        if writer is not None:
            writer.close()


def _require(answer: Mapping[str, Any], names: Mapping[str, None]) -> None:
    other = [name for name in answer if name not in names]
    if other:
        raise DataError(
            f"an answer has the column '{other[0]}', which the first ones have not",
            hint="write the answers as .jsonl, where each may have columns of its own",
        )
