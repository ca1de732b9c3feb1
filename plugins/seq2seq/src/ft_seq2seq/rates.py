"""What texts do beside being right: they copy the source, repeat themselves, are empty or cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ft_seq2seq.rouge import grams, words

SIZE = 3
"""Words in a row that are compared."""

NAMES = ("copy", "copied", "repetition", "empty", "cut", "length_ratio")


def counts(
    texts: Sequence[str],
    golds: Sequence[Sequence[str]],
    sources: Sequence[str],
    cut: Sequence[bool],
) -> np.ndarray:
    """What each text adds to the rates, (texts, 9); see `rates`."""
    rows = []
    for text, gold, source, short in zip(texts, golds, sources, cut, strict=True):
        own, theirs = words(text), words(source)
        runs, given = grams(own, SIZE), grams(theirs, SIZE)
        rows.append(
            [
                1,
                runs.total(),
                sum(count for one, count in runs.items() if one in given),
                runs.total() - len(runs),
                bool(own) and own == theirs,
                not text.strip(),
                short,
                len(own),
                np.mean([len(words(one)) for one in gold]),
            ]
        )
    return np.array(rows, dtype=float).reshape(-1, 9)


def rates(sums: np.ndarray) -> np.ndarray:
    """From sums of counts, (draws, 9), to the rates of `NAMES`, (draws, 6).

    ``copy``: the share of three words in a row that stand in the source too; ``copied``: of texts
    that are their source; ``repetition``: of three words in a row that stood in the text before;
    ``empty``, ``cut``: of texts; ``length_ratio``: words written for a word of the references.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.column_stack(
            [
                sums[:, 2] / sums[:, 1],
                sums[:, 4] / sums[:, 0],
                sums[:, 3] / sums[:, 1],
                sums[:, 5] / sums[:, 0],
                sums[:, 6] / sums[:, 0],
                sums[:, 7] / sums[:, 8],
            ]
        )
