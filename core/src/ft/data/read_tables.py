"""Tables as they are, for tasks that make their own schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ft.contract.errors import FtError
from ft.contract.schema import TaskData
from ft.contract.settings import DataConfig
from ft.data.rows.bad import Sink, settle
from ft.data.rows.checked import Check, checked
from ft.data.rows.columns import arrange, check_mapping, find_roles, plain_columns
from ft.data.rows.entry import Entry
from ft.data.rows.holdout import Content
from ft.data.sources import TABLES, Source, file_source, find_sources
from ft.data.splits import assemble, read_sources
from ft.data.tables import load, open_entry

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from ft.contract.run import Run


def read_table(
    path: str | Path,
    *,
    config: DataConfig | None = None,
    owner: str,
    run: Run | None = None,
    columns: Sequence[str] = (),
    setting: str = "train",
    mapping: str = "columns",
    check: Check | None = None,
) -> Dataset:
    """Any CSV, TSV, JSONL, JSON or Parquet file as a memory-mapped data set.

    The columns are the file's, those of a CSV file all texts, and ``line``, the 1-based line (the
    row, for Parquet) at which an example begins. A file's own column ``line``, ``file`` or
    ``example_id`` gets ``_`` behind its name.

    Args:
        path: the file.
        config: gives the encoding, the names of columns and what to do with malformed rows.
        owner: the plugin's name, for the names of settings in messages.
        run: its folder takes the rows that are set aside, and it is told what was decided.
        columns: columns that must be there; ``config.columns`` gives the file's names for them.
        setting: the setting that names the file, for messages: ``items`` for ``recommend.items``.
        mapping: the setting that gives ``config.columns``, for messages.
        check: see `read_split_tables`.

    Raises:
        ConfigError: the file is not there, or its ending tells no format.
        DataError: it is malformed, or lacks a column.
    """
    config = config or DataConfig()
    if columns:
        check_mapping(config.columns, columns, f"{owner}.{mapping}")
    source = file_source(path, f"{owner}.{setting}", TABLES)
    transform, options = _transform_of(columns, config, f"{owner}.{mapping}")
    entry = checked(load(source, config, owner, transform, options), source.name, check)
    notes = settle([(source.name, entry)], config, run, owner)
    if run is not None:
        for note in [*notes, *(f"{source.name}: {note}" for note in entry.notes)]:
            run.note(note)
    return open_entry(entry)


def read_split_tables(
    config: DataConfig,
    *,
    owner: str,
    run: Run | None = None,
    columns: Sequence[str] = (),
    optional: Sequence[str] = (),
    content: Content = (),
    label: str | None = None,
    need_train: bool = True,
    check: Check | None = None,
) -> TaskData:
    """Every split as a table, for a task whose schema is its own: set ``schema`` on the result.

    Args:
        config: where the data is; its ``columns`` gives the files' names for our columns.
        owner: the plugin's name, for the names of settings in messages.
        run: its folder takes the rows that are set aside.
        columns: columns that must be there; others are kept.
        optional: columns that may be missing where ``config.columns`` does not name them.
        content: what makes two examples the same where validation is held out of train: columns (a
            document, a user), or a function of a row; no columns: all.
        label: the column of labels that held-out examples have in train's proportions.
        need_train: refuse where ``train`` is not set.
        check: is given each row as a mapping and returns what is wrong with it, to be read after
            ``file:line:`` ("has no answer"), or ``None``. Such rows are malformed: refused, or with
            ``on_bad_row = "skip"`` set aside in ``bad_rows.jsonl`` of the run's folder.

    Raises:
        ConfigError: a setting names nothing that is there.
        DataError: a file, column or row does not fit.
    """
    if columns:
        check_mapping(config.columns, [*columns, *optional], f"{owner}.columns")
    faults: list[FtError] = []
    sources = find_sources(config, owner, TABLES, run, faults=faults, need_train=need_train)
    transform, options = _transform_of(columns, config, f"{owner}.columns")

    def read(source: Source) -> Entry:
        return checked(load(source, config, owner, transform, options), source.name, check)

    entries, notes = read_sources(sources, read, config, run, owner, faults)
    return assemble(sources, entries, config, owner, notes, content, label)


def _transform_of(
    columns: Sequence[str], config: DataConfig, setting: str
) -> tuple[partial[Iterator[pa.RecordBatch]], list[object]]:
    given = plain_columns(config, setting)
    transform = partial(_rename, columns=columns, given=given, setting=setting)
    return transform, ["raw", sorted(columns), sorted(given.items())]


def _rename(
    batches: Iterator[pa.RecordBatch],
    name: str,
    sink: Sink,
    *,
    columns: Sequence[str],
    given: Mapping[str, str],
    setting: str,
) -> Iterator[pa.RecordBatch]:
    roles: dict[str, str] | None = None
    for batch in batches:
        if roles is None:
            roles = find_roles(batch, [*columns, *given], name, given, setting)
            sink.columns = dict(roles)
        yield arrange(batch, roles, sink)
