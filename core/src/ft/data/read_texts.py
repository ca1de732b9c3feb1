"""Texts, or pairs of them, with a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError, FtError
from ft.contract.schema import Label, Schema, TaskData, Text
from ft.contract.settings import DataConfig
from ft.data.label_forms import find_form, hashable
from ft.data.labels import Kind, LabelForm, converter, sort_labels
from ft.data.rows.bad import Sink
from ft.data.rows.checked import Check, checked
from ft.data.rows.columns import arrange, check_mapping, column_type, find_roles
from ft.data.rows.combine import bit_columns, combined
from ft.data.rows.derive import derive
from ft.data.rows.entry import Entry, batches
from ft.data.rows.hashing import tables
from ft.data.sources import TABLES, Source, find_sources
from ft.data.splits import assemble, gathered, read_sources
from ft.data.tables import load
from ft.data.tags.cutting import is_blank

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.contract.run import Run

CATS = "cats"
"""What spaCy calls the scores by class of a text; read as the label where there is no other."""


def read_texts(
    config: DataConfig,
    run: Run | None,
    *,
    owner: str,
    text: str = "text",
    pair: str | None = None,
    label: str = "label",
    label_kind: Kind = "single",
    names: Sequence[str] | None = None,
    need_train: bool = True,
    check: Check | None = None,
) -> TaskData:
    """Read texts, or pairs of texts, with a label.

    Labels become strings, whole numbers as ``"3"``; a ``multi`` label, which may be a list, one
    written as text, a vector of 0 and 1, several columns of 0 and 1, or ``a|b``, becomes a list of
    strings, each once; a ``number`` becomes a float. What the labels are is found from all values
    of train and said; where they can be read in two ways, the setting that decides is asked for.
    A row is malformed where all its texts are empty; a second text that is missing is empty.
    Columns that are none of ours are kept.

    Args:
        config: where the data is; its ``columns`` maps the names below to the files' names.
        run: the run; its folder takes the rows that are set aside.
        owner: the plugin's name, for the names of settings in messages.
        text: name of the column of texts.
        pair: name of the column of second texts, if there are two.
        label: name of the column of labels.
        label_kind: see `Label`; ``auto``: found in the data.
        names: the labels, in order; any other is malformed. Default: all that the splits hold,
            sorted, as numbers if all are.
        need_train: refuse where ``train`` is not set.
        check: see `read_split_tables`.

    Raises:
        ConfigError: a setting names nothing that is there, or must say how labels are read.
        DataError: a file, column or row does not fit.
    """
    wanted = [text, *([pair] if pair else []), label]
    check_mapping(config.columns, wanted, f"{owner}.columns")
    texts = wanted[:-1]
    faults: list[FtError] = []
    sources = find_sources(config, owner, TABLES, run, faults=faults, need_train=need_train)
    options = ["texts", texts, label, sorted(config.columns.items())]
    transform = partial(_named, texts=texts, label=label, config=config, owner=owner)
    form, notes = LabelForm("single" if label_kind == "auto" else label_kind), list[str]()

    def read(source: Source) -> Entry:
        return load(source, config, owner, transform, list(options))

    with gathered(faults):
        form, notes = _form(sources, read, label, label_kind, config, owner, names or ())

    def convert(source: Source) -> Entry:
        step = partial(_converted, texts=texts, label=label, form=form, names=names, owner=owner)
        how = ["labels", texts, label, form.options(), list(names or ()), owner]
        return checked(derive(read(source), source.name, how, step), source.name, check)

    entries, more = read_sources(sources, convert, config, run, owner, faults)
    data = assemble(sources, entries, config, owner, more, texts, label)
    data.notes[:0] = [f"{label}: {note}" for note in notes]
    assert form.kind != "auto"
    if form.kind == "number":
        found: tuple[str, ...] = ()
    else:
        counts = {split: _count(data, split, label) for split in data.splits}
        found = tuple(names) if names is not None else sort_labels(set().union(*counts.values()))
        data.notes += _unseen(counts, label)
    data.schema = Schema(
        texts=tuple(Text(column) for column in texts), label=Label(label, found, form.kind)
    )
    return data


def _named(
    batches: Iterator[pa.RecordBatch],
    name: str,
    sink: Sink,
    *,
    texts: Sequence[str],
    label: str,
    config: DataConfig,
    owner: str,
) -> Iterator[pa.RecordBatch]:
    """Rows with our names for our columns."""
    columns = {
        ours: theirs if isinstance(theirs, str) else ours for ours, theirs in config.columns.items()
    }
    roles: dict[str, str] | None = None
    for batch in batches:
        batch = combined(batch, config.columns, label, name, owner, sink)
        if roles is None:
            if (
                label not in columns
                and label not in batch.schema.names
                and CATS in batch.schema.names
            ):
                columns[label] = CATS
            try:
                roles = find_roles(batch, [*texts, label], name, columns, f"{owner}.columns")
            except DataError as error:
                bits = bit_columns(batch, texts)
                if len(bits) > 1 and label not in batch.schema.names:
                    error.hint = (
                        f"{', '.join(map(repr, bits))} hold 0 and 1: if they are the labels, set "
                        f"{owner}.columns.{label} = {bits}"
                    )
                raise
            _check_texts(batch, texts, roles, name)
            given = {
                ours: " + ".join(one)
                for ours, one in config.columns.items()
                if isinstance(one, tuple)
            }
            sink.columns = {**roles, **given}
        yield arrange(batch, roles, sink)


def _form(
    sources: Mapping[str, Sequence[Source]],
    read: Any,
    label: str,
    kind: Kind,
    config: DataConfig,
    owner: str,
    known: Sequence[str],
) -> tuple[LabelForm, list[str]]:
    """How the labels are written, from all values of train, else of what there is."""
    parts = sources.get("train") or [source for group in sources.values() for source in group]
    values: set[Any] = set()
    where, layout = owner, ""
    for source in parts:
        ignored: list[FtError] = []  # who reads the source says it
        with gathered(ignored):
            entry = read(source)
            where, layout = source.name, entry.layout
            for batch in batches(entry):
                column = batch.column(batch.schema.names.index(label))
                values.update(map(hashable, _distinct(column)))
    return find_form(values, kind, config, owner, where, layout, known)


def _distinct(column: pa.Array) -> Iterable[Any]:
    import pyarrow as pa

    flat = not (pa.types.is_nested(column.type) or pa.types.is_null(column.type))
    values: list[Any] = (column.unique() if flat else column).to_pylist()
    return values


def _converted(
    batch: pa.RecordBatch,
    sink: Sink,
    *,
    texts: Sequence[str],
    label: str,
    form: LabelForm,
    names: Sequence[str] | None,
    owner: str,
) -> tuple[pa.RecordBatch, dict[int, str]]:
    """Labels as they are kept, texts without missing ones, and what is wrong with which row."""
    import pyarrow as pa

    kinds = {"multi": pa.list_(pa.string()), "number": pa.float64()}
    convert = converter(form, names, owner, sink.note)
    labels: list[Any] = []
    reasons: dict[int, str] = {}
    at = batch.schema.get_field_index(label)
    for i, value in enumerate(batch.column(at).to_pylist()):
        try:
            labels.append(convert(value))
        except ValueError as error:
            labels.append(None)
            reasons[i] = str(error)
    batch = batch.set_column(at, label, pa.array(labels, kinds.get(form.kind, pa.string())))
    found = [batch.column(batch.schema.get_field_index(text)).to_pylist() for text in texts]
    for i, row in enumerate(zip(*found, strict=True)):
        if all(text is None or is_blank(text) for text in row):
            what = "no" if all(text is None for text in row) else "nothing in"
            empty = f"{what} {' and '.join(sink.columns.get(text, text) for text in texts)}"
            reasons[i] = f"{reasons[i]} and {empty}" if i in reasons else f"has {empty}"
    for text, values in zip(texts, found, strict=True):
        at = batch.schema.get_field_index(text)
        kept = pa.array(["" if value is None else value for value in values], pa.string())
        batch = batch.set_column(at, text, kept)
    return batch, reasons


def _check_texts(
    batch: pa.RecordBatch, texts: Sequence[str], roles: dict[str, str], name: str
) -> None:
    import pyarrow as pa

    for text in texts:
        found = column_type(batch, roles[text])
        if not (pa.types.is_string(found) or pa.types.is_null(found)):
            raise DataError(f"the column {roles[text]!r} holds {found}, not texts", where=name)


def _count(data: TaskData, split: str, label: str) -> Counter[str]:
    """Examples of each label."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counts: Counter[str] = Counter()
    for table in tables(data.splits[split], [label]):
        column = table.column(label)
        flat = pc.list_flatten(column) if pa.types.is_list(column.type) else column
        for pair in flat.value_counts().to_pylist():
            counts[pair["values"]] += pair["counts"]
    return counts


def _unseen(counts: dict[str, Counter[str]], label: str) -> list[str]:
    """Say which labels training never sees."""
    if "train" not in counts:
        return []
    notes = []
    for split, found in counts.items():
        unseen = sorted(set(found) - set(counts["train"]))
        if unseen:
            shown = ", ".join(f"{name!r} ({found[name]:,})" for name in unseen[:5])
            shown += " and others" if len(unseen) > 5 else ""
            notes.append(f"{label}: {split} has labels that train never has: {shown}")
    return notes
