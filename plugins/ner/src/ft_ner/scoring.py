"""Scores by entity, strictly, and by tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ft import Evaluation, Metric, Table, bootstrap_sums


def entity_sets(tags: Sequence[Sequence[str]]) -> list[set[tuple[str, int, int]]]:
    """The entities of each sentence, ``(type, first, end)``, in strict BIO2 as seqeval reads it."""
    # seqeval is slow to import, and the first step need not wait for it.
    from seqeval.scheme import IOB2, Entities

    found = Entities([list(sentence) for sentence in tags], scheme=IOB2).entities
    return [{(e.tag, e.start, e.end) for e in sentence} for sentence in found]


def count(
    gold: Sequence[set[tuple[str, int, int]]],
    predicted: Sequence[set[tuple[str, int, int]]],
    types: Sequence[str],
) -> np.ndarray:
    """Correct, predicted and gold entities of each sentence and type, (sentences, types, 3)."""
    position = {kind: i for i, kind in enumerate(types)}
    counts = np.zeros((len(gold), len(types), 3))
    for i, (truth, found) in enumerate(zip(gold, predicted, strict=True)):
        for column, spans in enumerate((truth & found, found, truth)):
            for kind, _, _ in spans:
                counts[i, position[kind], column] += 1
    return counts


def rates(sums: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 from correct, predicted and gold counts, (..., 3); 0 where undefined."""
    correct, predicted, gold = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    parts = [(correct, predicted), (correct, gold), (2 * correct, predicted + gold)]
    return np.stack([np.divide(a, b, out=np.zeros_like(a), where=b > 0) for a, b in parts], axis=-1)


def score(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Evaluation:
    """Strict scores by entity with 95 % bootstrap intervals over sentences, and scores by tag.

    Args:
        gold: tags of each sentence, in BIO2.
        predicted: as many tags for each.
    """
    true_sets, found_sets = entity_sets(gold), entity_sets(predicted)
    types = sorted({kind for sentence in [*true_sets, *found_sets] for kind, _, _ in sentence})
    counts = count(true_sets, found_sets, types)
    # The first row is all types together, then each type.
    stacked = np.concatenate([counts.sum(1, keepdims=True), counts], axis=1)
    shape = stacked.shape[1:]
    values = rates(stacked.sum(0))
    intervals = bootstrap_sums(
        stacked.reshape(len(stacked), -1),
        lambda sums: rates(sums.reshape(-1, *shape)).reshape(len(sums), -1),
    )
    words = sum(map(len, gold))
    covered = sum(min(len(a), len(b)) for a, b in zip(gold, predicted, strict=True))
    names = ("precision", "recall", "f1")
    metrics = {name: Metric(float(values[0, k]), *intervals[k]) for k, name in enumerate(names)}
    metrics["coverage"] = Metric(covered / words if words else 1.0)
    rows = [
        (
            kind,
            *(round(float(v), 4) for v in values[i]),
            f"{intervals[3 * i + 2].low:.3f} to {intervals[3 * i + 2].high:.3f}",
            int(stacked[:, i, 2].sum()),
        )
        for i, kind in enumerate(["all types", *types])
    ]
    by_entity = Table(
        "Entities, strict BIO2",
        ("type", "precision", "recall", "f1", "f1, 95 % interval", "entities"),
        tuple(rows),
        f"an entity counts when type and both borders are right; {covered} of {words} words scored",
    )
    return Evaluation(metrics, "f1", (by_entity, by_tag(gold, predicted)))


def score_words(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Evaluation:
    """Accuracy over words with its 95 % bootstrap interval over sentences, and scores by tag.

    For plain tags, such as parts of speech.
    """
    counts = np.array(
        [
            (sum(map(str.__eq__, truth, found)), len(truth))
            for truth, found in zip(gold, predicted, strict=True)
        ],
        dtype=np.float64,
    )
    (interval,) = bootstrap_sums(counts, lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1))
    right, words = counts.sum(0)
    accuracy = Metric(float(right / max(words, 1)), *interval)
    return Evaluation({"accuracy": accuracy}, "accuracy", (by_tag(gold, predicted),))


def by_tag(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Table:
    """Precision, recall, F1 and support of each tag, word by word, and their averages."""
    true = [tag for sentence in gold for tag in sentence]
    found = [tag for sentence in predicted for tag in sentence]
    right = Counter(a for a, b in zip(true, found, strict=True) if a == b)
    tags = sorted(set(true) | set(found), key=lambda tag: (tag == "O", tag[2:], tag))
    columns = (right, Counter(found), Counter(true))
    counts = np.array([[one[tag] for one in columns] for tag in tags]).reshape(-1, 3)
    kept = sum(tag != "O" for tag in tags)  # the first ones
    sums, each = counts[:kept], rates(counts)
    support = int(sums[:, 2].sum())
    means = {
        "micro": rates(sums.sum(0)),
        "macro": each[:kept].mean(0) if kept else None,
        "weighted": sums[:, 2] @ each[:kept] / max(support, 1),
    }
    rows = [
        (tag, *(round(float(v), 4) for v in row), int(of[2]))
        for tag, row, of in zip(tags, each, counts, strict=True)
    ]
    without = ", without O" if kept < len(tags) else ""
    for average, mean in means.items() if kept else ():
        rows.append((average + without, *(round(float(v), 4) for v in mean), support))
    note = "a lenient view that many articles print: it counts words, not entities"
    titles = ("tag", "precision", "recall", "f1", "words")
    return Table("Words, by tag", titles, tuple(rows), note if without else "")
