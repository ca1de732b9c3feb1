"""Two towers: features, loss and lists of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import AutoModel

from ft import Loss
from ft_recommend import losses
from ft_recommend.baselines import Scores, cosine
from ft_recommend.catalogue import Catalogue
from ft_recommend.knowledge import Knowledge, padded
from ft_recommend.model import Shape, TwoTower
from ft_recommend.ranking import Search, chunks
from ft_recommend.requests import Asked, Reader
from ft_recommend.scoring import judge
from ft_recommend.settings import RecommendConfig
from ft_recommend.text import TokenTable, encode_table, text_encoder, tokenize

if TYPE_CHECKING:
    from ft import Run

ITEM_CHUNK = 65_536
SEEN, WANTED, COUNT = "seen", "wanted", "count"
"""Features of a request that `decode` needs."""


class TwoTowerTask:
    """Features, loss and lists of a run with two towers.

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
        if encoder.config.is_encoder_decoder:
            # Only the encoder reads texts: what else there is has nothing to learn.
            encoder.requires_grad_(False)
            text_encoder(encoder).requires_grad_(True)
        if popularity is None:
            self.model = TwoTower.from_pretrained(encoder, run.model_path)
        else:
            self.model = self._new(run, encoder, popularity)
        self.model.knowledge = knowledge
        self.reader = Reader(
            knowledge.catalogue, knowledge.users, config.top, exclude=config.exclude_seen
        )

    def _new(self, run: Run, encoder: nn.Module, popularity: np.ndarray) -> TwoTower:
        config, catalogue = self.config, self.knowledge.catalogue
        features = torch.from_numpy(padded(catalogue.features))
        encoder_config: Any = encoder.config
        shape = Shape(
            items=len(catalogue),
            hidden=int(encoder_config.hidden_size),
            features=features.shape[1],
            context=max(1, self.knowledge.context.size),
            dimension=config.dimension,
            history=config.history,
            dropout=config.dropout,
            item_embeddings=config.item_embeddings,
            item_dropout=config.item_dropout,
            tuned_share=config.tuned_share,
            pad_id=int(run.tokenizer.pad_token_id or 0),
        )
        model = TwoTower(encoder, shape, features, torch.from_numpy(popularity))
        model.tokens = TokenTable(catalogue.texts, run.tokenizer, self.length)
        if model.tokens.cut:
            run.note(
                f"{model.tokens.cut:,} of {len(catalogue):,} items have a text of more than "
                f"{self.length} tokens: its end is not read (recommend.text_length)"
            )
        model.stale = True
        return model

    def begin_at(self, rating: float) -> None:
        """Let predicted ratings begin at the mean rating."""
        nn.init.constant_(self.model.text_bias.bias, rating)

    def begin(self) -> None:
        """Encode the catalogue."""
        self.model.refresh()

    def cosine(self) -> Scores:
        """The baseline of the encoder as it is now."""
        return cosine(self.model.bank[: self.model.shape.items].cpu().numpy())

    def encode(self, run: Run, examples: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Features of examples, or of requests where there is no item that the user took."""
        if "item" not in examples:
            return self._encode_requests(run, examples)
        histories = [np.asarray(history, np.int64) for history in examples["history"]]
        rows = len(histories)
        missing = [float("nan")] * rows
        features = {
            "input_ids": self._candidates(run, examples["candidate"]),
            "history": [latest_first(history, self.config.history) for history in histories],
            "item": [row + 1 for row in examples["item"]],
            "labels": list(examples["item"]),
            "context": self.knowledge.context_of(
                examples["user"], examples.get("time", missing), examples.get("last", missing)
            ),
        }
        if self.config.loss == "rating":
            features["rating"] = [float(rating) for rating in examples["rating"]]
        return features

    def _candidates(self, run: Run, texts: Sequence[str]) -> list[list[int]]:
        """Token ids, all of one length, so that the core's batches by length stay random.

        Batches of texts of one length would be batches of items of one kind.
        """
        if self.config.tuned_share == 0:
            return [[int(run.tokenizer.pad_token_id or 0)]] * len(texts)
        pad = int(run.tokenizer.pad_token_id or 0)
        return [
            ids + [pad] * (self.length - len(ids))
            for ids in tokenize(texts, run.tokenizer, self.length)
        ]

    def _encode_requests(self, run: Run, examples: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        asked = self.reader.read({k: v for k, v in examples.items() if k != "example_id"})
        self._add(run, asked)
        everything: list[int] = []
        pad = int(run.tokenizer.pad_token_id or 0)
        return {
            "input_ids": [[pad]] * len(asked.liked),
            "history": [latest_first(history, self.config.history) for history in asked.liked],
            "context": self.knowledge.context_of(asked.names, asked.time, asked.last),
            SEEN: [rows.tolist() for rows in asked.seen],
            WANTED: [everything if rows is None else rows.tolist() for rows in asked.wanted],
            COUNT: asked.count,
        }

    def _add(self, run: Run, asked: Asked) -> None:
        """Put the new items of requests behind the catalogue; `decode` takes them out."""
        self.added = self.knowledge.catalogue
        if not asked.ids:
            return
        tokens = TokenTable(asked.texts, run.tokenizer, self.length)
        features = np.stack(asked.features)
        self.added = self.added.with_items(asked.ids, asked.texts, features)
        bank = encode_table(self.model.encoder, tokens, self.model.bank.device)
        self.model.add_items(bank, torch.from_numpy(padded(features)))

    def outputs(
        self, model: Any, batch: Mapping[str, Tensor], seeds: tuple[int, int]
    ) -> dict[str, Tensor]:
        """The vectors that the loss compares; see `loss_of`.

        Args:
            model: the two towers.
            batch: see `encode`.
            seeds: of the negatives, and of which of them go without their own vectors; used in
                training.

        Returns:
            ``user`` and ``candidate`` of the model, one row an example: a model that runs the batch in
            chunks gives those of the whole batch. ``offers``: (columns, dimension + 1), vectors of
            the items that every user is scored on.
        """
        names = ("input_ids", "history", "item", "context")
        inputs = {name: batch[name] for name in names if name in batch}
        size = len(batch["labels"])
        outputs = model(**inputs, read=torch.arange(size) < self._few(size))
        columns = self._candidates_of(batch, seeds).columns
        with torch.autocast(outputs["user"].device.type, enabled=False):
            return {**outputs, "offers": model.candidates(columns, seed=seeds[1])}

    def _few(self, size: int) -> int:
        """How many of a batch's candidates the encoder reads."""
        share = self.config.tuned_share if self.model.training else 1.0
        return max(1, round(share * size))

    def _candidates_of(
        self, batch: Mapping[str, Tensor], seeds: tuple[int, int]
    ) -> losses.Candidates:
        targets, popularity = batch["labels"], self.model.popularity
        if self.config.loss == "rating":
            return losses.in_batch(targets, popularity, False)
        return losses.choose(
            targets, popularity, self.config, seeds[0] if self.model.training else 0
        )

    def loss_of(
        self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], seeds: tuple[int, int]
    ) -> Loss:
        """The loss over candidates, and where the encoder learns the loss over those just encoded.

        Args:
            outputs: what `outputs` gives.
            batch: see `encode`.
            seeds: those that `outputs` had.
        """
        config, targets = self.config, batch["labels"]
        user, live, size = outputs["user"], outputs.get("candidate"), len(targets)
        parts, found = {}, dict(outputs)
        with torch.autocast(user.device.type, enabled=False):
            if config.loss == "rating":
                found["scores"] = (user * outputs["offers"]).sum(1, keepdim=True)
                each = losses.rating_loss(found["scores"].squeeze(1), batch["rating"])
            else:
                candidates = self._candidates_of(batch, seeds)
                found["logits"] = user @ outputs["offers"].T
                each = losses.ranking_loss(found["logits"], candidates, config.loss)
            if live is not None:
                few = self._few(size)
                read, live = user[:few], live[:few]
                if config.loss == "rating":
                    found["live_scores"] = (read * live).sum(1, keepdim=True)
                    own = losses.rating_loss(found["live_scores"].squeeze(1), batch["rating"][:few])
                else:
                    among = losses.in_batch(targets[:few], self.model.popularity, config.correction)
                    found["live_logits"] = read @ live.T
                    own = losses.ranking_loss(found["live_logits"], among, config.loss)
                own = pad(own * (size / few), (0, size - few))
                parts["texts"] = own.sum().detach()
                each = each + own
        if not self.model.training:
            found = {name: found[name] for name in ("user", "candidate") if name in found}
        return Loss(each.sum(), float(size), found, parts, each=each)

    def decode(
        self, outputs: Sequence[Mapping[str, Any]], examples: Mapping[str, list[Any]]
    ) -> list[dict[str, Any]]:
        """The list of each user; beside it the rank of the item that the user took, if one is known."""
        if not outputs:
            return []
        users = np.stack([np.asarray(output["user"])[0] for output in outputs])
        try:
            items = self.item_vectors()
            if "item" in examples:
                return self._judge(users, items, outputs, examples)
            return self._answer(users, items, outputs)
        finally:
            self.model.drop_items()

    @torch.no_grad()
    def item_vectors(self) -> np.ndarray:
        """Vectors of every item with its bias behind, (items, dimension + 1) float32."""
        model = self.model
        training = model.training
        model.eval()
        try:
            rows = torch.arange(len(model.bank), device=model.bank.device)
            parts = [
                model.candidates(part).float().cpu().numpy()
                for part in torch.split(rows, ITEM_CHUNK)
            ]
        finally:
            model.train(training)
        return np.concatenate(parts)

    def _judge(
        self,
        users: np.ndarray,
        items: np.ndarray,
        outputs: Sequence[Mapping[str, Any]],
        examples: Mapping[str, list[Any]],
    ) -> list[dict[str, Any]]:
        config, catalogue = self.config, self.knowledge.catalogue
        cold = self.model.popularity.cpu().numpy() == 0
        found: list[dict[str, Any]] = []
        for chunk in chunks(len(users), len(items)):
            table = users[chunk] @ items.T
            for scores, k in zip(table, chunk, strict=True):
                target = examples["item"][k]
                # The candidate as it was just read: an edited or attacked text counts as such.
                vector = outputs[k].get("candidate")
                own = None if vector is None else float(users[k] @ np.asarray(vector)[0])
                one = judge(
                    scores,
                    target,
                    examples["seen"][k],
                    cold,
                    top=config.top,
                    exclude=config.exclude_seen,
                    own=own,
                )
                if config.loss == "rating":
                    one["predicted"] = float(scores[target] if own is None else own)
                one["items"] = [catalogue.ids[row] for row in one["items"]]
                found.append({"user": examples["user"][k], "target": catalogue.ids[target], **one})
        return found

    def _answer(
        self, users: np.ndarray, items: np.ndarray, outputs: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Lists for requests: over the catalogue, or over the candidates that were asked about."""
        asked = [output["features"][0] for output in outputs]
        size = len(self.knowledge.catalogue)
        whole = [k for k, one in enumerate(asked) if not one[WANTED]]
        found: dict[int, dict[str, Any]] = {}
        if whole:
            added = np.arange(size, len(items))
            seen = [asked[k][SEEN] if self.config.exclude_seen else [] for k in whole]
            banned = [np.union1d(np.array(rows, np.int64), added) for rows in seen]
            most = max(asked[k][COUNT] for k in whole)
            best_of = Search(items).best(users[whole], banned, most)
            for k, (rows, scores) in zip(whole, best_of, strict=True):
                count = asked[k][COUNT]
                found[k] = listed(self.added, rows[:count], scores[:count])
        for k, one in enumerate(asked):
            if one[WANTED]:
                rows = np.array(one[WANTED])
                scores = items[rows] @ users[k]
                order = np.argsort(-scores, kind="stable")[: one[COUNT]]
                found[k] = listed(self.added, rows[order], scores[order])
        return [found[k] for k in range(len(asked))]


def listed(catalogue: Catalogue, rows: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """A list for a person: items, their scores and texts, best first."""
    return {
        "items": [catalogue.ids[row] for row in rows],
        "scores": [round(float(score), 6) for score in scores],
        "texts": [catalogue.texts[row] for row in rows],
    }


def latest_first(history: np.ndarray, length: int) -> list[int]:
    """The latest items, the last one first, each row plus one; 0 behind the end."""
    rows = np.zeros(length, np.int64)
    last = history[::-1][:length]
    rows[: len(last)] = last + 1
    found: list[int] = rows.tolist()
    return found
