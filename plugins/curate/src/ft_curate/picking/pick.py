"""What to label next: texts of a pool, chosen by a run's model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ft
from ft import DataError, UserError, tags
from ft_curate.opened import Opened, Row
from ft_curate.picking.choose import Measure, Strategy, choose, uncertainty
from ft_curate.picking.write import ENDINGS, Form, Picked, written
from ft_curate.texts import Texts, key, read_rows
from ft_curate.vectors import Encoder


@dataclass(frozen=True)
class Picks:
    """What was chosen.

    Attributes:
        picked: in the order of the file.
        files: that were written.
        pool: how many texts there were to choose from.
        notes: what was left out, and why.
    """

    picked: Sequence[Picked]
    files: Sequence[Path]
    pool: int
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "picked": [{**one.about(), "text": one.text} for one in self.picked],
            "files": [str(file) for file in self.files],
            "pool": self.pool,
            "notes": list(self.notes),
        }


def pick(
    run_folder: str | Path,
    pool: str | Path,
    count: int = 100,
    *,
    output: str | Path | None = None,
    to: Form | None = None,
    strategy: Strategy = "mixed",
    measure: Measure = "margin",
    share_random: float = 0.1,
    proposals: bool = True,
    seed: int = 0,
    trust_plugins: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Picks:
    """Choose texts of a pool to be labelled, and write them for an annotation tool.

    Args:
        run_folder: of a finished run over classes or words.
        pool: a file of texts (see `ft_curate.texts.read_rows`).
        count: how many are wanted.
        output: the file; by default ``to-label`` with the ending of the form.
        to: the tool; by default what the ending of ``output`` says, else ``label-studio``.
        strategy: see `choose`.
        measure: see `uncertainty`.
        share_random: of the texts that are chosen at random, whatever the strategy, and marked so: how
            the model does on them tells how it does on the pool.
        proposals: write the model's answers beside.
        seed: of all that is drawn.
        trust_plugins: as in `ft.load`.
        say: is told of progress.

    Raises:
        UserError: the run predicts nothing that can be picked for, a file is wrong, or the output is
            there already.
    """
    run = Opened.read(run_folder, trust_plugins=trust_plugins)
    run.need("classes", "words", command="pick")
    form, files = _target(run, output, to)
    texts = read_rows(run, Path(pool))
    if texts.bad:
        run.notes.append(f"{len(texts.bad):,} texts of the pool cannot be read: {texts.bad[0]}")
    numbers = _new(run, texts)
    if not numbers:
        raise DataError("every text of the pool is known already", where=str(pool))
    left = texts.only(numbers)
    if count > len(left):
        run.notes.append(
            f"{count:,} texts are wanted, and the pool has {len(left):,}: all are taken"
        )
        count = len(left)
    say(f"reading {len(left):,} texts")
    unsure = np.array(
        [uncertainty(one, measure, multi=run.multi) for one in run.probabilities(left.rows)]
    )
    chosen = _chosen(run, left, unsure, count, strategy, share_random, np.random.default_rng(seed))
    picked = [
        _picked(run, left.rows[i], left.texts[i], numbers[i] + 1, float(unsure[i]), by, answer)
        for (i, by), answer in zip(
            chosen, run.trained.predict([left.rows[i] for i, _ in chosen]), strict=True
        )
    ]
    contents = written(picked, form, run, proposals)
    for file, content in zip(files, contents.values(), strict=True):
        try:
            ft.write_whole(file, content)
        except OSError as error:
            raise UserError(f"cannot be written: {error.strerror}", where=str(file)) from error
    return Picks(picked, files, len(left), run.notes)


def _target(run: Opened, output: str | Path | None, to: Form | None) -> tuple[Form, list[Path]]:
    """The form and the files, none of which is there yet."""
    if output is not None and to is None:
        ending = Path(output).suffix.lower()
        to = next((form for form, one in ENDINGS.items() if one == ending), None)
        if to is None:
            raise UserError(
                f"the ending {ending or 'of its name'} tells no form",
                where=f"--output {output}",
                hint=f"name one with --to: {', '.join(ENDINGS)}",
            )
    form: Form = to or "label-studio"
    if form == "conll" and run.kind != "words":
        raise UserError(
            "CoNLL is for tags of words, and this run predicts classes of texts",
            where="--to conll",
            hint="take label-studio, doccano or csv",
        )
    if form == "csv" and run.kind == "words":
        raise UserError(
            "a table is for classes of texts, and this run predicts tags of words",
            where="--to csv",
            hint="take label-studio, doccano or conll",
        )
    if form in ("label-studio", "doccano") and len(run.schema.texts) > 1:
        raise UserError(
            f"this run reads pairs of texts, and the tasks written for {form} have one text",
            where=f"--to {form}",
            hint="take csv",
        )
    if form in ("label-studio", "doccano") and run.schema.words and not run.schema.words.scheme:
        raise UserError(
            f"the tags of this run mark no spans, and {form} marks spans",
            where=f"--to {form}",
            hint="take conll",
        )
    first = Path(output) if output is not None else Path(f"to-label{ENDINGS[form]}")
    files = [first, first.with_suffix(".xml")] if form == "label-studio" else [first]
    if not first.parent.is_dir():
        raise UserError("there is no such folder", where=f"--output {first}")
    for file in files:
        if file.exists():
            raise UserError(
                "is there already; it may hold somebody's labels",
                where=str(file),
                hint="choose another --output",
            )
    return form, files


def _new(run: Opened, texts: Texts) -> list[int]:
    """The positions of texts that are not repeats and were not trained or scored on."""
    data = run.training()
    known: set[bytes] = set()
    if data is None:
        run.notes[-1] += ", so that texts of the pool that are in it are not left out"
    else:
        known = {key(run.text(row)) for rows in data.splits.values() for row in rows}
    numbers, seen = [], set[bytes]()
    repeats = learned = 0
    for i, text in enumerate(texts.texts):
        one = key(text)
        if one in known:
            learned += 1
        elif one in seen:
            repeats += 1
        else:
            seen.add(one)
            numbers.append(i)
    if repeats:
        run.notes.append(f"{repeats:,} texts of the pool repeat another: each is taken once")
    if learned:
        run.notes.append(f"{learned:,} texts of the pool are in the run's data and are left out")
    return numbers


def _chosen(
    run: Opened,
    left: Texts,
    unsure: np.ndarray,
    count: int,
    strategy: Strategy,
    share_random: float,
    random: np.random.Generator,
) -> list[tuple[int, str]]:
    """Positions with how they were chosen, in random order: part of the file is like the whole."""
    by_chance = count if strategy == "random" else round(share_random * count)
    drawn = random.permutation(len(left))[:by_chance].tolist()
    rest = np.setdiff1d(np.arange(len(left)), drawn)
    found: list[int] = []
    if count > by_chance:
        encoder = Encoder(run) if strategy in ("mixed", "diverse") else None
        if encoder is not None and encoder.why:
            run.notes.append(f"the texts are chosen by uncertainty alone: {encoder.why}")
            strategy = "uncertain"

        def vectors(places: Sequence[int]) -> np.ndarray:
            assert encoder is not None
            return encoder.vectors([left.texts[rest[i]] for i in places])

        found = rest[choose(unsure[rest], count - by_chance, strategy, vectors, random)].tolist()
    both = [*((i, "random") for i in drawn), *((i, strategy) for i in found)]
    return [both[k] for k in random.permutation(len(both))]


def _picked(
    run: Opened,
    row: Row,
    text: str,
    number: int,
    unsure: float,
    by: str,
    answer: dict[str, Any],
) -> Picked:
    """A chosen text with what the model answers."""
    schema = run.schema
    if run.kind == "words":
        assert schema.words is not None
        words = tuple(answer[schema.words.tokens])
        given = tuple(answer["tags"])
        places = answer.get("offsets") or _places(words)
        text = text if answer.get("offsets") else " ".join(words)
        found = tags.spans(given) if schema.words.scheme else []
        entities = tuple((places[a][0], places[b - 1][1], kind) for a, b, kind in found)
        return Picked(number, text, {}, words, (), given, entities, unsure, by)
    assert schema.label is not None
    label = answer[schema.label.column] if schema.label.column in answer else answer["label"]
    labels = tuple(label) if run.multi else (label,)
    texts = {one.column: str(answer.get(one.column, text)) for one in schema.texts}
    return Picked(number, text, texts, (), labels, (), (), unsure, by)


def _places(words: Sequence[str]) -> list[tuple[int, int]]:
    """Where words stand in their text with a blank between them."""
    found, begin = [], 0
    for word in words:
        found.append((begin, begin + len(word)))
        begin += len(word) + 1
    return found
