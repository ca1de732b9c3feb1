"""Questions with their answers: which answers there are, which are right, and what would leak."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from datasets import Dataset, DatasetDict

import ft
from ft import DataError, Run, Schema, Target, TaskData, Text
from ft_answers.catalogue import Catalogue, make_catalogue
from ft_answers.settings import AnswersConfig

QUESTION, ANSWER, GROUP, ID = "question", "answer", "group", "id"

RIGHT = "answers"
"""Column of the ids of the right answers, the one that trains first; none where none fits."""

WORD = re.compile(r"\w+")


def row_fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a question, or ``None``."""
    question = row[QUESTION]
    if not isinstance(question, str) or ft.is_blank(question):
        return "has no question" if question in (None, "") else f"has the question {question!r}"
    try:
        named(row[ANSWER])
    except ValueError as error:
        return str(error)
    return None


def answer_fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row of the file of answers, or ``None``."""
    try:
        if len(named(row[ID])) != 1:
            return "has no id"
    except ValueError:
        return f"has {row[ID]!r} for an id"
    text = row[ANSWER]
    return None if isinstance(text, str) and not ft.is_blank(text) else "has no text"


def named(value: Any) -> list[str]:
    """The answers that a cell names: ids or texts; none where it is empty.

    Raises:
        ValueError: one is neither a text nor a whole number.
    """
    value = ft.spelled(value)
    found = []
    for one in value if isinstance(value, list) else [value]:
        if one is None or one != one:  # NaN: an empty cell of a DataFrame
            continue
        # With empty cells beside them, pandas has whole numbers as 1.0.
        one = int(one) if isinstance(one, float) and one.is_integer() else one
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise ValueError(f"has {one!r} for an answer")
        text = str(one).strip()
        found += [] if ft.is_blank(text) else [text]
    return found


def plain(question: str) -> str:
    """A question without case and punctuation: what stays the same is the same question."""
    return " ".join(WORD.findall(question.casefold())) or question


def load(
    config: AnswersConfig, owner: str, run: Run, known: Catalogue | None
) -> tuple[TaskData, Catalogue]:
    """The splits with the ids of their right answers, and the answers.

    Args:
        config: the settings.
        owner: the plugin's name.
        run: the run.
        known: the answers of a trained run, to which other data is to be compared.
    """
    columns = [QUESTION, ANSWER, *([GROUP] if GROUP in config.columns else [])]
    together = GROUP if GROUP in columns else ANSWER if config.hold_out == "answer" else QUESTION
    notes: list[str] = []
    file = None if known is not None or config.answers is None else _read(config, owner, run, notes)
    known_names = None if file is None else {one for pair in file for one in pair}
    data = ft.read_split_tables(
        config,
        owner=owner,
        run=run,
        columns=columns,
        content=(together,),
        check=partial(_fault, known=known_names, config=config),
    )
    data.notes += notes
    splits = {split: _without_leaks(split, rows, data) for split, rows in data.splits.items()}
    catalogue = known or _catalogue(config, owner, splits, file, data.notes)
    ids = catalogue.number if config.answers is not None else {}
    for split, rows in splits.items():
        splits[split] = _with_ids(rows, ids, catalogue, split == "train")
        rights = splits[split][RIGHT]
        strange = [i for i, own in enumerate(rights) if set(own) - catalogue.number.keys()]
        if strange and split != "train":
            data.notes.append(
                f"{len(strange):,} {split} questions have an answer that the run does not know, and that "
                f"counts as never found ({data.places(split, strange, 3)})"
            )
    if "train" in splits:
        asked = defaultdict(list)
        for question, right in zip(splits["train"][QUESTION], splits["train"][RIGHT], strict=True):
            for one in right[:1]:
                asked[one].append(question)
        given = [(one.id, one.text) for one in catalogue.answers]
        catalogue = make_catalogue(given, asked, config.match != "answers")
        data.notes += [*_notes(catalogue, splits), *_threshold_notes(config, owner, splits)]
    for split, rows in splits.items():
        if not any(rows[RIGHT]):
            raise DataError(
                f"no question of the {split} split has an answer that is known",
                where=f"{owner}.{split}",
            )
    schema = Schema(texts=(Text(QUESTION),), targets=(Target(RIGHT, kind="order"),))
    return TaskData(DatasetDict(splits), schema, data.files, data.notes, data.read), catalogue


def _fault(
    row: Mapping[str, Any], known: Collection[str] | None, config: AnswersConfig
) -> str | None:
    """What is wrong with a question, an answer that no file has too."""
    fault = row_fault(row)
    if fault or known is None:
        return fault
    strange = next((one for one in named(row[ANSWER]) if one not in known), None)
    if strange is None:
        return None
    return f"names {strange[:80]!r}, which is neither an id nor a text of {config.answers}"


def _read(config: AnswersConfig, owner: str, run: Run, notes: list[str]) -> list[tuple[str, str]]:
    """Id and text of each answer of the file of answers.

    Raises:
        DataError: two have the same id.
    """
    assert config.answers is not None
    rows = ft.read_table(
        config.answers,
        config=config.model_copy(update={"columns": config.answer_columns}),
        owner=owner,
        run=run,
        columns=(ID, ANSWER),
        setting="answers",
        mapping="answer_columns",
        check=answer_fault,
    )
    run.uses(config.answers)
    found = [(*named(one), text.strip()) for one, text in zip(rows[ID], rows[ANSWER], strict=True)]
    lines: dict[str, int] = {}
    texts: dict[str, str] = {}
    same = []
    for (name, text), line in zip(found, rows[ft.LINE], strict=True):
        if name in lines:
            raise DataError(
                f"the id {name!r} stands in line {lines[name]} too",
                where=f"{config.answers}:{line}",
                hint="give each answer an id of its own",
            )
        lines[name] = line
        if texts.setdefault(plain(text), name) != name:
            same.append(f"{name} as {texts[plain(text)]}")
    if same:
        notes.append(
            f"{len(same):,} answers have the same text as another, which no question can tell "
            f"apart: {ft.listed(same, 3)}"
        )
    return found


def _without_leaks(split: str, rows: Dataset, data: TaskData) -> Dataset:
    """The split; train without the questions, or groups of them, that another split has."""
    if split != "train":
        return rows
    others = [other for name, other in data.splits.items() if name != "train"]
    questions = {plain(text) for other in others for text in other[QUESTION]}
    grouped = GROUP in rows.column_names
    groups = {one for other in others if grouped for one in other[GROUP] if one is not None}
    own = rows[GROUP] if grouped else [None] * len(rows)
    pairs = list(zip(rows[QUESTION], own, strict=True))
    leaks = [i for i, (q, g) in enumerate(pairs) if plain(q) in questions or g in groups]
    if not leaks:
        return rows
    where = data.places("train", leaks, 3)
    data.notes.append(
        f"{len(leaks):,} training questions stand in validation or test too, without regard to case "
        f"and punctuation{' and by their group' if grouped else ''}: train does without them ({where})"
    )
    if len(leaks) == len(rows):
        raise DataError("every training question stands in another split too", where="train")
    gone = set(leaks)
    return rows.select([i for i in range(len(rows)) if i not in gone])


def _catalogue(
    config: AnswersConfig,
    owner: str,
    splits: Mapping[str, Dataset],
    file: Sequence[tuple[str, str]] | None,
    notes: list[str],
) -> Catalogue:
    """The answers of the file, or else those of all splits, numbered."""
    if file is None:
        cells = (cell for rows in splits.values() for cell in rows[ANSWER])
        texts = dict.fromkeys(text for cell in cells for text in named(cell))
        file = [(str(number), text) for number, text in enumerate(texts, 1)]
    if len(file) == 1:
        raise DataError(
            f"there is one answer alone, {file[0][1][:80]!r}: nothing is to be found among others",
            where=f"{owner}.train" if config.answers is None else f"{owner}.answers",
        )
    if config.answers is None and all(text.isdecimal() for _, text in file):
        notes.append(
            f"every answer is a number, such as {file[0][1]!r}, and is read as the answer's text: if they "
            f"are ids, name the file that has their texts ({owner}.answers)"
        )
    return make_catalogue(file, {}, False)


def _with_ids(rows: Dataset, ids: Collection[str], catalogue: Catalogue, training: bool) -> Dataset:
    """A split with the column of right answers: those of all rows with the same question.

    A training row with several answers becomes a row for each.

    Args:
        rows: the split.
        ids: of answers; none where they have no ids of their own, as a cell then holds a text,
            though it may look like a number.
        catalogue: the answers.
        training: whether it is the training split.
    """

    def resolve(name: str) -> str:
        number = None if name in ids else catalogue.by_text.get(name)
        # An answer that a trained run does not know keeps its name: never found.
        return name if number is None else catalogue.answers[number].id

    own = [[resolve(one) for one in named(cell)] for cell in rows[ANSWER]]
    questions = [plain(text) for text in rows[QUESTION]]
    right: dict[str, dict[str, None]] = defaultdict(dict)
    for question, names in zip(questions, own, strict=True):
        right[question].update(dict.fromkeys(names))
    kept = [name for name in rows.column_names if name != ANSWER]
    picked, answers = [], []
    for i, (question, names) in enumerate(zip(questions, own, strict=True)):
        firsts: Iterable[str | None] = names if training and names else names[:1] or [None]
        for first in firsts:
            rest = [one for one in right[question] if one != first]
            picked.append(i)
            answers.append([*([first] if first is not None else []), *rest])
    values = (
        {name: [rows[name][i] for i in picked] for name in kept}
        if len(picked) != len(rows)
        else {name: rows[name] for name in kept}
    )
    return Dataset.from_dict(values).add_column(RIGHT, answers)


def _notes(catalogue: Catalogue, splits: Mapping[str, Dataset]) -> Iterable[str]:
    """What the user should know of the answers."""
    silent = [one.id for one in catalogue.answers if not one.asked]
    if silent:
        yield (
            f"{len(silent):,} of {len(catalogue):,} answers have no training question; what the "
            "model learns from others must do for them"
        )
    for split, rows in splits.items():
        none = sum(not right for right in rows[RIGHT])
        if none:
            how = ": they train as questions that no answer is for" if split == "train" else ""
            yield f"{none:,} of {len(rows):,} {split} questions have no answer{how}"


def _threshold_notes(
    config: AnswersConfig, owner: str, splits: Mapping[str, Dataset]
) -> Iterable[str]:
    """What the threshold can be chosen on."""
    if config.threshold != "auto":
        return
    if "validation" not in splits:
        yield f"nothing is validated: there is no threshold, an answer is always given ({owner}.threshold)"
    elif all(splits["validation"][RIGHT]):
        yield (
            f"every validation question has an answer: the threshold for a precision of "
            f"{config.precision:g} ({owner}.precision) knows no question that nothing fits"
        )
