"""Which of a file's columns is which of ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ft.contract.errors import ConfigError, DataError, FtError, raise_all
from ft.contract.messages import did_you_mean, nearest
from ft.contract.schema import EXAMPLE_ID, FILE, LINE

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.contract.settings import DataConfig
    from ft.data.rows.bad import Sink

RESERVED = (LINE, FILE, EXAMPLE_ID)
"""Names that the core gives; a file's own column of such a name gets ``_`` behind it."""


def plain_columns(config: DataConfig, setting: str) -> dict[str, str]:
    """The setting ``columns`` of a task for which each of ours is one column of the file.

    Args:
        config: the settings.
        setting: what messages call ``columns``: ``ner.columns``.

    Raises:
        ConfigError: several columns are named for one.
    """
    errors: list[FtError] = [
        ConfigError("takes the name of one column", where=f"{setting}.{ours}")
        for ours, theirs in config.columns.items()
        if not isinstance(theirs, str)
    ]
    raise_all(errors)
    return {ours: str(theirs) for ours, theirs in config.columns.items()}


def check_mapping(
    columns: Mapping[str, str | tuple[str, ...]], known: Collection[str], setting: str
) -> None:
    """Refuse keys of the setting ``columns`` that are none of ours, and names given twice.

    Raises:
        ConfigError: one of ours is misspelt, or two of ours are the same column of the file.
    """
    errors: list[FtError] = []
    for ours, theirs in columns.items():
        key = f"{setting}.{ours}"
        if ours not in known:
            hint = did_you_mean(ours, known) or f"the columns are: {', '.join(known)}"
            errors.append(
                ConfigError(f"there is no column {ours!r} to give a name", where=key, hint=hint)
            )
        elif list(columns.values()).count(theirs) > 1:
            errors.append(ConfigError(f"the column {theirs!r} is named twice", where=key))
    raise_all(errors)


def find_column(
    available: Sequence[str], ours: str, columns: Mapping[str, str], aliases: Sequence[str] = ()
) -> str | None:
    """The file's name for one of our columns, ``None`` if there is none.

    A name given in the settings is the only one that counts; else our own name, else an alias if
    it is the only one there.
    """
    if ours in columns:
        return columns[ours] if columns[ours] in available else None
    if ours in available:
        return ours
    found = [alias for alias in aliases if alias in available]
    return found[0] if len(found) == 1 else None


def missing_column(
    available: Sequence[str], ours: str, columns: Mapping[str, str], name: str, setting: str
) -> DataError:
    """The error that names a column that is not there, and the one that was perhaps meant."""
    wanted = columns.get(ours, ours)
    what = f"there is no column {wanted!r}"
    near = next((other for other in available if other.strip() == wanted.strip()), None)
    if near is not None:
        what += f", but one with white space around its name, {near!r}"
    else:
        folded = {other.strip().lower(): other for other in available}
        close = nearest(wanted.strip().lower(), folded)
        near = folded[close[0]] if close else None
    what += f"; the columns are {', '.join(map(repr, available)) or 'none'}"
    if near is None:
        hint = f"set {setting} = {{{ours} = '...'}} to the name that the file gives it"
    else:
        hint = f"if {near!r} is meant, set {setting} = {{{ours} = {near!r}}}"
    return DataError(what, where=name, hint=hint)


def find_roles(
    batch: pa.RecordBatch,
    wanted: Collection[str],
    name: str,
    columns: Mapping[str, str],
    setting: str,
) -> dict[str, str]:
    """The file's name for each of our columns.

    Args:
        batch: of a reader, the line in the last column.
        wanted: our names.
        name: what messages call the file.
        columns: the files' names for ours, where the user gave them.
        setting: what gives these names, for messages: ``ner.columns``.

    Raises:
        DataError: a column is not there; several of these together.
    """
    available = batch.schema.names[:-1]
    found: dict[str, str] = {}
    errors: list[FtError] = []
    for ours in dict.fromkeys(wanted):
        theirs = find_column(available, ours, columns)
        if theirs is None:
            errors.append(missing_column(available, ours, columns, name, setting))
        else:
            found[ours] = theirs
    raise_all(errors)
    return found


def column_type(batch: pa.RecordBatch, name: str) -> pa.DataType:
    """The type of a file's column; its name may be that of the line's, which comes last."""
    return batch.schema.types[batch.schema.names.index(name)]


def arrange(
    batch: pa.RecordBatch,
    roles: Mapping[str, str],
    sink: Sink,
    drop: Collection[str] = (),
    taken: Collection[str] = (),
) -> pa.RecordBatch:
    """A reader's batch with our names for our columns, and the line (its last column) as `LINE`.

    Args:
        batch: of a reader.
        roles: the file's name for each of ours.
        sink: is told which of the file's other columns get another name.
        drop: names in the file of columns that are left out.
        taken: more names that no other column may have.
    """
    import pyarrow as pa

    theirs = {name: ours for ours, name in roles.items()}
    places = {name: i for i, name in enumerate(batch.schema.names[:-1])}
    kept = [name for name in places if name not in drop]
    ours = {*roles, *taken, *RESERVED}
    used = {*ours, *kept}
    names = []
    for name in kept:
        new = theirs.get(name, name)
        if name not in theirs and name in ours:
            while new in used:
                new += "_"
            used.add(new)
            sink.note(f"the file's own column {name!r} is called {new!r}")
        names.append(new)
    columns = [batch.column(places[name]) for name in kept]
    return pa.RecordBatch.from_arrays([*columns, batch.columns[-1]], [*names, LINE])
