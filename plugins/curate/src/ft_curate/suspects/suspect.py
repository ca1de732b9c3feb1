"""Which labels of a run's data, or of a file, are probably wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ft import DataError, Table, UserError
from ft_curate.opened import Opened
from ft_curate.suspects.found import Found, Suspect, of_classes, of_sets, of_words
from ft_curate.texts import key
from ft_curate.vectors import Encoder

SPLITS = ("validation", "test")
SHOWN = 30


@dataclass(frozen=True)
class Suspects:
    """What was found.

    Attributes:
        sets: by what the labels are of (a split, a file), the suspected ones.
        notes: what was left out, and why.
    """

    sets: Mapping[str, Found]
    notes: Sequence[str]

    @property
    def suspects(self) -> list[Suspect]:
        """All of them, the likeliest wrong first."""
        found = [one for part in self.sets.values() for one in part.suspects]
        return sorted(found, key=lambda one: -one.margin)

    def table(self, most: int = SHOWN) -> Table:
        """The first of them, for people."""
        rows = [
            (one.place, one.text[:80], one.given, one.instead, f"{one.margin:.2f}", one.reasons[-1])
            for one in self.suspects[:most]
        ]
        left = len(self.suspects) - len(rows)
        return Table(
            "Labels that are probably wrong, the likeliest first",
            ("where", "text", "label", "rather", "margin", "also"),
            tuple(rows),
            f"{left:,} more are in the JSON (--output)" if left > 0 else "",
        )

    def sentences(self) -> list[str]:
        """What was found, in words."""
        told = []
        for name, part in self.sets.items():
            share = part.expected / max(1, part.labels)
            told.append(
                f"{name}: {len(part.suspects):,} suspected among {part.labels:,} labels; about "
                f"{part.expected:,.0f} ({share:.1%}) are wrong by the method's estimate, if the model's "
                "own mistakes are like its confidence says"
            )
            told += [f"{name}: {note}" for note in part.notes]
        return [*told, *(f"note: {note}" for note in self.notes)]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "sets": {
                name: {
                    "labels": part.labels,
                    "expected": part.expected,
                    "suspects": [one.to_json() for one in part.suspects],
                }
                for name, part in self.sets.items()
            },
            "notes": list(self.notes),
        }


def suspect(
    run_folder: str | Path,
    file: str | Path | None = None,
    *,
    folds: int = 0,
    seed: int = 0,
    trust_plugins: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Suspects:
    """Find labels that are probably wrong, by a model that has not learned them.

    Args:
        run_folder: of a finished run.
        file: labelled data; else the run's validation and test split.
        folds: train the run's settings that many times, each time without a part of the training
            data, and look at all its labels; 0: do not train.
        seed: deals the examples to the folds.
        trust_plugins: as in `ft.load`.
        say: is told of progress.

    Raises:
        UserError: the data is wrong, was trained on, or is not there any more; or the task has no
            classes.
    """
    run = Opened.read(run_folder, trust_plugins=trust_plugins)
    run.need("classes", "words", command="suspect")
    if folds:
        from ft_curate.suspects.folds import crossed

        if file is not None:
            raise UserError(
                "are of the run's own training data",
                where="--folds",
                hint="leave out the file, or --folds",
            )
        rows, places, shares = crossed(run, folds, seed, say)
        return Suspects({"train": _look(run, rows, places, shares)}, run.notes)
    if file is not None:
        rows, places = _labelled(run, Path(file))
        rows, places = _not_learned(run, rows, places, str(file))
        shares = list(run.probabilities(rows))
        return Suspects({str(file): _look(run, rows, places, shares)}, run.notes)
    found = {}
    for split in SPLITS:
        rows = run.kept(split)
        if rows:
            say(f"{split}: {len(rows):,} examples")
            places = [str(row.get("place", f"{split}[{i}]")) for i, row in enumerate(rows)]
            found[split] = _look(run, rows, places, list(run.probabilities(rows)))
    if not found:
        raise UserError(
            "the run's folder keeps no examples of a validation or test split",
            where=str(run.folder),
            hint="name a file with labels, or look at the training data with --folds 5",
        )
    run.notes.append(
        "the training data is not among these: the model has learned its labels, wrong ones too; "
        "--folds 5 trains without them to look at them"
    )
    return Suspects(found, run.notes)


def _labelled(run: Opened, file: Path) -> tuple[list[dict[str, Any]], list[str]]:
    data = run.trained.data(file, split="test")
    split = data.splits["test"]
    return [dict(row) for row in split], [data.place("test", i) for i in range(len(split))]


def _not_learned(
    run: Opened, rows: list[dict[str, Any]], places: list[str], name: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """The examples whose texts were not trained on.

    Raises:
        DataError: all of them were.
    """
    data = run.training()
    if data is None:
        run.notes[-1] += (
            f"; so it was not looked up whether {name} holds texts that the model has learned, whose "
            "wrong labels it would not contradict"
        )
        return rows, places
    learned = {key(run.text(row)) for row in data.splits["train"]}
    kept = [i for i, row in enumerate(rows) if key(run.text(row)) not in learned]
    if not kept:
        raise DataError(
            "the model was trained on all of these texts, so that it has learned their labels, "
            "wrong ones too",
            where=name,
            hint=f"look at the training data with models that have not: ft suspect {run.folder} --folds 5",
        )
    if len(kept) < len(rows):
        run.notes.append(
            f"{len(rows) - len(kept):,} of the {len(rows):,} texts of {name} are left out, because the "
            "model was trained on them; --folds 5 looks at the training data"
        )
    return [rows[i] for i in kept], [places[i] for i in kept]


def _look(
    run: Opened,
    rows: Sequence[Mapping[str, Any]],
    places: Sequence[str],
    shares: Sequence[np.ndarray],
) -> Found:
    """The suspected labels of examples."""
    column = run.gold
    assert column is not None
    given = [row[column] for row in rows]
    names = run.labels
    kept = [i for i, one in enumerate(given) if one is not None and _known(one, names)]
    if len(kept) < len(rows):
        run.notes.append(
            f"{len(rows) - len(kept):,} of {len(rows):,} examples are left out: they have no label, or "
            f"one that the model does not know, at first {places[_first_missing(kept)]}"
        )
    if not kept:
        raise DataError(
            "no example has a label that the model knows", where=places[0] if places else ""
        )
    given = [given[i] for i in kept]
    places = [places[i] for i in kept]
    some = [shares[i] for i in kept]
    if run.kind == "words":
        words = run.schema.words
        assert words is not None
        found = of_words(
            given,
            some,
            names,
            [rows[i][words.tokens] for i in kept],
            places,
            words.scheme is not None,
        )
    else:
        texts = [run.text(rows[i]) for i in kept]
        if run.multi:
            found = of_sets(given, np.stack(some), names, texts, places)
        else:
            found = of_classes(given, np.stack(some), names, texts, places, _vectors(run, texts))
    return found


def _known(label: Any, names: Sequence[str]) -> bool:
    return all(one in names for one in ([label] if isinstance(label, str) else label))


def _first_missing(kept: Sequence[int]) -> int:
    return next((i for i, one in enumerate(kept) if i != one), len(kept))


def _vectors(run: Opened, texts: Sequence[str]) -> np.ndarray | None:
    """The texts as vectors of length 1."""
    encoder = Encoder(run)
    if encoder.why:
        run.notes.append(f"similar texts are not looked up: {encoder.why}")
        return None
    found = encoder.vectors(texts)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9))
