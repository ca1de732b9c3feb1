"""Any source, by its format, through a transform into an Arrow file of the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError, FtError, raise_all
from ft.contract.files import file_hash
from ft.contract.settings import DataConfig
from ft.data.config import WordsConfig
from ft.data.rows.bad import Hopeless, Sink, hopeless_errors, row_errors
from ft.data.rows.cache import cached, make_key
from ft.data.rows.entry import Entry
from ft.data.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

Transform = Callable[["Iterator[pa.RecordBatch]", str, Sink], "Iterator[pa.RecordBatch]"]
"""Takes a reader's batches, whose last column is the line, the source's name and the sink, and
gives the batches that are kept, with the column `LINE`."""


def load(
    source: Source, config: DataConfig, owner: str, transform: Transform, options: list[Any]
) -> Entry:
    """A source read through a transform, from the cache if it has been read before.

    Args:
        source: see `sources`.
        config: the settings.
        owner: the plugin, for the names of settings.
        transform: what makes the rows from the file's.
        options: JSON values; everything that decides what the transform does.

    Raises:
        DataError: the source cannot be read, or hardly any of its rows can.
    """
    before = _state(source)
    key = make_key(
        _content(source), source.format, _suffix(source), _reading(source, config), options
    )

    def build(sink: Sink) -> Iterator[pa.RecordBatch]:
        batches = _read(source, config, owner, sink)
        try:
            yield from transform(batches, source.name, sink)
        except Hopeless:
            raise
        except FtError as error:
            # What ends the reading does not hide what was wrong before it.
            rest: list[FtError] = getattr(error, "errors", [error])
            raise_all([*row_errors(sink.first, source.name, sink.unit), *rest])
        if _state(source) != before:
            raise DataError("was changed while it was being read", where=source.name)

    try:
        return cached(key, build)
    except Hopeless as error:
        raise_all(hopeless_errors(error, source.name))
        raise


def open_entry(entry: Entry) -> Dataset:
    """The rows of an entry, memory-mapped."""
    import datasets

    return datasets.Dataset.from_file(entry.arrow)


def _read(source: Source, config: DataConfig, owner: str, sink: Sink) -> Iterator[pa.RecordBatch]:
    from ft.data.formats import brat, conll, delimited, parquet, spacy
    from ft.data.formats import json as json_format
    from ft.data.formats.encodings import find_encoding

    if source.data is not None:
        return parquet.read_hub(source.data, source.name)
    assert source.path is not None
    path, name = source.path, source.name
    if source.format == "parquet":
        return parquet.read_parquet(path, name)
    if source.format == "spacy":
        return spacy.read_spacy(path, name, sink)
    encoding = find_encoding(path, config.encoding, owner, sink)
    if source.format == "brat":
        return brat.read_brat(path, name, encoding, owner, sink)
    if source.format == "conll":
        assert isinstance(config, WordsConfig)
        return conll.read_conll(path, name, config, owner, sink)
    if source.format == "json":
        return json_format.read_json(path, name, encoding, owner, sink)
    return delimited.read_delimited(path, name, encoding, config.delimiter, owner, sink)


def _content(source: Source) -> str:
    if source.data is not None:
        from ft.data.rows.hashing import content_hash

        return content_hash(source.data)
    try:
        path = _path(source)
        if source.format == "brat":  # a document is two files
            return file_hash(path.with_suffix(".ann")) + file_hash(path.with_suffix(".txt"))
        return file_hash(path)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=source.name) from error


def _reading(source: Source, config: DataConfig) -> list[Any]:
    """The settings that decide how a file is read."""
    if source.format == "conll" and isinstance(config, WordsConfig):
        return [config.encoding, config.delimiter, config.token_column, config.tag_column]
    return [config.encoding, config.delimiter]


def _suffix(source: Source) -> str:
    return "".join(source.path.suffixes[-2:]).lower() if source.path else ""


def _state(source: Source) -> tuple[int, ...]:
    """Changes when a file is written to."""
    if source.path is None:
        return ()
    try:
        stat = source.path.stat()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=source.name) from error
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _path(source: Source) -> Path:
    assert source.path is not None
    return source.path
