"""Answers as the file that the user names: JSON Lines, JSON, CSV, TSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ft.contract.errors import DataError
from ft.contract.files import plain, to_json

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK = 4096
"""Answers that a Parquet file takes at once, and whose keys are the columns of a table."""

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
    first = list(islice(answers, _CHUNK))
    if not first:
        return
    names = _columns(first, also)
    yield _line(names, delimiter)
    for answer in chain(first, answers):
        _require(answer, names)
        yield _line([_cell(answer.get(name)) for name in names], delimiter)


def _columns(answers: Sequence[Mapping[str, Any]], also: tuple[str, ...]) -> list[str]:
    """Every key of some answers, in the order of the first that has it."""
    found = dict.fromkeys(name for answer in answers for name in answer if name not in also)
    return [*found, *also]


def _line(cells: Sequence[Any], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return text.getvalue()


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
                table = _first_table(chunk, also)
                writer = pq.ParquetWriter(stream, table.schema)
            else:
                for answer in chunk:
                    _require(answer, writer.schema.names)
                table = pa.Table.from_pylist(chunk, schema=writer.schema)
            writer.write_table(table)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"the answers do not fit into one table: {error}", hint="write them as .jsonl"
        ) from error
    finally:
        if writer is not None:
            writer.close()


def _first_table(answers: list[dict[str, Any]], also: tuple[str, ...]) -> pa.Table:
    """A table whose columns also take what later answers have."""
    import pyarrow as pa

    columns = {
        name: pa.array([answer.get(name) for answer in answers]) for name in _columns(answers, also)
    }
    return pa.table(
        {
            name: column.cast(pa.string()) if pa.types.is_null(column.type) else column
            for name, column in columns.items()
        }
    )


def _require(answer: Mapping[str, Any], names: Sequence[str]) -> None:
    other = [name for name in answer if name not in names]
    if other:
        raise DataError(
            f"an answer has the column '{other[0]}', which the first ones have not",
            hint="write the answers as .jsonl, where each may have columns of its own",
        )
