"""Questions and answers as token ids and as vectors, each with its prefix, all with one pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from ft import Run
from ft_answers.settings import AnswersConfig
from ft_answers.vectors import embed, find_pooling, pooled


class Encoder:
    """How this task turns texts into vectors, in training, in the index and for requests alike.

    Args:
        config: the settings.
    """

    def __init__(self, config: AnswersConfig) -> None:
        self._config = config
        self._pooling: str | None = None if config.pooling == "auto" else config.pooling

    def pooling(self, run: Run) -> str:
        """``mean`` or ``cls``."""
        if self._pooling is None:
            self._pooling = find_pooling(run.model_path)
        return self._pooling

    def ids(self, run: Run, texts: Sequence[str], question: bool) -> list[list[int]]:
        """Token ids of questions or answers, cut at the model's length."""
        prefix = self._config.question_prefix if question else self._config.answer_prefix
        whole = [prefix + text for text in texts]
        found: list[list[int]] = run.tokenizer(whole, truncation=True, max_length=run.max_length)[
            "input_ids"
        ]
        return found

    def run_on(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor], name: str) -> Tensor:
        """(batch, width) the vectors of the texts whose inputs in a batch begin with a name."""
        ids, mask = batch[f"{name}input_ids"], batch[f"{name}attention_mask"]
        return pooled(model, ids, mask, self.pooling(run))

    def embed(self, run: Run, model: nn.Module, texts: Sequence[str], question: bool) -> np.ndarray:
        """(texts, width) the vectors of many questions or answers."""
        return embed(
            model,
            self.ids(run, texts, question),
            pad=run.pad_id,
            pooling=self.pooling(run),
            device=run.device,
            autocast=run.accelerator.autocast,
        )

    def entries(
        self, run: Run, model: nn.Module, entries: Sequence[Sequence[tuple[bool, str]]]
    ) -> np.ndarray:
        """(entries, width) of all that stands for answers, in their order (see `Catalogue.entries`)."""
        flat = [entry for one in entries for entry in one]
        found: np.ndarray | None = None
        for question in (False, True):
            rows = [k for k, (is_question, _) in enumerate(flat) if is_question == question]
            if rows:
                part = self.embed(run, model, [flat[k][1] for k in rows], question)
                found = np.empty((len(flat), part.shape[1]), np.float32) if found is None else found
                found[rows] = part
        assert found is not None
        return found
