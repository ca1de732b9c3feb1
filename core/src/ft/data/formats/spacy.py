"""spaCy's ``.spacy`` files, where spaCy is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError
from ft.contract.schema import LINE
from ft.data.rows.bad import Sink

if TYPE_CHECKING:
    import pyarrow as pa

_WRITE = (
    "write JSONL with it: for doc in DocBin().from_disk(path).get_docs(nlp.vocab): "
    '{"text": doc.text, "entities": [[e.start_char, e.end_char, e.label_] for e in doc.ents], '
    '"label": doc.cats}'
)


def read_spacy(path: Path, name: str, sink: Sink) -> Iterator[pa.RecordBatch]:
    """The documents as batches of ``text``, ``entities``, ``label`` (``cats``) and their number.

    Where no document has entities and all spans are of one group, these are read instead.

    Raises:
        DataError: spaCy is not installed, or the file is damaged.
    """
    import pyarrow as pa

    try:
        tokens, spacy = import_module("spacy.tokens"), import_module("spacy")
    except ImportError as error:
        raise DataError(
            "a .spacy file is read by spaCy, which is not installed",
            where=name,
            hint=f"`pip install spacy`, or where it is installed {_WRITE}",
        ) from error
    try:
        found = tokens.DocBin().from_disk(path)
        documents = list(found.get_docs(spacy.blank("xx").vocab))
    except Exception as error:  # whatever a damaged file may raise
        raise DataError(f"is no whole file of spaCy: {error}", where=name) from error
    sink.layout, sink.unit = "spaCy", "document"
    groups = sorted({key for document in documents for key in document.spans})
    found_none = not any(document.ents for document in documents)
    group = groups[0] if found_none and len(groups) == 1 else None
    if groups:
        which = f"those of the group {group!r}" if group else "the entities of the documents"
        sink.note(
            f"the documents have groups of spans ({', '.join(map(repr, groups))}): {which} are read"
        )
    rows = [_row(document, group) for document in documents]
    if not any(row["label"] for row in rows):
        rows = [{"text": row["text"], "entities": row["entities"]} for row in rows]
    table = pa.Table.from_pylist([{**row, LINE: i + 1} for i, row in enumerate(rows)])
    yield from table.combine_chunks().to_batches()


def _row(document: Any, group: str | None) -> dict[str, Any]:
    found = document.ents if group is None else document.spans.get(group, ())
    spans = [{"start": one.start_char, "end": one.end_char, "label": one.label_} for one in found]
    return {"text": document.text, "entities": spans, "label": dict(document.cats)}
