"""The rankings that the model is compared with: by words, and by the encoder before its training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import AutoModel

from ft import BM25, Run
from ft_answers.catalogue import Catalogue
from ft_answers.encoder import Encoder
from ft_answers.index import Index
from ft_answers.scoring import baseline_values
from ft_answers.search import documents
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
