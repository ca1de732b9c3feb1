"""New texts beside those that a run knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ft import DataError, Table, UserError
from ft_curate.drifting import chance
from ft_curate.drifting.compare import Test, compare
from ft_curate.drifting.features import features
from ft_curate.opened import Opened
from ft_curate.texts import Texts, key, read_rows
from ft_curate.vectors import Encoder

FEWEST = 20
"""Texts of a side below which nothing can be said."""

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Drift:
    """What a comparison has found.

    Attributes:
        reference: what the new texts were compared with.
        old: how many texts that are.
        new: how many new ones.
        tests: one for each feature.
        notes: what was left out, and why.
        alpha: how often chance alone gives an alarm.
    """

    reference: str
    old: int
    new: int
    tests: Sequence[Test]
    notes: Sequence[str]
    alpha: float

    @property
    def drift(self) -> bool:
        """Whether anything has changed beyond chance and enough to matter."""
        return any(test.drift for test in self.tests)

    def table(self) -> Table:
        """The tests, for people."""
        return Table(
            f"{self.new:,} new texts and {self.old:,} of {self.reference}",
            ("compared", "before", "now", "difference", "effect", "p", "corrected p", ""),
            tuple(
                (
                    test.name,
                    "" if test.old is None else f"{test.old:.4g}",
                    "" if test.new is None else f"{test.new:.4g}",
                    f"{test.value:.3f}",
                    f"{test.effect:.3f}",
                    _p(test.p),
                    _p(test.corrected),
                    "drift" if test.drift else "",
                )
                for test in self.tests
            ),
            "effect: the difference without what chance gives at this size; p corrected for "
            f"{self._tested()} tests (Holm); drift: corrected p at most {self.alpha:g} and an effect "
            f"of {self.tests[0].bound:g} at least",
        )

    def sentences(self) -> list[str]:
        """What was found, in words."""
        found = [test.sentence for test in self.tests]
        changed = [test.name for test in self.tests if test.drift]
        verdict = f"drift: {', '.join(changed)}" if changed else "no drift"
        return [*found, *(f"note: {note}" for note in self.notes), self._power(), verdict]

    def _tested(self) -> int:
        return max(1, sum(not test.constant for test in self.tests))

    @property
    def size(self) -> float:
        """The Kolmogorov-Smirnov distance that these numbers of texts show (see `chance.shown`)."""
        return chance.shown(
            self.old, self.new, alpha=self.alpha / self._tested(), bound=self.tests[0].bound
        )

    def _power(self) -> str:
        with_these = f"with {self.old:,} old and {self.new:,} new texts"
        if self.size > 1:
            return f"{with_these} no distance is sure to be found; take more texts"
        return (
            f"{with_these} a distance of {self.size:.2f} is found in {chance.POWER:.0%} of cases or more, a "
            "smaller one less often"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "drift": self.drift,
            "reference": self.reference,
            "old": self.old,
            "new": self.new,
            "alpha": self.alpha,
            "found_from": self.size,
            "tests": [test.to_json() for test in self.tests],
            "notes": list(self.notes),
        }


def drift(
    run_folder: str | Path,
    file: str | Path,
    *,
    reference: str | Path | None = None,
    split: str | None = None,
    alpha: float = 0.01,
    effect: float = 0.1,
    sample: int = 5000,
    seed: int = 0,
    trust_plugins: bool = False,
) -> Drift:
    """Compare new texts, which need no labels, with those that a run knows.

    Args:
        run_folder: of a finished run.
        file: the new texts (see `ft_curate.texts.read_rows`).
        reference: a file with texts to compare with; else a split of the run.
        split: which; else ``validation``, or ``test`` where it has none: texts that the model has not
            learned, because of those that it has learned it is surer.
        alpha: how often chance alone may give an alarm.
        effect: the smallest change that gives one.
        sample: texts of a side at most; of more a random sample is read.
        seed: of the sample and of the permutations.
        trust_plugins: as in `ft.load`.

    Raises:
        UserError: a file is wrong, or there is nothing to compare with.
    """
    run = Opened.read(run_folder, trust_plugins=trust_plugins)
    known, name = _known(run, reference, split)
    random = np.random.default_rng(seed)
    fresh = read_rows(run, Path(file))
    if fresh.bad:
        run.notes.append(f"{len(fresh.bad):,} of the new texts cannot be read: {fresh.bad[0]}")
    parts = [
        _sampled(_once(one, what, run), what, sample, random, run)
        for one, what in ((known, f"texts of {name}"), (fresh, "new texts"))
    ]
    for part, what in zip(parts, (name, str(file)), strict=True):
        if len(part) < FEWEST:
            raise DataError(
                f"holds {len(part)} different texts; a comparison needs {FEWEST} at least",
                where=what,
                hint="collect more texts"
                if part is parts[1] or reference is not None
                else "name a file with --reference",
            )
    old, new = parts
    seen = {key(text) for text in old.texts}
    both = sum(key(text) in seen for text in new.texts)
    if both:
        run.notes.append(
            f"{both:,} of the {len(new):,} new texts are among those that they are compared with"
        )
    encoder = Encoder(run)
    ours, theirs = (features(run, encoder, one.rows, one.texts) for one in (old, new))
    for skipped, why in ours.skipped.items():
        run.notes.append(f"{skipped}: not compared, because {why}")
    tests = compare(ours, theirs, alpha=alpha, bound=effect, seed=seed)
    return Drift(name, len(old), len(new), tests, run.notes, alpha)


def _known(run: Opened, reference: str | Path | None, split: str | None) -> tuple[Texts, str]:
    """The texts to compare with, and what they are called."""
    if reference is not None:
        if split is not None:
            raise UserError("is given beside --reference", where="--split", hint="leave one out")
        return read_rows(run, Path(reference)), str(reference)
    for one in [split] if split else SPLITS:
        rows: Sequence[Mapping[str, Any]] = run.kept(one)
        if rows and all(run.schema.words or t.column in rows[0] for t in run.schema.texts):
            return Texts(list(rows), [run.text(row) for row in rows], []), f"the run's {one} split"
    data = run.training()
    if data is not None:
        for one in [split] if split else (*SPLITS, "train"):
            if one in data.splits:
                if one == "train":
                    run.notes.append(
                        "the model has learned the texts that these are compared with, so that of new "
                        "texts it is less sure in any case: --reference FILE names others"
                    )
                rows = [dict(row) for row in data.splits[one]]
                texts = [run.text(row) for row in rows]
                return Texts(list(rows), texts, []), f"the run's {one} split"
    raise UserError(
        f"there is nothing to compare with: the run's folder keeps no texts of "
        f"{split or ' or '.join(SPLITS)}{f', and {run.notes[-1]}' if run.notes else ''}",
        where=str(run.folder),
        hint="name a file with texts like those of the training: --reference FILE",
    )


def _once(texts: Texts, what: str, run: Opened) -> Texts:
    """Texts that differ: repeats are not independent, so that each counts once."""
    places = list({key(text): i for i, text in reversed(list(enumerate(texts.texts)))}.values())
    if len(places) < len(texts):
        run.notes.append(
            f"{len(texts) - len(places):,} of the {len(texts):,} {what} repeat another: each counts once"
        )
    return texts.only(sorted(places))


def _sampled(texts: Texts, what: str, most: int, random: np.random.Generator, run: Opened) -> Texts:
    if len(texts) <= most:
        return texts
    run.notes.append(f"{most:,} of the {len(texts):,} {what} are read, drawn at random (--sample)")
    return texts.only(sorted(random.permutation(len(texts))[:most].tolist()))


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else "<0.0001"
