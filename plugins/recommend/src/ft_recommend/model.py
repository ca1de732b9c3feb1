"""The two towers: a user's vector from the history, an item's from its text and features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize, pad

from ft_recommend import head
from ft_recommend.knowledge import Knowledge
from ft_recommend.text import TokenTable, encode_table, mean_vectors, text_encoder

SHAPE = "two_tower.json"


@dataclass(frozen=True)
class Shape:
    """Sizes of the towers.

    Attributes:
        items: in the catalogue.
        hidden: of the encoder.
        features: of an item.
        context: features of the user and the moment.
        dimension: of the vectors that are multiplied.
        history: items that are read.
        dropout: of the user's vector.
        item_embeddings: whether known items have vectors of their own.
        item_dropout: how often these are left out.
        tuned_share: share of a batch's candidates that the encoder learns from.
        pad_id: of the tokenizer.
    """

    items: int
    hidden: int
    features: int
    context: int
    dimension: int
    history: int
    dropout: float
    item_embeddings: bool
    item_dropout: float
    tuned_share: float
    pad_id: int


class ItemTower(nn.Module):
    """An item's vector: a projection of its text and features, and one of its own if it is known."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.text = nn.Linear(shape.hidden, shape.dimension)
        self.features = nn.Linear(shape.features, shape.dimension, bias=False)
        self.own = nn.Embedding(shape.items, shape.dimension) if shape.item_embeddings else None
        if self.own is not None:
            nn.init.normal_(self.own.weight, std=0.01)

    def forward(self, text: Tensor, features: Tensor, rows: Tensor, known: Tensor) -> Tensor:
        """Vectors of items, (n, dimension).

        Args:
            text: (n, hidden).
            features: (n, features).
            rows: (n,) in the catalogue; anything where ``known`` is 0.
            known: (n, 1), 1 where the item's own vector counts.
        """
        vectors: Tensor = self.text(text) + self.features(features)
        if self.own is not None:
            vectors = vectors + self.own(rows) * known
        return vectors


