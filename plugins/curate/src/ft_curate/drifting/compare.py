"""Old and new texts compared, feature by feature."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ft_curate.drifting import chance
from ft_curate.drifting.features import Features

CLASSIFIED = 2000
"""Texts of a side that the classifier reads at most."""


@dataclass(frozen=True)
class Test:
    """One comparison.

    Attributes:
        name: what is compared.
        measure: what ``value`` and ``effect`` measure.
        old: the mean or the share before.
        new: that of the new texts.
        value: the difference as seen.
        effect: the difference without what chance gives at this size.
        p: of the test.
        corrected: for the number of tests.
        bound: from which effect on it matters.
        drift: whether it is beyond chance and matters.
        constant: all texts have the same value, so that there is nothing to test.
        sentence: what that means.
    """

    name: str
    measure: str
    old: float | None
    new: float | None
    value: float
    effect: float
    p: float
    corrected: float
    bound: float
    drift: bool
    constant: bool
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


UNITS = {
    "length": ("words a text", "longer", "shorter"),
    "pieces per word": ("pieces a word", "cut into more pieces", "cut into fewer pieces"),
    "unknown pieces": (
        "of the pieces are unknown",
        "with more unknown pieces",
        "with fewer unknown pieces",
    ),
    "confidence": (
        "mean confidence",
        "answered with more confidence",
        "answered with less confidence",
    ),
    "entities per word": ("entities a word", "richer in entities", "poorer in entities"),
    "predicted number": ("on average", "given higher numbers", "given lower numbers"),
}


def compare(
    old: Features, new: Features, *, alpha: float, bound: float, seed: int, most: int | None = None
) -> list[Test]:
    """Test everything that both have.

    Args:
        old: of the texts that are known.
        new: of the new ones.
        alpha: how often chance alone may give an alarm, over all tests together.
        bound: the smallest effect that matters.
        seed: of the permutations.
        most: permutations at most; by default as many as ``alpha`` needs.
    """
    random = np.random.default_rng(seed)
    measures: dict[str, chance.Measure] = {}
    constant = []
    for name in (name for name in old.numbers if name in new.numbers):
        values = np.concatenate([old.numbers[name], new.numbers[name]])
        if values.min() == values.max():
            constant.append(name)
        else:
            measures[name] = chance.distance(values)
    if old.labels is not None and new.labels is not None:
        counts = np.concatenate([old.labels, new.labels])
        if (counts == counts[0]).all():
            constant.append("predicted labels")
        else:
            measures["predicted labels"] = chance.shares(counts)
    vectors = old.vectors is not None and new.vectors is not None
    # What is the same for all texts is so for any sides: it is no test, and is not corrected for.
    tests = len(measures) + vectors
    most = most or max(1999, round(10 * tests / alpha))
    sides = np.repeat([False, True], [len(old.numbers["length"]), len(new.numbers["length"])])
    found = {
        name: chance.judged(measure, sides, random, most=most) for name, measure in measures.items()
    }
    if old.vectors is not None and new.vectors is not None:
        found["vectors"] = _classifier(old.vectors, new.vectors, random, most)
    corrected = dict(zip(found, chance.holm([seen.p for seen in found.values()]), strict=True))
    order = [*old.numbers, "predicted labels", "vectors"]
    return [
        _told(
            name,
            found.get(name, chance.Seen(0.0, 0.0, 1.0)),
            corrected.get(name, 1.0),
            old,
            new,
            alpha,
            bound,
            name in constant,
        )
        for name in order
        if name in found or name in constant
    ]


def _classifier(
    old: np.ndarray, new: np.ndarray, random: np.random.Generator, most: int
) -> chance.Seen:
    parts = [
        one if len(one) <= CLASSIFIED else one[random.permutation(len(one))[:CLASSIFIED]]
        for one in (old, new)
    ]
    vectors = np.concatenate(parts)
    sides = np.repeat([False, True], [len(one) for one in parts])
    order = random.permutation(len(vectors))
    return chance.judged(
        chance.told_apart(vectors[order]), sides[order], random, most=most, centre=0.5
    )


def _told(
    name: str,
    seen: chance.Seen,
    corrected: float,
    old: Features,
    new: Features,
    alpha: float,
    bound: float,
    constant: bool,
) -> Test:
    drift = corrected <= alpha and seen.effect >= bound
    before = after = None
    if name in old.numbers:
        before, after = float(old.numbers[name].mean()), float(new.numbers[name].mean())
    if name == "vectors":
        measure = "area under the ROC curve"
        what = (
            f"a classifier tells new from old texts by the encoder's vectors with an area of "
            f"{seen.value:.2f} (0.50 is chance)"
        )
    elif name == "predicted labels":
        measure = "total variation"
        what = f"{100 * seen.value:.0f} % of the predicted labels are others{_moved(old, new)}"
    else:
        measure = "Kolmogorov-Smirnov distance"
        unit, more, less = UNITS[name]
        assert before is not None
        assert after is not None
        way = more if after > before else less
        what = f"{_number(name, before)} before, {_number(name, after)} now ({unit})"
        if corrected <= alpha:
            what = f"the new texts are {way}: {what}"
    if constant:
        end = "the same for all texts"
    elif drift:
        end = "more than chance gives, and enough to matter"
    elif corrected <= alpha:
        end = f"more than chance gives, but too little to matter ({seen.effect:.2f} < {bound:g})"
    else:
        end = "no change shown"
    return Test(
        name,
        measure,
        before,
        after,
        seen.value,
        seen.effect,
        seen.p,
        corrected,
        bound,
        drift,
        constant,
        f"{name}: {what}; {end}",
    )


def _moved(old: Features, new: Features) -> str:
    """The label whose share has changed most."""
    assert old.labels is not None
    assert new.labels is not None
    sums = [one.labels.sum(0) for one in (old, new)]  # type: ignore[union-attr]
    if not all(one.sum() for one in sums):
        return ""
    before, after = (one / one.sum() for one in sums)
    k = int(np.abs(after - before).argmax())
    return f", most of all '{old.names[k]}': {before[k]:.1%} before, {after[k]:.1%} now"


def _number(name: str, value: float) -> str:
    if name == "unknown pieces":
        return f"{value:.2%}"
    return f"{value:.1f}" if name == "length" else f"{value:.3f}"
