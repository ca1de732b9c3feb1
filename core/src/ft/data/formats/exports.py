"""Exports of annotation tools: each row as a text with ``entities`` or a ``label``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ft.data.formats.json_shapes import is_pair

Row = dict[str, Any]


@dataclass(frozen=True)
class Export:
    """A tool whose export a file is.

    Attributes:
        tool: its name.
        convert: makes a row of ours, or says why a row is no example; raises `ValueError` where
            it cannot be read.
    """

    tool: str
    convert: Callable[[Any], Row | str]


def find_export(rows: Sequence[Any]) -> Export | None:
    """The tool that wrote rows like these first ones, ``None`` if they are plain rows."""
    if rows and all(map(is_pair, rows)):
        return Export("spaCy 2", lambda pair: {"text": pair[0], **pair[1]})
    keys = [set(row) for row in rows if isinstance(row, dict)]
    if not keys:
        return None
    every, some = set.intersection(*keys), set.union(*keys)
    chosen = {
        name
        for row in rows
        if isinstance(row, dict)
        for name, value in row.items()
        if isinstance(value, dict) and set(value) == {"choices"}
    }
    if "data" in every and some & {"annotations", "completions"}:
        return Export("Label Studio", _label_studio)
    if chosen or {"annotation_id", "lead_time"} <= every:
        return Export("Label Studio (JSON-MIN)", lambda row: _choices(row, chosen))
    if every & {"_input_hash", "_task_hash"}:
        return Export("Prodigy", _prodigy)
    if "fields" in every and some & {"responses", "suggestions"}:
        return Export("Argilla", _argilla)
    if any(name.endswith(".responses") for name in some):
        return Export("Argilla", _argilla_flat)
    if "annotation" in every and not some & {"label", "entities", "spans", "tags"}:
        return Export("Argilla", _argilla_1)
    if {"text", "Comments"} <= every:
        return Export("doccano", dict)
    return None


def _only_text(fields: Mapping[str, Any], tool: str) -> str:
    """The text of a record: the field of that name, else the only one that is a text."""
    if isinstance(fields.get("text"), str):
        return str(fields["text"])
    texts = [value for value in fields.values() if isinstance(value, str)]
    if len(texts) != 1:
        raise ValueError(f"has {len(texts)} texts in a record of {tool}, and none is called 'text'")
    return str(texts[0])


def _label_studio(row: Row) -> Row | str:
    given = row.get("annotations", row.get("completions")) or []
    kept = [one for one in given if not one.get("was_cancelled")]
    if not kept:
        return "without an annotation, or with one that was cancelled"
    entities, labels = [], []
    for part in kept[0].get("result", []):
        value = part.get("value", {})
        if "choices" in value:
            labels += value["choices"]
        elif "start" in value:
            entities.append(_one_label(value, value.get("labels", [])))
        elif part.get("type") not in ("relation", None):
            raise ValueError(f"has an annotation of the type {part.get('type')!r}")
    found: Row = {"text": _only_text(row.get("data", {}), "Label Studio"), "id": row.get("id")}
    kinds = {part.get("type") for part in kept[0].get("result", [])}
    if entities or "labels" in kinds or not labels:
        found["entities"] = entities
    if labels or "choices" in kinds:
        found["label"] = labels
    return found


def _one_label(span: Mapping[str, Any], labels: Sequence[str]) -> Row:
    if len(labels) != 1:
        raise ValueError(f"has a span with {len(labels)} labels; a word has one")
    return {"start": span["start"], "end": span["end"], "label": labels[0]}


def _choices(row: Row, names: set[str]) -> Row:
    """Columns of which some rows have ``{"choices": [...]}`` and others the one choice."""
    found = dict(row)
    for name in names & set(row):
        value = row[name]
        if isinstance(value, dict):
            value = value["choices"]
        found[name] = value if isinstance(value, list) else [] if value is None else [value]
    return found


def _prodigy(row: Row) -> Row | str:
    answer = row.get("answer", "accept")
    if answer != "accept":
        return f"with the answer {answer!r}"
    found = {name: value for name, value in row.items() if name not in ("tokens", "options")}
    if "accept" in row and "label" not in row:
        found["label"] = row["accept"]
    return found


def _argilla_1(row: Row) -> Row | str:
    annotation = row.get("annotation")
    if row.get("status") == "Discarded":
        return "with the status 'Discarded'"
    if annotation is None:
        return "without an annotation"
    text = row["text"] if "text" in row else _only_text(row.get("inputs") or {}, "Argilla")
    spans = isinstance(annotation, list) and not all(isinstance(one, str) for one in annotation)
    empty = annotation == [] and "tokens" in row
    name = "entities" if spans or empty else "label"
    kept: Row = {key: row[key] for key in row if key in ("id", "annotation")}
    return {"text": text, **kept, name: annotation}


def _argilla(row: Row) -> Row | str:
    if row.get("status") == "discarded":
        return "with the status 'discarded'"
    answers = row.get("responses") or {}
    return _answered(_only_text(row["fields"], "Argilla"), answers)


def _argilla_flat(row: Row) -> Row | str:
    answers = {
        name.removesuffix(".responses"): [
            {"value": value, "status": status}
            for value, status in zip(
                row[name] or [],
                row.get(f"{name}.status") or ["submitted"] * len(row[name] or []),
                strict=False,
            )
        ]
        for name in row
        if name.endswith(".responses")
    }
    plain = {name: value for name, value in row.items() if "." not in name and name != "id"}
    return _answered(_only_text(plain, "Argilla"), answers)


def _answered(text: str, answers: Mapping[str, Any]) -> Row | str:
    """The first answer that was submitted to each question: spans, or labels."""
    found: Row = {}
    for question, given in answers.items():
        kept = [one["value"] for one in given if one.get("status", "submitted") == "submitted"]
        if not kept:
            continue
        value = kept[0]
        spans = isinstance(value, list) and any(isinstance(one, dict) for one in value)
        name = "entities" if spans else "label"
        found[question if name in found else name] = value
    return {"text": text, **found} if found else "without a submitted response"