class TwoTower(nn.Module):
    """Scores every item for a user by the product of two vectors (Yi et al. 2019).

    The vector of a user is the mean of the vectors of the history, weighted by learnt weights of
    their positions, plus a projection of the context. The vector of an item comes from its text,
    its features and, for items of the training data, a learnt vector that is left out at random in
    training (Volkovs et al. 2017, DropoutNet), so that new items are scored by text and features.
    Histories and negatives read the items' texts from a bank of vectors, which is brought up to
    date whenever the model is evaluated; only candidates are encoded with gradients.

    Args:
        encoder: a transformers model.
        shape: sizes.
        features: (items, features) float32.
        popularity: (items,) how often each item is liked in training.

    Attributes:
        tokens: the catalogue's texts, needed while the encoder learns.
        knowledge: saved beside the model.
        stale: the bank is older than the encoder.
    """

    bank: Tensor
    center: Tensor
    features: Tensor
    popularity: Tensor

    def __init__(
        self, encoder: nn.Module, shape: Shape, features: Tensor, popularity: Tensor
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.shape = shape
        self.reads = ItemTower(shape)
        self.offers = ItemTower(shape)
        self.position = nn.Parameter(-0.1 * torch.arange(shape.history, dtype=torch.float32))
        self.context = nn.Linear(shape.context, shape.dimension)
        self.text_bias = nn.Linear(shape.hidden, 1)
        self.feature_bias = nn.Linear(shape.features, 1, bias=False)
        self.popularity_bias = nn.Linear(2, 1, bias=False)
        self.own_bias = nn.Embedding(shape.items, 1) if shape.item_embeddings else None
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.dropout = nn.Dropout(shape.dropout)
        for layer in (self.text_bias, self.feature_bias, self.popularity_bias, self.own_bias):
            if layer is not None:
                nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.text_bias.bias)
        self.register_buffer("bank", torch.zeros(shape.items, shape.hidden))
        self.register_buffer("center", torch.zeros(shape.hidden))
        self.register_buffer("features", features)
        self.register_buffer("popularity", popularity.float())
        self.tokens: TokenTable | None = None
        self.knowledge: Knowledge | None = None
        self.stale = False
        if shape.tuned_share == 0:
            encoder.requires_grad_(False)

    @property
    def base_model(self) -> nn.Module:
        """The pre-trained part."""
        return self.encoder

    def get_input_embeddings(self) -> nn.Module:
        """The word embedding that reads texts."""
        found: nn.Module = text_encoder(self.encoder).get_input_embeddings()
        return found

    @property
    def learns_texts(self) -> bool:
        """Whether the encoder is trained."""
        return self.shape.tuned_share > 0 and any(
            parameter.requires_grad for parameter in self.encoder.parameters()
        )

    def refresh(self) -> None:
        """Encode the texts of the whole catalogue with the encoder as it is, into the bank."""
        if self.tokens is not None:
            self.bank.copy_(encode_table(self.encoder, self.tokens, self.bank.device))
            self.center.copy_(self.bank.mean(0))
        self.stale = False

    def forward(
        self,
        input_ids: Tensor,
        history: Tensor,
        item: Tensor | None = None,
        context: Tensor | None = None,
        read: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The vectors of users, and of their candidates where the encoder learns; one row an example.

        Args:
            input_ids: (batch, tokens), the candidates' texts, padded.
            history: (batch, history), rows in the catalogue plus one, the latest first; 0: none.
            item: (batch,), the candidates' rows plus one.
            context: (batch, context).
            read: (batch,) on the CPU, 1 for the candidates whose texts are read, which stand first;
                default: all of them.

        Returns:
            ``user``: (batch, dimension + 1), whose last place is 1. With ``item``, while the encoder
            learns, ``candidate``: (batch, dimension + 1), from the texts given, the last place being
            the item's bias; 0 where the text is not read.
        """
        learns = self.learns_texts
        if self.training:
            self.stale = self.stale or learns
        elif self.stale:
            self.refresh()
        live = None
        count = len(history) if read is None else int(read.sum())
        if item is not None and learns and count:
            live = mean_vectors(self.encoder, input_ids[:count], self.shape.pad_id)
        with torch.autocast(history.device.type, enabled=False):
            outputs = {"user": self.users(history, context)}
            if item is not None and learns:
                vectors = outputs["user"].new_zeros(outputs["user"].shape)
                if live is not None:
                    made = self.candidates(item[:count] - 1, live)
                    vectors = pad(made, (0, 0, 0, len(item) - count))
                outputs["candidate"] = vectors
        return outputs

    def users(self, history: Tensor, context: Tensor | None = None) -> Tensor:
        """Vectors of users with a 1 behind, (batch, dimension + 1); see `forward`."""
        rows, place = torch.unique(history, return_inverse=True)
        vectors = self._vectors(self.reads, (rows - 1).clamp(min=0))
        there = history.gt(0)
        # Finite, so that an empty history has weights of 0 and no gradient of NaN.
        logits = torch.where(there, self.position[: history.shape[1]], -1e9)
        weights = torch.softmax(logits, 1) * there
        # Plain indexing would add gradients up in a random order.
        user = (weights.unsqueeze(-1) * embedding(place, vectors)).sum(1)
        if context is not None and self.shape.context:
            user = user + self.context(context)
        return pad(self.dropout(user) * self.log_scale.exp(), (0, 1), value=1.0)

    def candidates(
        self, rows: Tensor, text: Tensor | None = None, seed: int | None = None
    ) -> Tensor:
        """Vectors of candidates with their bias behind, (n, dimension + 1).

        Args:
            rows: (n,) in the catalogue.
            text: (n, hidden), of length one; default: the bank's.
            seed: of which items' own vectors are left out in training; default: torch's generator.
        """
        known = self._known(rows, seed)
        centered = self._centered(self.bank[rows] if text is None else text)
        features = self.features[rows]
        vectors = self.offers(centered, features, self._own_rows(rows), known)
        popularity = torch.log1p(self.popularity[rows]).unsqueeze(1) * known
        bias = (
            self.text_bias(centered)
            + self.feature_bias(features)
            + self.popularity_bias(torch.cat([known, popularity], 1))
        )
        if self.own_bias is not None:
            bias = bias + self.own_bias(self._own_rows(rows)) * known
        return torch.cat([vectors, bias], 1)

    def _vectors(self, tower: nn.Module, rows: Tensor) -> Tensor:
        text = self._centered(self.bank[rows])
        vectors: Tensor = tower(text, self.features[rows], self._own_rows(rows), self._known(rows))
        return vectors

    def _own_rows(self, rows: Tensor) -> Tensor:
        """Rows of the items' own vectors; those of items added later stand for none."""
        return rows.clamp(max=self.shape.items - 1)

    def _centered(self, text: Tensor) -> Tensor:
        """Texts' vectors relative to the catalogue's mean, of length one."""
        return normalize(text - self.center, dim=1)

    def _known(self, rows: Tensor, seed: int | None = None) -> Tensor:
        """(n, 1): 1 for items of the training data, in training left out at random."""
        known = self.popularity[rows].gt(0)
        if self.training:
            if seed is None:
                drawn = torch.rand(len(rows), device=rows.device)
            else:
                generator = torch.Generator().manual_seed(seed)
                drawn = torch.rand(len(rows), generator=generator).to(rows.device)
            known = known & (drawn >= self.shape.item_dropout)
        return known.float().unsqueeze(1)

    def add_items(self, bank: Tensor, features: Tensor) -> None:
        """Put new items behind the catalogue's, for prediction; see `drop_items`.

        Args:
            bank: (n, hidden), their texts' vectors.
            features: (n, features).
        """
        self.bank = torch.cat([self.bank, bank.to(self.bank)])
        self.features = torch.cat([self.features, features.to(self.features)])
        self.popularity = pad(self.popularity, (0, len(bank)))

    def drop_items(self) -> None:
        """Take out what `add_items` put in."""
        self.bank = self.bank[: self.shape.items]
        self.features = self.features[: self.shape.items]
        self.popularity = self.popularity[: self.shape.items]

    def save_pretrained(self, folder: str | Path, **_: Any) -> None:
        """Write the encoder as a plain transformers folder, with the towers beside it."""
        head.save(self, Path(folder), SHAPE)

    @classmethod
    def from_pretrained(cls, encoder: nn.Module, folder: str | Path) -> TwoTower:
        """Build what `save_pretrained` wrote around its encoder.

        Raises:
            ValueError: the files do not fit together.
        """
        sizes, tensors = head.read(Path(folder), SHAPE)
        features, popularity = tensors["features"].clone(), tensors["popularity"].clone()
        model = cls(encoder, Shape(**sizes), features, popularity)
        head.fill(model, tensors, Path(folder))
        return model
