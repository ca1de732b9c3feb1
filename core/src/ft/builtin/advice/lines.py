"""The lines that a finished run advises, each from what its record, log and predictions hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ft.builtin.report.spans import spans_of
from ft.contract.messages import listed
from ft.contract.schema import Schema
from ft.reporters.text import number

Pairs = Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]
Metric = Mapping[str, Any]

RARE = 5
"""Examples of a class from which it is worth a word that the class is never predicted."""

SKEW = 10
"""How many times as frequent as the rarest class the most frequent one may be."""

FALL = 0.01
"""The share by which the loss has to fall in the last evaluation to be said to fall still."""

WIDE = 0.2
"""The width of an interval, on a scale from 0 to 1, that tells little."""

FEW = 100
"""Examples of a split whose metric has no interval."""


def never_predicted(schema: Schema, pairs: Pairs, split: str) -> str | None:
    """Classes or types that the model never predicts, or that it predicts always."""
    gold, found, rows = Counter[str](), Counter[str](), 0
    for example, item in pairs:
        sides = _sides(schema, example, item)
        if sides is None:
            return None
        rows += 1
        gold.update(sides[0])
        found.update(sides[1])
    missing = [name for name, count in gold.most_common() if count >= RARE and not found[name]]
    if not missing:
        return None
    if not found:
        return (
            f"the model predicts nothing at all in the {rows:,} examples of {split}: train "
            "longer, or with --preset best"
        )
    single = schema.label is not None and schema.label.kind != "multi" and not schema.words
    if single and len(found) == 1:
        return f"the model predicts {next(iter(found))!r} for every one of {rows:,} examples of {split}"
    names = listed([f"{name!r} ({gold[name]:,} in {split})" for name in missing])
    return f"never predicted: {names}; train longer, or give more examples of it"


def _sides(
    schema: Schema, example: Mapping[str, Any], item: Mapping[str, Any]
) -> tuple[list[str], list[str]] | None:
    """The gold and the predicted names of an example; ``None`` for tasks without names."""
    words, label = schema.words, schema.label
    if words and words.tags and words.tags in example and isinstance(item.get("tags"), list):
        sides = (spans_of(tags, words.scheme) for tags in (example[words.tags], item["tags"]))
        gold, found = ([kind for _, _, kind in side] for side in sides)
        return gold, found
    if label and label.kind != "number" and label.column in example and "label" in item:
        answers = (example[label.column], item["label"])
        gold, found = (list(map(str, a)) if isinstance(a, list) else [str(a)] for a in answers)
        return gold, found
    return None


def no_better(metric: Metric, main: str, split: str, baselines: Mapping[str, float]) -> str | None:
    """The score is not above that of the best baseline, or its interval holds that."""
    sign = 1 if metric.get("higher_is_better", True) else -1
    if not baselines or metric.get("value") is None:
        return None
    name = max(baselines, key=lambda one: sign * baselines[one])
    bound, value = baselines[name], metric["value"]
    score = f"{main} {number(value)} on {split}"
    if sign * value <= sign * bound:
        return f"{score} is no better than {name} ({number(bound)})"
    low = metric.get("low" if sign > 0 else "high")
    if low is not None and sign * low <= sign * bound:
        return (
            f"{score} is not clearly better than {name} ({number(bound)}), which lies within its "
            "interval"
        )
    return None


def length(log: Sequence[Mapping[str, Any]], best: Mapping[str, Any], stops: Any) -> str | None:
    """The training was too short, or too long."""
    scored = [line for line in log if line.get("split") == "validation"]
    losses = [one for one in _values(scored, "loss") if one is not None]
    if len(scored) >= 2 and len(losses) == len(scored) and not stops:
        before, last = min(losses[:-1]), losses[-1]
        if before == losses[-2] and last < before * (1 - FALL):
            return (
                f"the validation loss still fell at the end ({number(before)} to {number(last)}): "
                "train longer, with a larger --epochs, or with --preset best"
            )
    if len(scored) >= 3 and best.get("step") == scored[0]["step"]:
        return (
            f"the first of {len(scored)} evaluations was the best (step {best['step']:,}): train "
            "less, or with a lower --learning-rate"
        )
    return None


def _values(scored: Sequence[Mapping[str, Any]], name: str) -> Iterator[float | None]:
    for line in scored:
        yield (line["metrics"].get(name) or {}).get("value")


def skewed(labels: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Classes of very different frequency, where the task could weigh them and does not."""
    counts = labels.get("counts", {})
    table = next((t for t, own in settings.items() if own.get("class_weights") == "none"), None)
    if table is None or labels.get("of") != "examples" or len(counts) < 2:
        return None
    if settings[table].get("focal_gamma"):
        return None
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[most] < SKEW * counts[least]:
        return None
    return (
        f"train has {counts[most]:,} examples of {most!r} and {counts[least]:,} of {least!r}: try "
        f"-o {table}.class_weights=balanced"
    )


def calibration(log: Sequence[Mapping[str, Any]], best: Mapping[str, Any]) -> str | None:
    """The calibration error of the best weights is clearly above that of the first evaluation."""
    scored = [line for line in log if line.get("split") == "validation"]
    kept = next((line for line in scored if line["step"] == best.get("step")), None)
    if kept is None or kept is scored[0]:
        return None
    first, last = (line["metrics"].get("ece") or {} for line in (scored[0], kept))
    high, low = first.get("high"), last.get("low")
    if high is None or low is None or low <= high:
        return None
    return (
        f"calibration got worse during training: ece {number(first['value'])} at the first "
        f"evaluation, {number(last['value'])} at the best; rely less on the probabilities"
    )


def too_small(metric: Metric, main: str, split: str, rows: int) -> str | None:
    """The split has too few examples for its score to tell much."""
    value, low, high = (metric.get(key) for key in ("value", "low", "high"))
    if value is None:
        return None
    if low is None or high is None:
        if rows >= FEW:
            return None
        return f"{split} has {rows:,} examples: too few to tell much by its {main}"
    if not (low >= 0 and high <= 1) or high - low < WIDE:
        return None
    return (
        f"{split} is too small to tell ({rows:,} examples): {main} may be anything from "
        f"{number(low)} to {number(high)}"
    )
