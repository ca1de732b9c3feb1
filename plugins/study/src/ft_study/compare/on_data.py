"""Two runs on the same labelled examples, whatever they were trained or tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

import ft
from ft import DataError, FtError, Metric, Predictions, Schema, Trained, UserError
from ft_study.compare.items import Flip, OneClass, by_class, flips, unknown
from ft_study.compare.slices import slices
from ft_study.gains import Gain, gain, holm

if TYPE_CHECKING:
    from ft import Evaluation, TaskData

OLD, NEW = "old", "new"
SPLIT = "test"
MACRO, EACH = "macro_f1", "f1/"


@dataclass(frozen=True)
class Score:
    """A metric of two runs on the same examples.

    Attributes:
        metric: its name.
        old: of the first run.
        new: of the other.
        difference: of the other run to the first, in the metric's own direction.
        examples: how many there are.
    """

    metric: str
    old: Metric
    new: Metric
    difference: Gain
    examples: int


@dataclass(frozen=True)
class OnData:
    """Two runs on one file, or on one split of the data of one of them.

    Attributes:
        source: what was named.
        main: the metric that the first run is chosen by.
        scores: the metrics that both have.
        classes: the scores of each class.
        slices: the main metric by column and value.
        flips: answers that were right in one run alone; ``None`` where none can be right.
        flip_p: of the hypothesis that as many become wrong as right (McNemar 1947, exact).
        unknown: by run, the classes that it does not know, and how often they stand in the data.
        places: ``file:line`` of the examples that flipped, by position.
        texts: what they say.
        notes: what the reader decided.
    """

    source: str
    main: str
    scores: Sequence[Score]
    classes: Sequence[OneClass]
    slices: Mapping[str, Mapping[str, Score]]
    flips: Sequence[Flip] | None
    flip_p: float | None
    unknown: Mapping[str, Mapping[str, int]]
    places: Mapping[int, str]
    texts: Mapping[int, str]
    notes: Sequence[str]

    @property
    def examples(self) -> int:
        """How many there are."""
        return self.scores[0].examples if self.scores else 0


def compare_on(
    paths: Sequence[Path], sources: Sequence[str], columns: Sequence[str] = (), **trust: bool
) -> list[OnData]:
    """Compare two runs on examples that both of them answer.

    Args:
        paths: of the two runs; the first is the one to beat.
        sources: of examples: a labelled file, or ``old:SPLIT`` or ``new:SPLIT``, a split of the first
            or of the other run's own data.
        columns: to slice the examples by.
        trust: as `ft.load` takes it.

    Raises:
        UserError: the runs are of different tasks, or there is no such run, split or column.
        DataError: a file is wrong, or is nothing that the task reads.
    """
    if len(paths) != 2:
        raise UserError(
            f"{len(paths)} run{'s are' if len(paths) != 1 else ' is'} named, and --data compares two",
            where="--data",
            hint="ft compare OLD NEW --data FILE",
        )
    if paths[0].resolve() == paths[1].resolve():
        raise UserError("this run is named twice", where=str(paths[0]))
    runs = {name: ft.load(path, **trust) for name, path in zip((OLD, NEW), paths, strict=True)}
    same_task(runs[OLD], runs[NEW])
    return [_on(runs, source, columns) for source in sources]


def same_task(old: Trained, new: Trained) -> None:
    """Refuse runs whose answers are of different kinds.

    Raises:
        UserError: they are; says what each answers.
    """
    ours, theirs = (_answers(one.schema) for one in (old, new))
    if ours != theirs:
        raise UserError(
            f"these runs are of different tasks: {old.folder} answers {ours}, {new.folder} {theirs}",
            where=str(new.folder),
            hint="compare runs of one task",
        )


def _answers(schema: Schema) -> str:
    """What a run answers, in words."""
    marks = "" if schema.words is None else "spans" if schema.words.scheme else "plain tags"
    parts = [
        f"'{one.column}' ({marks if one.kind == 'tags' and marks else one.kind})"
        for one in schema.targets
    ]
    inputs = [schema.words.tokens] if schema.words else [text.column for text in schema.texts]
    return f"{', '.join(parts) or 'nothing'} for {', '.join([*inputs, *schema.images]) or 'rows'}"


def _on(runs: Mapping[str, Trained], source: str, columns: Sequence[str]) -> OnData:
    data, split = _read(runs, source)
    rows = data.splits[split]
    schema = data.schema
    found = {name: run.predictions(rows, SPLIT) for name, run in runs.items()}
    old, new = found[OLD], found[NEW]
    main, scores = _scores(runs, found)
    changed = flips(old, new, schema)
    lost = sum(one.lost for one in changed or ())
    tested = bool(changed)
    return OnData(
        source,
        main,
        scores,
        by_class(old, new, schema),
        {column: _sliced(runs, found, column, source, main) for column in columns},
        changed,
        float(stats.binomtest(lost, len(changed or ())).pvalue) if tested else None,
        {name: unknown(found[name], schema, run.labels) for name, run in runs.items()},
        {one.row: data.place(split, one.row) for one in changed or ()},
        {one.row: _text(schema, rows[one.row]) for one in changed or ()},
        data.notes,
    )


def _read(runs: Mapping[str, Trained], source: str) -> tuple[TaskData, str]:
    """The examples that a source names, and the split that they stand in."""
    name, colon, split = source.partition(":")
    if colon and name in runs:
        own = runs[name].data(split=split if split in ("train", "validation", SPLIT) else None)  # type: ignore[arg-type]
        if split not in own.splits:
            raise UserError(
                f"the data of {runs[name].folder} has no split '{split}'",
                where=f"--data {source}",
                hint=f"it has {', '.join(own.splits)}",
            )
        return own, split
    try:
        return runs[NEW].data(source, split=SPLIT), SPLIT
    except FtError as error:
        # The older run may know classes that the newer one refuses.
        try:
            return runs[OLD].data(source, split=SPLIT), SPLIT
        except FtError:
            raise error from None


def _scores(
    runs: Mapping[str, Trained], found: Mapping[str, Predictions]
) -> tuple[str, list[Score]]:
    """The main metric, and the metrics that both runs have."""
    old, new = (runs[name].evaluation(found[name]) for name in (OLD, NEW))
    old, new = _by_gold(old, new), _by_gold(new, old)
    names = [name for name in old.metrics if name in new.metrics and "/" not in name]
    if old.main not in names:
        raise DataError(f"the runs do not share the metric '{old.main}'")
    names = [old.main, *(name for name in names if name != old.main)]
    scores = []
    for name in names:
        ours, theirs = old.metrics[name], new.metrics[name]
        pair = None
        if ours.draws is not None and theirs.draws is not None and ours.draws.paired(theirs.draws):
            pair = [(theirs.draws, ours.draws)]
        difference = gain([theirs.value], [ours.value], pair)
        scores.append(Score(name, ours, theirs, difference, len(found[OLD].items)))
    return old.main, scores


def _by_gold(one: Evaluation, other: Evaluation) -> Evaluation:
    """An evaluation whose macro F1 is over the classes that the examples have.

    A class that a run alone knows, and that no example has, would count as an F1 of 0 as soon as the run answers it
    once, and not at all for the other run. Its wrong answers lower the recall of the others as it is.
    """
    classes = dict.fromkeys(
        name for each in (one, other) for name in each.metrics if name.startswith(EACH)
    )
    if MACRO not in one.metrics or not classes:
        return one
    # What a run does not know it never finds.
    parts = [one.metrics.get(name, Metric(0.0)) for name in classes]
    whole = replace(one.metrics[MACRO], value=float(np.mean([part.value for part in parts])))
    draws = [part.draws for part in parts if part.draws is not None]
    if draws:
        values = np.stack([each.values for each in draws])
        count = (~np.isnan(values)).sum(0) + len(parts) - len(draws)
        drawn = np.where(count > 0, np.nansum(values, 0) / np.maximum(count, 1), np.nan)
        low, high = map(float, np.nanquantile(drawn, [0.025, 0.975]))
        whole = replace(whole, low=low, high=high, draws=replace(draws[0], values=drawn))
    return replace(one, metrics={**one.metrics, MACRO: whole})


def _sliced(
    runs: Mapping[str, Trained],
    found: Mapping[str, Predictions],
    column: str,
    source: str,
    main: str,
) -> dict[str, Score]:
    """The main metric on each slice by a column."""
    sliced = {}
    for value, rows in slices(found[OLD].examples, column, source).items():
        parts = {
            name: replace(
                one, examples=one.examples.select(rows), items=[one.items[row] for row in rows]
            )
            for name, one in found.items()
        }
        sliced[value] = _scores(runs, parts)[1][0]
    return sliced


def corrected(differences: Sequence[Gain]) -> list[float | None]:
    """P of differences that are looked at together (Holm 1979)."""
    return holm([one.p for one in differences])


def _text(schema: Schema, row: Mapping[str, Any]) -> str:
    """What an example says."""
    if schema.words:
        return " ".join(map(str, row[schema.words.tokens]))
    return " | ".join(str(row[text.column]) for text in schema.texts)
