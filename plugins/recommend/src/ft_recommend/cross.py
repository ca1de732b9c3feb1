"""The mode ``cross``: features, loss and re-ranked lists of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModel

from ft import Loss
from ft_recommend.baselines import Scores, cosine
from ft_recommend.cross_model import CrossEncoder, CrossShape
from ft_recommend.first_stage import Shortlist, first_stage
from ft_recommend.knowledge import Knowledge, padded
from ft_recommend.pairs import HISTORY_TEXT, LIKED, SHORTLIST, history_text
from ft_recommend.requests import Reader
from ft_recommend.scoring import judge_list
from ft_recommend.settings import RecommendConfig
from ft_recommend.text import TokenTable, encode_table
from ft_recommend.two_tower import COUNT, listed

if TYPE_CHECKING:
    from ft import Run

TOKENS = ("input_ids", "attention_mask", "token_type_ids", "item", "context")


class CrossTask:
    """What the plugin does in the mode ``cross``.

    Args:
        config: the settings.
        run: the run.
        knowledge: items and users.
        popularity: (items,) how often each is liked in training; unused for a trained model.
    """

    def __init__(
        self,
        config: RecommendConfig,
        run: Run,
        knowledge: Knowledge,
        popularity: np.ndarray | None = None,
    ) -> None:
        self.config = config
        self.knowledge = knowledge
        self.length = min(config.text_length, run.max_length)
        encoder = run.load(AutoModel.from_pretrained, "model", dtype=torch.float32)
        if popularity is None:
            self.model = CrossEncoder.from_pretrained(encoder, run.model_path)
        else:
            features = torch.from_numpy(padded(knowledge.catalogue.features))
            shape = CrossShape(
                items=len(knowledge.catalogue),
                hidden=int(encoder.config.hidden_size),
                features=features.shape[1],
                context=max(1, knowledge.context.size),
                dropout=config.dropout,
            )
            self.model = CrossEncoder(encoder, shape, features, torch.from_numpy(popularity))
        self.model.knowledge = knowledge
        self.reader = Reader(
            knowledge.catalogue, knowledge.people, config.top, exclude=config.exclude_seen
        )
        self._stage: Shortlist | None = None
        self._tokenizer = run.tokenizer

    def cosine(self) -> Scores:
        """The baseline of the encoder as it is now."""
        tokens = TokenTable(self.knowledge.catalogue.texts, self._tokenizer, self.length)
        table = encode_table(self.model.encoder, tokens, self.model.features.device)
        return cosine(table.cpu().numpy())

    def begin(self) -> None:
        """Nothing needs to be ready before training."""

    def encode(self, run: Run, examples: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """One feature a pair; a held-out example or a request has as many as it has candidates."""
        if "item" not in examples:
            return self._encode_requests(run, examples)
        size = len(examples["item"])
        missing = [float("nan")] * size
        context = self.knowledge.context_of(
            examples["user"], examples.get("time", missing), examples.get("last", missing)
        )
        if SHORTLIST not in examples:
            features = self._pairs(run, examples[HISTORY_TEXT], examples["candidate"])
            features["item"] = [row + 1 for row in examples["item"]]
            features["context"] = context
            features["labels"] = [float(liked) for liked in examples[LIKED]]
            return features
        lists = [list(rows) for rows in examples[SHORTLIST]]
        features = self._lists(
            run, examples[HISTORY_TEXT], lists, context, self.knowledge.catalogue.texts
        )
        features["labels"] = [
            float(row == target)
            for rows, target in zip(lists, examples["item"], strict=True)
            for row in rows
        ]
        return features

    def _lists(
        self,
        run: Run,
        histories: Sequence[str],
        lists: Sequence[Sequence[int]],
        context: Sequence[list[float]],
        texts: Sequence[str],
    ) -> dict[str, list[Any]]:
        source = [k for k, rows in enumerate(lists) for _ in rows]
        items = [row for rows in lists for row in rows]
        features = self._pairs(run, [histories[k] for k in source], [texts[row] for row in items])
        features["item"] = [row + 1 for row in items]
        features["context"] = [context[k] for k in source]
        features["row"] = source
        return features

    def _pairs(
        self, run: Run, histories: Sequence[str], candidates: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Token ids of pairs; what is too long is cut off the end of the history."""
        if not histories:
            return {"input_ids": []}
        candidates = [self._cut(run, text) for text in candidates]
        encoded = run.tokenizer(
            list(histories),
            list(candidates),
            truncation="only_first",
            max_length=run.max_length,
            return_attention_mask=False,
        )
        return {name: list(values) for name, values in encoded.items()}

    def _cut(self, run: Run, text: str) -> str:
        """The text without what lies beyond ``text_length`` tokens or a third of the model's."""
        most = min(self.length, run.max_length // 3)
        if len(text) <= most:
            return text
        encoding = run.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        offsets = encoding["offset_mapping"]
        return text if len(offsets) <= most else text[: offsets[most - 1][1]]

    def stage(self) -> Shortlist:
        """The first stage of requests that name no candidates."""
        if self._stage is None:
            self._stage = first_stage(
                self.config.first_stage,
                self.knowledge.catalogue,
                self.model.popularity[: self.model.shape.items].cpu().numpy(),
                self.config.rerank,
                exclude=self.config.exclude_seen,
            )
        return self._stage

    def _encode_requests(self, run: Run, examples: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        asked = self.reader.read({k: v for k, v in examples.items() if k != "example_id"})
        self.added = self.knowledge.catalogue
        if asked.ids:
            features = np.stack(asked.features)
            self.added = self.added.with_items(asked.ids, asked.texts, features)
            self.model.add_items(torch.from_numpy(padded(features)))
        size = len(self.knowledge.catalogue)
        inside = [rows[rows < size] for rows in asked.liked]
        found = []
        if any(rows is None for rows in asked.wanted):
            found = self.stage()(inside, asked.seen)
        lists = []
        for k, rows in enumerate(asked.wanted):
            lists.append((found[k] if rows is None else rows).tolist())
        texts = self.added.texts
        histories = [history_text(rows, texts, self.config.pair_history) for rows in asked.liked]
        context = self.knowledge.context_of(asked.names, asked.time, asked.last)
        features_of = self._lists(run, histories, lists, context, texts)
        features_of[COUNT] = [asked.count[k] for k in features_of["row"]]
        return features_of

    def compute_loss(
        self, model: nn.Module, batch: Mapping[str, Tensor], seed_of: Callable[[Tensor], int]
    ) -> Loss:
        """Binary cross entropy of liked or not, summed over pairs; draws nothing."""
        outputs = model(**{name: batch[name] for name in TOKENS if name in batch})
        labels = batch["labels"].float()
        total = binary_cross_entropy_with_logits(outputs["scores"], labels, reduction="sum")
        return Loss(total, float(len(labels)), outputs)

    def decode(
        self, outputs: Sequence[Mapping[str, Any]], examples: Mapping[str, list[Any]]
    ) -> list[dict[str, Any]]:
        """The first stage's list in the order of the scores."""
        try:
            return [self._one(k, output, examples) for k, output in enumerate(outputs)]
        finally:
            self.model.drop_items()

    def _one(
        self, k: int, output: Mapping[str, Any], examples: Mapping[str, list[Any]]
    ) -> dict[str, Any]:
        features = output["features"]
        rows = np.array([feature["item"] - 1 for feature in features], np.int64)
        scores = np.array([float(value) for value in output.get("scores", ())])
        order = np.argsort(-scores, kind="stable")
        if "item" not in examples:
            count = features[0][COUNT] if features else self.config.top
            return listed(self.added, rows[order][:count], scores[order][:count])
        catalogue, target = self.knowledge.catalogue, examples["item"][k]
        seen = len(set(examples["seen"][k]) - {target}) if self.config.exclude_seen else 0
        one = judge_list(rows[order], rows, target, len(catalogue) - seen, self.config.top)
        one["items"] = [catalogue.ids[row] for row in one["items"]]
        one["scores"] = [round(float(score), 6) for score in scores[order][: self.config.top]]
        return {"user": examples["user"][k], "target": catalogue.ids[target], **one}
