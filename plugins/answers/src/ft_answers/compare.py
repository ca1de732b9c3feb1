"""The rankings that the model is compared with: by words, and by the encoder before its training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import AutoModel

import ft
from ft import BM25, Run
from ft_answers.catalogue import Catalogue
from ft_answers.encoder import Encoder
from ft_answers.index import Index
from ft_answers.scoring import baseline_values, place, values_of
from ft_answers.search import Search, documents
from ft_answers.settings import AnswersConfig
from ft_answers.words import Ranking, tf_idf


def other_rankings(
    run: Run,
    catalogue: Catalogue,
    encoder: Encoder,
    config: AnswersConfig,
    questions: Sequence[str],
    right: Sequence[Sequence[int]],
) -> dict[str, np.ndarray]:
    """(questions, metrics) of each other ranking of the same answers, by its name.

    A trained run no longer knows its encoder as it was before.

    Args:
        run: the run.
        catalogue: the answers.
        encoder: makes vectors.
        config: the settings.
        questions: the texts.
        right: the numbers of every right answer of each; -1 is one that is not known.
    """
    entries = catalogue.entries(config.match)
    texts = documents(catalogue, config.match)
    rankings: dict[str, Ranking] = {"BM25": BM25(texts).scores, "TF-IDF": tf_idf(texts)}
    if not run.restored:
        # Parts that the checkpoint lacks, such as a pooler, are drawn at random.
        with torch.random.fork_rng():
            plain = run.load(AutoModel.from_pretrained, "model", dtype=torch.float32)
        plain = plain.to(run.device)
        vectors = encoder.entries(run, plain, entries)
        index = Index(vectors, [len(one) for one in entries], len(vectors))
        rankings["untrained encoder"] = lambda texts: index.all_scores(
            encoder.embed(run, plain, texts, True)
        )
    return {
        name: baseline_values(ranking, questions, right, config.top)
        for name, ranking in rankings.items()
    }


def without_rerank(
    run: Run,
    catalogue: Catalogue,
    encoder: Encoder,
    config: AnswersConfig,
    search: Search,
    asked: tuple[Sequence[str], Sequence[Sequence[str]]],
) -> np.ndarray:
    """(questions, metrics) of the order that re-ranking was given.

    Args:
        run: the run, with its model.
        catalogue: the answers.
        encoder: makes vectors.
        config: the settings.
        search: finds the answers.
        asked: the questions, and the ids of every right answer of each.
    """
    questions, right = asked
    assert run.model is not None
    vectors = encoder.embed(run, run.model, questions, True)
    ranks = []
    for found, aims in zip(search(vectors, questions, rerank=False), right, strict=True):
        ids = [catalogue.answers[number].id for number in found.numbers]
        scores = found.scores if config.mix == "none" else None
        ranks.append([place(ids, scores, aim, len(catalogue)) for aim in aims])
    return values_of(ranks, config.top)


def say_harm(run: Run, owner: str, reranked: np.ndarray, before: np.ndarray) -> None:
    """A note where re-ranking puts the right answer first more seldom, sure at 95 %.

    Args:
        run: is told.
        owner: the plugin's name.
        reranked: (questions,) whether the right answer comes first.
        before: (questions,) the same without re-ranking.
    """
    change = (reranked - before)[:, None]
    (interval,) = ft.bootstrap_sums(change, lambda sums: sums[:, 0] / len(change))
    if interval.high < 0:
        run.note(
            f"re-ranking does harm: on the validation split it changes hit@1 by {change.mean():+.3f} "
            f"[{interval.low:+.3f}, {interval.high:+.3f}]; leave out {owner}.rerank"
        )
