"""Teachers: runs of ft and saved models, whose answers come with the classes of the student."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import nn

from ft import ConfigError, PluginError, Run, Schema, Trained, listed

Columns = Mapping[str, list[Any]]
RUN = "task.json"
"""A file of a run's folder, and of no other."""

AT_ONCE = 32
"""Examples in a pass of a saved model."""

LONGEST = 512
"""Tokens that a saved model reads of an example at most."""


@dataclass(frozen=True)
class Teacher:
    """A teacher of one student.

    Attributes:
        path: its folder, as the setting names it.
        model: it, in evaluation mode, without gradients.
        tokenizer: the folder that its tokenizer is in.
        logits: the answers to raw examples of the student's task, an array each with the student's
            classes in its order: (1, classes), for words (words, classes), not a number where the
            teacher did not read so far. ``None`` where an answer is no logits of classes or numbers.
    """

    path: str
    model: nn.Module
    tokenizer: str
    logits: Callable[[Columns], list[np.ndarray]] | None


def kind_of(schema: Schema) -> str | None:
    """What is learnt: ``tags`` or the kind of the label; ``None``: something else, or several things."""
    if len(schema.targets) != 1 or schema.group:
        return None
    kind = schema.targets[0].kind
    wanted = schema.words is not None if kind == "tags" else bool(schema.texts)
    return kind if wanted and kind in ("tags", "single", "ordinal", "multi", "number") else None


def open_teacher(run: Run, path: str, schema: Schema, where: str) -> Teacher:
    """The teacher in a folder.

    Args:
        run: the student's.
        path: of a finished run, or of a model that transformers saved.
        schema: of the student's data.
        where: the setting, for messages.

    Raises:
        ConfigError: there is nothing of the kind, or it answers something else than the student learns.
        UserError: the run in the folder is not finished.
    """
    folder = folder_of(path, where)
    if (folder / RUN).exists():
        return _of_run(run, path, run.load_trained(folder), schema, where)
    return _of_model(run, path, run.uses(folder), schema, where)


def folder_of(path: str, where: str) -> Path:
    """The folder of a teacher.

    Raises:
        ConfigError: there is nothing of the kind, or its run is not finished.
    """
    folder = Path(path).expanduser()
    if (folder / RUN).exists() and (folder / "model").is_dir():
        return folder
    if (folder / "config.json").exists():
        return folder
    if (folder / "config.toml").exists():
        raise ConfigError(
            f"the run in {path} is not finished",
            where=where,
            hint=f"go on with `ft run --resume {path}`",
        )
    what = f"there is no teacher in {path}" if folder.is_dir() else f"there is no folder {path}"
    raise ConfigError(
        what,
        where=where,
        hint="give the folder of a finished `ft run`, or one that transformers' save_pretrained wrote",
    )


def _of_run(run: Run, path: str, trained: Trained, schema: Schema, where: str) -> Teacher:
    kind, own = kind_of(schema), kind_of(trained.schema)
    folder = str(trained.folder / "model")
    if kind is None:
        if trained.schema.targets != schema.targets:
            theirs, ours = (
                ", ".join(f"{t.column} ({t.kind})" for t in one.targets) or "nothing of the schema"
                for one in (trained.schema, schema)
            )
            raise ConfigError(
                f"the teacher {path} learnt {theirs}, or other classes of it, and the student learns {ours}",
                where=where,
                hint="give a run of the same task with the same classes",
            )
        return Teacher(path, trained.model, folder, None)
    if own != kind and {own, kind} != {"single", "ordinal"}:
        raise ConfigError(
            f"the teacher {path} answers with {own or 'something else'}, and the student learns {kind}",
            where=where,
            hint="give a run of the same task",
        )
    order = class_order(path, trained.labels, _names(schema), where, run.note)
    names = _roles(schema, trained.schema)

    def logits(examples: Columns) -> list[np.ndarray]:
        columns = {names.get(name, name): values for name, values in examples.items()}
        rows = [
            {name: value for name, value in zip(columns, row, strict=True) if value is not None}
            for row in zip(*columns.values(), strict=True)
        ]
        with torch.random.fork_rng(devices=[]):
            found = trained.outputs(rows)
        sizes = _sizes(examples, schema)
        return [
            _chosen(path, one.get("logits"), order, size)
            for one, size in zip(found, sizes, strict=True)
        ]

    return Teacher(path, trained.model, folder, logits)


def _chosen(path: str, logits: Any, order: Sequence[int], words: int | None) -> np.ndarray:
    """The student's classes of a teacher's answer; the mean over the windows of a text."""
    if words == 0:
        return np.zeros((0, len(order)), np.float32)
    if logits is None or np.ndim(logits) != 2:
        raise PluginError(
            f"the answers of the teacher {path} hold no logits of classes",
            hint="give a teacher with a head of the standard kind",
        )
    rows = np.asarray(logits, dtype=np.float64)
    rows = rows if words is not None else rows.mean(0, keepdims=True)
    return rows[:, order].astype(np.float32)


