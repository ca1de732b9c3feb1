"""BLEU and chrF, counted by sacreBLEU (Post 2018), with its signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import regex
from sacrebleu.metrics import BLEU, CHRF

from ft_seq2seq.settings import Seq2SeqConfig

_CHARACTERS = regex.compile(r"[\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_HAN = regex.compile(r"\p{Han}")
_LETTER = regex.compile(r"\p{L}")


def bleu_tokenizer(config: Seq2SeqConfig, golds: Sequence[Sequence[str]]) -> str:
    """The tokenizer of BLEU: the one that is set, else by the language or the letters of targets."""
    if config.bleu_tokenizer != "auto":
        return config.bleu_tokenizer
    language = (config.target_language or "").lower().replace("-", "_").split("_")[0]
    if language in ("zh", "zho", "cmn", "yue"):
        return "zh"
    if language in ("ja", "jpn", "th", "tha", "lo", "lao", "km", "khm", "my", "mya"):
        return "char"
    text = "".join(gold[0] for gold in golds[:500])
    letters = len(_LETTER.findall(text))
    if 5 * len(_CHARACTERS.findall(text)) > letters:
        return "char"
    return "zh" if 3 * len(_HAN.findall(text)) > letters else "13a"


class Counted:
    """What each text adds to a metric, so that any sample of texts can be scored.

    Args:
        metric: of sacreBLEU, with the references of each text.
        texts: what was written.

    Attributes:
        signature: how sacreBLEU says what was computed; set by the texts.
    """

    def __init__(self, metric: Any, texts: Sequence[str]) -> None:
        self._metric = metric
        # Its own bootstrap is made of these two methods too.
        self.counts = np.array(metric._extract_corpus_statistics(list(texts), None), dtype=float)
        self.signature = str(metric.get_signature())

    def score(self, sums: np.ndarray) -> float:
        """The score of summed counts, from 0 to 100."""
        return float(self._metric._compute_score_from_stats([*map(int, sums)]).score)


def count_bleu(
    several: Sequence[Sequence[str]], golds: Sequence[Sequence[str]], tokenizer: str
) -> list[Counted]:
    """BLEU with exponential smoothing of order 4, over the words of a tokenizer of sacreBLEU.

    Args:
        several: one list of texts or more.
        golds: the references of each text of a list; they are taken apart once for all lists.
        tokenizer: its name.
    """
    metric = BLEU(tokenize=tokenizer, references=_streams(golds))
    return [Counted(metric, texts) for texts in several]


def count_chrf(several: Sequence[Sequence[str]], golds: Sequence[Sequence[str]]) -> list[Counted]:
    """chrF2 (Popović 2015); arguments as of `count_bleu`."""
    metric = CHRF(references=_streams(golds))
    return [Counted(metric, texts) for texts in several]


def _streams(golds: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """First references, second ones and so on; sacreBLEU leaves out a reference that is None."""
    most = max(map(len, golds))
    return [[one[k] if k < len(one) else None for one in golds] for k in range(most)]
