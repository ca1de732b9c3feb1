"""Texts, or pairs of them, with a label."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ft.contract.errors import DataError, FtError
from ft.contract.schema import Label, Schema, TaskData, Text
from ft.contract.settings import DataConfig
from ft.data.rows.bad import Sink, without
from ft.data.rows.checked import Check, checked
from ft.data.rows.columns import arrange, check_mapping, column_type, find_roles
from ft.data.rows.entry import Entry
from ft.data.rows.hashing import tables
from ft.data.sources import TABLES, Source, find_sources
from ft.data.splits import assemble, read_sources
from ft.data.tables import load

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.contract.run import Run

Kind = Literal["single", "multi", "ordinal", "number"]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


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

    Labels become strings, whole numbers as ``"3"``; a ``multi`` label, which may be a list, a JSON
    list or ``a|b``, becomes a list of strings, each once; a ``number`` becomes a float. Columns
    that are none of ours are kept.

    Args:
        config: where the data is; its ``columns`` maps the names below to the files' names.
        run: the run; its folder takes the rows that are set aside.
        owner: the plugin's name, for the names of settings in messages.
        text: name of the column of texts.
        pair: name of the column of second texts, if there are two.
        label: name of the column of labels.
        label_kind: see `Label`.
        names: the labels, in order; any other is malformed. Default: all that the splits hold,
            sorted, as numbers if all are.
        need_train: refuse where ``train`` is not set.
        check: see `read_split_tables`.

    Raises:
        ConfigError: a setting names nothing that is there.
        DataError: a file, column or row does not fit.
    """
    wanted = [text, *([pair] if pair else []), label]
    check_mapping(config.columns, wanted, owner)
    texts = wanted[:-1]
    faults: list[FtError] = []
    sources = find_sources(config, owner, TABLES, run, faults=faults, need_train=need_train)
    options = ["texts", texts, label, label_kind, names, sorted(config.columns.items())]
    transform = partial(
        _transform,
        texts=texts,
        label=label,
        convert=_converter(label_kind, names),
        kind=label_kind,
        config=config,
        owner=owner,
    )

    def read(source: Source) -> Entry:
        return checked(load(source, config, owner, transform, list(options)), source.name, check)

    entries, notes = read_sources(sources, read, config, run, owner, faults)
    data = assemble(sources, entries, config, owner, notes, texts)
    if label_kind == "number":
        found: tuple[str, ...] = ()
    else:
        counts = {split: _count(data, split, label) for split in data.splits}
        found = tuple(names) if names is not None else sort_labels(set().union(*counts.values()))
        data.notes += _unseen(counts, label)
    data.schema = Schema(
        texts=tuple(Text(column) for column in texts), label=Label(label, found, label_kind)
    )
    return data


def _transform(
    batches: Iterator[pa.RecordBatch],
    name: str,
    sink: Sink,
    *,
    texts: Sequence[str],
    label: str,
    convert: Callable[[Any], Any],
    kind: Kind,
    config: DataConfig,
    owner: str,
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    value_type = {"multi": pa.list_(pa.string()), "number": pa.float64()}.get(kind, pa.string())
    roles: dict[str, str] | None = None
    for batch in batches:
        if roles is None:
            roles = find_roles(batch, [*texts, label], name, config, owner)
            _check_texts(batch, texts, roles, name)
        original, batch = batch, arrange(batch, roles, sink)
        labels, reasons = _convert(batch, label, convert)
        for text in texts:
            for i in _null_rows(batch.column(text)):
                before = f"{reasons[i]} and no" if i in reasons else "has no"
                reasons[i] = f"{before} {roles[text]}"
        at = batch.schema.get_field_index(label)
        batch = batch.set_column(at, label, pa.array(labels, value_type))
        for text in texts:
            at = batch.schema.get_field_index(text)
            batch = batch.set_column(at, text, batch.column(text).cast(pa.string()))
        yield without(batch, reasons, original, sink)


def _check_texts(
    batch: pa.RecordBatch, texts: Sequence[str], roles: dict[str, str], name: str
) -> None:
    import pyarrow as pa

    for text in texts:
        found = column_type(batch, roles[text])
        if not (pa.types.is_string(found) or pa.types.is_null(found)):
            raise DataError(f"the column {roles[text]!r} holds {found}, not texts", where=name)


def _null_rows(column: Any) -> list[int]:
    if not column.null_count:
        return []
    return [i for i, missing in enumerate(column.is_null().to_pylist()) if missing]


def _convert(
    batch: pa.RecordBatch, label: str, convert: Callable[[Any], Any]
) -> tuple[list[Any], dict[int, str]]:
    labels, reasons = [], {}
    for i, value in enumerate(batch.column(label).to_pylist()):
        try:
            labels.append(convert(value))
        except ValueError as error:
            labels.append(None)
            reasons[i] = str(error)
    return labels, reasons


def _converter(kind: Kind, names: Sequence[str] | None) -> Callable[[Any], Any]:
    """What makes a label of a cell; it raises `ValueError` with the reason if there is none."""
    if kind == "number":
        return _number
    known = None if names is None else set(names)

    def single(value: Any) -> str:
        found = label_text(value)
        if known is not None and found not in known:
            raise ValueError(
                f"has the label {found!r}, which is none of {', '.join(sorted(known))}"
            )
        return found

    if kind == "multi":
        return lambda value: list(dict.fromkeys(map(single, _parts(value))))
    return single


def label_text(value: Any) -> str:
    """A label as text.

    Raises:
        ValueError: it is missing, or neither a text nor a number nor a truth value.
    """
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if value is None or isinstance(value, str | float):
        raise ValueError("has no label")
    raise ValueError(f"has {value!r} for a label, neither text nor number")


def _parts(value: Any) -> list[Any]:
    if value is None:
        raise ValueError("has no label; write [] for none of the labels")
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        return [value]
    if value.strip().startswith("["):
        try:
            parts = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("has a label that begins with [ and is no JSON list") from None
        return list(parts)
    return [part.strip() for part in value.split("|")] if value.strip() else []


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        what = "no label" if value is None or value == "" else f"{value!r} for a label, no number"
        raise ValueError(f"has {what}") from None
    if not math.isfinite(number):
        raise ValueError(f"has {value!r} for a label, which is no finite number")
    return number


def sort_labels(names: set[str]) -> tuple[str, ...]:
    """Labels in order: as numbers if all of them are, else as text."""
    if names and all(map(_NUMBER.fullmatch, names)):
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    return tuple(sorted(names))


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
            shown = ", ".join(map(repr, unseen[:5])) + (" and others" if len(unseen) > 5 else "")
            notes.append(f"{label}: {shown} occur in {split} and never in train")
    return notes
