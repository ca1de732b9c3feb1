"""Answers of a trained run that are added or taken away: only what is new is encoded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoTokenizer

import ft
from ft import DataError, Table, UserError
from ft_answers.catalogue import FILE, OVERLAY, Catalogue, Known
from ft_answers.data import ANSWER, ID, QUESTION, named
from ft_answers.scoring import short
from ft_answers.settings import AnswersConfig
from ft_answers.vectors import embed, find_pooling

PLUGIN = "answers"


def known(run: Path) -> Catalogue:
    """The answers of a run as they are now.

    Raises:
        UserError: there is no finished run of `answers`.
    """
    for folder in (run / OVERLAY, run / "model"):
        if (folder / FILE).exists():
            return Catalogue.read(folder)
    raise UserError("there is no finished run of answers here", where=str(run))


def listing(run: Path) -> str:
    """The answers of a run, a line each."""
    catalogue = known(run)
    rows = tuple((one.id, one.asked, short(one.text)) for one in catalogue.answers)
    return ft.table_text(Table(f"{len(catalogue):,} answers", ("id", "in train", "answer"), rows))


def change(run: Path, add: Path | None, remove: Sequence[str], *, reset: bool = False) -> str:
    """Change the answers of a run; what it learnt stays as it is, its threshold too.

    Args:
        run: its folder.
        add: a file with the column ``answer`` and, if any, ``id`` and ``question``, a known question
            of the answer, which the settings `match` of ``questions`` and ``both`` use.
        remove: ids.
        reset: first go back to the answers that the run was trained with.

    Returns:
        What was done, in a sentence.

    Raises:
        DataError: an id is not there, or is there already, or the file is wrong.
        UserError: there is no such run.
    """
    before = known(run)
    config = ft.resolve(None, file=run / "config.toml").configs[PLUGIN]
    assert isinstance(config, AnswersConfig)
    if reset:
        before = Catalogue.read(run / "model")
    new = _read(add, config, before) if add else []
    after = before.changed(new, remove)
    vectors = _vectors(run, config, before, after)
    made = run / f".{OVERLAY}.new"
    gone = run / f".{OVERLAY}.old"
    for folder in (made, gone):
        shutil.rmtree(folder, ignore_errors=True)
    after.write(made, vectors)
    if (run / OVERLAY).exists():
        (run / OVERLAY).rename(gone)
    made.rename(run / OVERLAY)
    shutil.rmtree(gone, ignore_errors=True)
    if reset and not new and not remove:
        return f"the {len(after):,} answers that the run was trained with are known again"
    return (
        f"{len(new):,} answers added, {len(remove):,} taken away: {len(after):,} are known now, without "
        "training. A server reads them when it loads the run again."
    )


def _read(path: Path, config: AnswersConfig, before: Catalogue) -> list[Known]:
    """The answers of a file, whose columns have our names or those of the run's file of answers."""
    names = ft.read_table(path, owner=PLUGIN, setting="--add").column_names
    columns = {ours: one for ours, one in config.answer_columns.items() if one in names}
    if ANSWER not in (*names, *columns):
        raise DataError(
            f"there is no column {ANSWER!r}; the columns are {', '.join(map(repr, names))}",
            where=str(path),
            hint=f"name them {ANSWER}, and if there are any {ID} and {QUESTION}",
        )
    rows = ft.read_table(
        path,
        config=config.model_copy(update={"columns": columns}),
        owner=PLUGIN,
        columns=tuple({ANSWER, *columns}),
        setting="--add",
        check=_fault,
    )
    ids = rows[ID] if ID in rows.column_names else [None] * len(rows)
    questions = rows[QUESTION] if QUESTION in rows.column_names else [None] * len(rows)
    numbers = [int(one.id) for one in before.answers if one.id.isdecimal()]
    following = max(numbers, default=0)
    found: list[Known] = []
    for cell, text, question in zip(ids, rows[ANSWER], questions, strict=True):
        name = next(iter(named(cell)), None)
        if name is None:
            following += 1
            name = str(following)
        asked = (question,) if question and config.match != "answers" else ()
        found.append(Known(name, text.strip(), 0, asked))
    return found


def _fault(row: Mapping[str, Any]) -> str | None:
    text = row[ANSWER]
    if not isinstance(text, str) or ft.is_blank(text):
        return "has no answer"
    try:
        return None if len(named(row.get(ID))) <= 1 else f"has {row[ID]!r} for an id"
    except ValueError:
        return f"has {row[ID]!r} for an id"


def _vectors(run: Path, config: AnswersConfig, before: Catalogue, after: Catalogue) -> np.ndarray:
    """The vectors of all entries; those that were there before are not computed again."""
    old: dict[tuple[bool, str], np.ndarray] = {}
    if before.vectors is not None:
        flat = [entry for one in before.entries(config.match) for entry in one]
        old = dict(zip(flat, before.vectors, strict=True))
    wanted = [entry for one in after.entries(config.match) for entry in one]
    missing = list(dict.fromkeys(entry for entry in wanted if entry not in old))
    if missing:
        old |= dict(zip(missing, _embedded(run, config, missing), strict=True))
    return np.stack([old[entry] for entry in wanted])


def _embedded(run: Path, config: AnswersConfig, entries: Sequence[tuple[bool, str]]) -> np.ndarray:
    """Vectors by the model's own folder, which says the length and the pooling."""
    model = ft.load(run).model
    folder = run / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    told = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
    prefixes = {True: config.question_prefix, False: config.answer_prefix}
    texts = [prefixes[is_question] + text for is_question, text in entries]
    return embed(
        model,
        tokenizer(texts, truncation=True, max_length=told["max_seq_length"])["input_ids"],
        pad=tokenizer.pad_token_id or 0,
        pooling=find_pooling(str(folder)),
        device=next(model.parameters()).device,
        autocast=nullcontext,
    )
