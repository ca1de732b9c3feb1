"""Chosen texts with the model's proposals, as annotation tools import them and ft reads them again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from ft_curate.opened import Opened

Form = Literal["label-studio", "doccano", "conll", "csv"]

ENDINGS: Mapping[Form, str] = {
    "label-studio": ".json",
    "doccano": ".jsonl",
    "conll": ".conll",
    "csv": ".csv",
}
SEPARATOR = "|"


@dataclass(frozen=True)
class Picked:
    """A text that was chosen.

    Attributes:
        row: its number in the pool, counted from 1.
        text: it.
        texts: of each text column of the task.
        words: its words; empty where the task has none.
        labels: proposed classes.
        tags: proposed tags.
        entities: proposed spans: first character, behind the last one, type.
        unsure: how unsure the model is, from 0 to 1.
        by: the strategy that chose it, or ``random``.
    """

    row: int
    text: str
    texts: Mapping[str, str]
    words: tuple[str, ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    entities: tuple[tuple[int, int, str], ...]
    unsure: float
    by: str

    def about(self) -> dict[str, Any]:
        """What the output says of it beside the text."""
        return {"pool_row": self.row, "chosen_by": self.by, "uncertainty": round(self.unsure, 4)}


def written(picked: Sequence[Picked], form: Form, run: Opened, proposals: bool) -> dict[str, str]:
    """The content of each file, by what its name ends with.

    Args:
        picked: in the order of the file.
        form: of the tool that imports it.
        run: says what is labelled.
        proposals: whether the model's own answers are in it.
    """
    if form == "label-studio":
        name = run.folder.resolve().name
        tasks = [_task(one, run, name if proposals else None) for one in picked]
        return {
            ".json": json.dumps(tasks, ensure_ascii=False, indent=1) + "\n",
            ".xml": _interface(run),
        }
    if form == "doccano":
        lines = [json.dumps(_doccano(one, run, proposals), ensure_ascii=False) for one in picked]
        return {".jsonl": "\n".join(lines) + "\n"}
    if form == "conll":
        return {".conll": "\n".join(_sentence(one, proposals) for one in picked)}
    return {".csv": _table(picked, run, proposals)}


def types(run: Opened) -> list[str]:
    """The classes, or the types of spans."""
    if run.kind != "words":
        return list(run.labels)
    return sorted({kind for tag in run.labels if (kind := tag.partition("-")[2])})


def _task(one: Picked, run: Opened, model: str | None) -> dict[str, Any]:
    """A task of Label Studio; offsets are characters, as its front end counts since 1.4."""
    task: dict[str, Any] = {"data": {"text": one.text, **one.about()}}
    if model is None:
        return task
    place = {"from_name": "label", "to_name": "text"}
    if run.kind == "words":
        result = [
            {
                "id": f"{one.row}-{k}",
                **place,
                "type": "labels",
                "value": {
                    "start": start,
                    "end": end,
                    "text": one.text[start:end],
                    "labels": [kind],
                },
            }
            for k, (start, end, kind) in enumerate(one.entities)
        ]
    else:
        chosen = {"choices": list(one.labels)}
        result = [{"id": f"{one.row}-0", **place, "type": "choices", "value": chosen}]
    score = round(1 - one.unsure, 4)
    task["predictions"] = [{"model_version": model, "score": score, "result": result}]
    return task


def _interface(run: Opened) -> str:
    """The labelling interface of a project of Label Studio."""
    names = types(run)
    if run.kind == "words":
        inner = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in names)
        tag = f'  <Labels name="label" toName="text">\n{inner}  </Labels>\n'
        return f'<View>\n{tag}  <Text name="text" value="$text"/>\n</View>\n'
    inner = "".join(f"    <Choice value={quoteattr(name)}/>\n" for name in names)
    many = "multiple" if run.multi else "single"
    tag = f'  <Choices name="label" toName="text" choice="{many}">\n{inner}  </Choices>\n'
    return f'<View>\n  <Text name="text" value="$text"/>\n{tag}</View>\n'


def _doccano(one: Picked, run: Opened, proposals: bool) -> dict[str, Any]:
    """A line for doccano's import: spans as [start, end, type], classes as a list."""
    label: list[Any] = []
    if proposals:
        label = [list(span) for span in one.entities] if run.kind == "words" else list(one.labels)
    return {"text": one.text, "label": label, **one.about()}


def _sentence(one: Picked, proposals: bool) -> str:
    """A sentence: a word and its tag a line, comments before it, an empty line behind it."""
    comments = [f"# {name} = {value}" for name, value in one.about().items()]
    tags = one.tags if proposals else ("O",) * len(one.words)
    lines = [f"{word}\t{tag}" for word, tag in zip(one.words, tags, strict=True)]
    return "\n".join([*comments, *lines, ""])


def _table(picked: Sequence[Picked], run: Opened, proposals: bool) -> str:
    """A table whose label is empty, beside the proposal; columns are called as in the run's data."""
    theirs = {ours: name for name, ours in run.names.items()}
    assert run.gold is not None
    columns = [text.column for text in run.schema.texts]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    own = [theirs.get(name, name) for name in (*columns, run.gold)]
    beside = list(picked[0].about()) if picked else []
    writer.writerow([*own, *(["proposal"] if proposals else []), *beside])
    for one in picked:
        proposal = [SEPARATOR.join(one.labels)] if proposals else []
        texts = [one.texts[name] for name in columns]
        writer.writerow([*texts, "", *proposal, *one.about().values()])
    return stream.getvalue()