def _of_model(run: Run, path: str, folder: Path, schema: Schema, where: str) -> Teacher:
    kind = kind_of(schema)
    if kind is None:
        raise PluginError(
            f"{path} is no run of ft, and only such a one can teach a task of this kind",
            where=where,
            hint="give the folder of a finished run of the same task",
        )
    load: Any = transformers.AutoModelForSequenceClassification
    more: dict[str, Any] = {}
    if kind == "tags":
        load, more = transformers.AutoModelForTokenClassification, {"add_prefix_space": True}
    trust = {"trust_remote_code": run.config.trust_remote_code}
    try:
        with torch.random.fork_rng(devices=[]):
            model, info = load.from_pretrained(
                folder, dtype=torch.float32, output_loading_info=True, **trust
            )
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder, **more, **trust)
    except (OSError, ValueError, ImportError) as error:
        what = f"cannot load the teacher {path}: {str(error).strip().splitlines()[0]}"
        raise ConfigError(what, where=where) from error
    if info["missing_keys"]:
        raise ConfigError(
            f"{path} has no trained head for this task: {listed(sorted(info['missing_keys']), 3)} "
            "are not in it",
            where=where,
            hint="fine-tune it first, with `ft run --model`, and give that run",
        )
    names = [str(name) for _, name in sorted((model.config.id2label or {}).items())]
    order = class_order(path, names if kind != "number" else (), _names(schema), where, run.note)
    model = model.eval().requires_grad_(False).to(run.device)
    positions = getattr(model.config, "max_position_embeddings", LONGEST) or LONGEST
    limit = min(tokenizer.model_max_length, positions, LONGEST)
    settings = {"truncation": True, "max_length": limit, "padding": True, "return_tensors": "pt"}

    def encoded(examples: Columns, part: slice) -> Any:
        if schema.words:
            words = [one or [""] for one in examples[schema.words.tokens][part]]
            return tokenizer(words, is_split_into_words=True, **settings)
        return tokenizer(*[examples[text.column][part] for text in schema.texts], **settings)

    def logits(examples: Columns) -> list[np.ndarray]:
        found: list[np.ndarray] = []
        sizes = _sizes(examples, schema)
        for begin in range(0, len(sizes), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            inputs = encoded(examples, part)
            with torch.no_grad(), run.accelerator.autocast():
                answers = model(**inputs.to(run.device)).logits
            rows = answers.float().cpu().numpy()[..., order]
            for i, (row, size) in enumerate(zip(rows, sizes[part], strict=True)):
                if size is None:
                    found.append(row[None])
                    continue
                words = np.full((size, len(order)), np.nan, np.float32)
                for piece, word in reversed(list(enumerate(inputs.word_ids(i)))):
                    if word is not None and word < size:
                        words[word] = row[piece]
                found.append(words)
        return found

    return Teacher(path, model, str(folder), logits)


def _names(schema: Schema) -> tuple[str, ...]:
    return tuple(schema.words.labels if schema.words else schema.targets[0].names)


def _sizes(examples: Columns, schema: Schema) -> list[int | None]:
    """The words of each example; ``None`` where there are none to count."""
    if schema.words:
        return [len(words) for words in examples[schema.words.tokens]]
    return [None] * len(examples[schema.texts[0].column])


def _roles(ours: Schema, theirs: Schema) -> dict[str, str]:
    """The teacher's name of each column of words or texts."""
    if ours.words and theirs.words:
        return {ours.words.tokens: theirs.words.tokens}
    return {o.column: t.column for o, t in zip(ours.texts, theirs.texts, strict=False)}


def class_order(
    path: str,
    theirs: Sequence[str],
    ours: Sequence[str],
    where: str,
    note: Callable[[str], None] = lambda text: None,
) -> list[int]:
    """For each class of the student its position in the teacher's answers.

    Args:
        path: of the teacher.
        theirs: the teacher's classes in the order of its logits; none for numbers.
        ours: the student's.
        where: the setting, for messages.
        note: is told of classes that the student does not have.

    Raises:
        ConfigError: the teacher lacks a class.
    """
    if not theirs and not ours:
        return [0]
    missing = [name for name in ours if name not in theirs]
    if missing:
        raise ConfigError(
            f"the teacher {path} does not know {listed(missing, 5)}; its classes are "
            f"{listed(list(theirs), 8)}",
            where=where,
            hint="give a teacher that was trained with all classes of the student, by the same names",
        )
    if more := [name for name in theirs if name not in ours]:
        note(
            f"the teacher {path} also knows {listed(more, 5)}, which the student does not learn: its "
            "answers count for the student's classes alone"
        )
    return [list(theirs).index(name) for name in ours]


def require_same_pieces(
    run: Run, teacher: Teacher, texts: Sequence[str], why: str, where: str
) -> None:
    """Refuse a teacher whose tokenizer cuts texts otherwise than the student's.

    Args:
        run: the student's.
        teacher: it.
        texts: some to try, beside the vocabulary.
        why: what needs the same pieces, for messages.
        where: the setting, for messages.

    Raises:
        ConfigError: it does.
    """
    own: Any = transformers.AutoTokenizer.from_pretrained(
        teacher.tokenizer, trust_remote_code=run.config.trust_remote_code
    )
    given = list(texts) or ["a"]
    same = own.get_vocab() == run.tokenizer.get_vocab()
    if not same or own(given)["input_ids"] != run.tokenizer(given)["input_ids"]:
        raise ConfigError(
            f"{why} needs the same tokenizer in both, and the teacher {teacher.path} has another one",
            where=where,
            hint="give a student with the teacher's tokenizer, such as one of student_layers",
        )
