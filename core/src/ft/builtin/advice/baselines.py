"""Simple models that a trained one should beat, scored by the task's own metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ft.contract.results import Predictions
from ft.contract.schema import Label, Schema, Words
from ft.data.tags.tags import OUTSIDE, spans
from ft.engine.randomness import undisturbed

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.engine.run import LiveRun

TRAIN = 5_000
"""Training examples that a baseline learns from; of more, evenly spread ones."""

SCORED = 20_000
"""Examples of a scored split; a larger one is not compared."""

LEAST = 50
"""Examples of train and of the scored split that a learned baseline needs."""

CLASSES = 100
"""Classes that logistic regression is fitted for at most."""

CHARACTERS = 2_000
"""Of a text, for TF-IDF."""

Items = list[dict[str, Any]]


def scores(run: LiveRun, split: str, main: str) -> dict[str, float]:
    """The main metric of each baseline that the task has, by the name of the baseline.

    Args:
        run: whose model is scored.
        split: that the baselines predict.
        main: the name of the metric.
    """
    assert run.data is not None
    data, schema = run.data.splits[split], run.data.schema
    train = run.data.splits["train"]
    if not 0 < len(data) <= SCORED or not len(train):
        return {}
    train = train.select(range(0, len(train), -(-len(train) // TRAIN)))
    found = {}
    # A name of its own for the split: what plugins fit on validation is not fitted on this.
    with run.aside(), undisturbed():
        for name, items in _predicted(schema, train, data):
            told = Predictions("baseline", data, items, schema)
            metric = run.hooks.call("evaluate", run, told).metrics.get(main)
            if metric is not None:
                found[name] = float(metric.value)
    return found


def _predicted(schema: Schema, train: Dataset, data: Dataset) -> Iterator[tuple[str, Items]]:
    enough = min(len(train), len(data)) >= LEAST
    words, label = schema.words, schema.label
    if len(schema.targets) != 1:
        return
    if words and words.tags:
        if enough:
            yield _lexicon(words, train, data)
    elif label and label.kind == "number" and schema.group is None:
        middle = float(np.median(np.asarray(train[label.column], dtype=float)))
        yield "the median of train for every example", [{"label": middle}] * len(data)
    elif label and label.kind in ("single", "ordinal") and label.names:
        gold = [str(value) for value in train[label.column]]
        counts = Counter(gold)
        shares = np.array([[counts[name] / len(gold) for name in label.names]])
        yield "the most frequent class", _classes(label, np.repeat(shares, len(data), 0))
        if enough and schema.texts and 1 < len(counts) <= CLASSES:
            yield from _regression(schema, label, gold, train, data)


def _classes(label: Label, shares: np.ndarray) -> Items:
    """Predictions from probabilities, (examples, classes)."""
    items: Items = []
    for row in shares:
        best = int(row.argmax())
        scores = dict(zip(label.names, map(float, row), strict=True))
        items.append({"label": label.names[best], "probability": float(row[best])})
        items[-1]["scores"] = scores
    return items


def _regression(
    schema: Schema, label: Label, gold: Sequence[str], train: Dataset, data: Dataset
) -> Iterator[tuple[str, Items]]:
    """TF-IDF of words and pairs of words with logistic regression, where scikit-learn is there."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        return
    try:
        vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=50_000)
        inputs = vectors.fit_transform(_texts(schema, train))
    except ValueError:  # no text has a word
        return
    model = LogisticRegression(C=10.0, max_iter=100).fit(inputs, gold)
    told = model.predict_proba(vectors.transform(_texts(schema, data)))
    shares = np.zeros((len(data), len(label.names)))
    for column, name in enumerate(model.classes_):
        shares[:, label.names.index(name)] = told[:, column]
    yield "TF-IDF with logistic regression", _classes(label, shares)


def _texts(schema: Schema, data: Dataset) -> list[str]:
    columns = [data[text.column] for text in schema.texts]
    return [
        " ".join(str(part or "")[:CHARACTERS] for part in row) for row in zip(*columns, strict=True)
    ]


def _lexicon(words: Words, train: Dataset, data: Dataset) -> tuple[str, Items]:
    """The mentions of train, longest first, each with its most frequent type."""
    assert words.tags is not None
    known: dict[tuple[str, ...], Counter[str]] = {}
    for tokens, tags in zip(train[words.tokens], train[words.tags], strict=True):
        marked = spans(tags) if words.scheme else [(i, i + 1, t) for i, t in enumerate(tags)]
        for first, end, kind in marked:
            known.setdefault(tuple(tokens[first:end]), Counter())[kind] += 1
    types = {mention: counts.most_common(1)[0][0] for mention, counts in known.items()}
    longest = max(map(len, types), default=0)
    begin = "B-" if words.scheme else ""
    items: Items = []
    for tokens in data[words.tokens]:
        tags, at = [OUTSIDE] * len(tokens), 0
        while at < len(tokens):
            ends = range(min(at + longest, len(tokens)), at, -1)
            end = next((end for end in ends if tuple(tokens[at:end]) in types), at)
            if end > at:
                kind = types[tuple(tokens[at:end])]
                tags[at:end] = [f"{begin}{kind}", *[f"I-{kind}"] * (end - at - 1)]
            at = max(end, at + 1)
        items.append({"tags": tags, "scores": [1.0] * len(tokens)})
    return "a lexicon of the mentions in train" if words.scheme else "each word's usual tag", items
