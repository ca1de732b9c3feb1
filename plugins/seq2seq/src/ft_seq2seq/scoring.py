"""All metrics of the texts that a model wrote, and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import ft
from ft import Evaluation, Metric, Table
from ft_seq2seq import rates
from ft_seq2seq.bleu import bleu_tokenizer, count_bleu, count_chrf
from ft_seq2seq.rouge import NAMES, rouge, rouge_l, sentences
from ft_seq2seq.settings import Seq2SeqConfig

MAIN = "chrf"
LOWER = ("copied", "repetition", "empty", "cut")
"""Rates of which less is better."""

LEAD = 3
"""Sentences of a source that a baseline takes, beside the first alone."""


@dataclass(frozen=True)
class Written:
    """Texts with what they were written for.

    Attributes:
        texts: what was written.
        golds: the references of each, at least one.
        sources: what each was written for.
        cut: whether each ended at the most tokens that are allowed.
    """

    texts: list[str]
    golds: list[list[str]]
    sources: list[str]
    cut: list[bool]


def score_texts(
    written: Written,
    config: Seq2SeqConfig,
    *,
    total: int,
    loss: float | None = None,
    usual: str | None = None,
    generation: str = "",
    beside: bool = True,
) -> Evaluation:
    """BLEU, chrF, ROUGE and rates, each with its interval over the texts.

    Args:
        written: the texts; none where the loss alone is known.
        config: the settings.
        total: examples of the split.
        loss: the mean loss of a token of the references.
        usual: the most frequent target of train, for a baseline.
        generation: how the texts were written, in words.
        beside: whether baselines are scored too.
    """
    metrics: dict[str, Metric] = {}
    if loss is not None:
        metrics["loss"] = Metric(loss, higher_is_better=False)
    main = MAIN if config.generate else "loss"
    if not written.texts:
        return Evaluation(metrics, "loss")
    tokenizer = bleu_tokenizer(config, written.golds)
    others = _without_model(written.sources, usual) if beside else {}
    several = [written.texts, *others.values()]
    bleus = count_bleu(several, written.golds, tokenizer)
    chrfs = count_chrf(several, written.golds)
    bleu, chrf = bleus[0], chrfs[0]
    each = np.array([rouge(*pair) for pair in zip(written.texts, written.golds, strict=True)])
    of_rates = rates.counts(written.texts, written.golds, written.sources, written.cut)
    ends = np.cumsum([chrf.counts.shape[1], bleu.counts.shape[1], each.shape[1]])

    def statistic(sums: np.ndarray) -> np.ndarray:
        of_chrf, of_bleu, of_rouge, others = np.split(sums, ends, axis=1)
        return np.column_stack(
            [
                [chrf.score(one) for one in of_chrf],
                [bleu.score(one) for one in of_bleu],
                100 * of_rouge / others[:, :1],
                rates.rates(others),
            ]
        )

    counts = np.hstack([chrf.counts, bleu.counts, each, of_rates])
    values = statistic(counts.sum(axis=0, keepdims=True))[0]
    intervals = ft.bootstrap_sums(counts, statistic)
    names = (MAIN, "bleu", *NAMES, *rates.NAMES)
    for name, value, interval in zip(names, values, intervals, strict=True):
        if np.isfinite(value):
            better = name not in LOWER
            metrics[name] = Metric(float(value), *interval, higher_is_better=better)
    tables = [_signatures(bleu.signature, chrf.signature, generation, len(written.texts), total)]
    if beside:
        scores = [
            [one.score(one.counts.sum(axis=0)) for one in pair]
            for pair in zip(chrfs, bleus, strict=True)
        ]
        tables.insert(0, _beside(written, others, scores))
    return Evaluation(metrics, main, tables)


def _signatures(bleu: str, chrf: str, generation: str, scored: int, total: int) -> Table:
    rows = [("bleu", bleu), ("chrf", chrf), ("rouge", "F1, words of any script, no stemmer")]
    if generation:
        rows.append(("texts", generation))
    note = "" if scored == total else f"{scored:,} of {total:,} texts were written and scored"
    return Table("How it was scored", ("metric", "signature"), tuple(rows), note)


def _without_model(sources: Sequence[str], usual: str | None) -> dict[str, Sequence[str]]:
    """Texts that need no model, by what they are."""
    others: dict[str, Sequence[str]] = {"the source itself": sources}
    cut = [sentences(source) for source in sources]
    if any(len(one) > 1 for one in cut):
        others["its first sentence"] = [one[0] if one else "" for one in cut]
    if any(len(one) > LEAD for one in cut):
        others[f"its first {LEAD} sentences"] = [" ".join(one[:LEAD]) for one in cut]
    if usual:
        others["the most frequent target of train"] = [usual] * len(sources)
    return others


def _beside(
    written: Written, others: Mapping[str, Sequence[str]], scores: Sequence[Sequence[float]]
) -> Table:
    """The model's texts beside texts that need no model, with their chrF and BLEU, and the references."""
    rows: list[tuple[Any, ...]] = []
    texts = {"the model": written.texts, **others}
    for (name, some), of_corpus in zip(texts.items(), scores, strict=True):
        best = [rouge_l(*pair) for pair in zip(some, written.golds, strict=True)]
        rows.append((name, *of_corpus, 100 * float(np.mean(best)), *_habits(some, written)))
    firsts = [gold[0] for gold in written.golds]
    rows.append(("the references", None, None, None, *_habits(firsts, written)))
    columns = ("texts", MAIN, "bleu", "rougeL", "words", "copy", "repetition")
    return Table("Baselines", columns, tuple(rows), "texts that need no model, and the references")


def _habits(texts: Sequence[str], written: Written) -> list[float | None]:
    counts = rates.counts(texts, written.golds, written.sources, [False] * len(texts))
    sums = counts.sum(axis=0, keepdims=True)
    copy, _, repetition, *_ = rates.rates(sums)[0]
    told = [float(sums[0, 7] / len(texts)), float(copy), float(repetition)]
    return [one if np.isfinite(one) else None for one in told]
