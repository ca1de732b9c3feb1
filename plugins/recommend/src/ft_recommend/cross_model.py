"""The cross-encoder: history and candidate read together, features fused at the head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ft_recommend import head
from ft_recommend.knowledge import Knowledge

SHAPE = "cross.json"


@dataclass(frozen=True)
class CrossShape:
    """Sizes of the head.

    Attributes:
        items: in the catalogue.
        hidden: of the encoder.
        features: of an item.
        context: features of the user and the moment.
        dropout: of the pair's vector.
    """

    items: int
    hidden: int
    features: int
    context: int
    dropout: float


class CrossEncoder(nn.Module):
    """Scores one pair of texts (Nogueira & Cho 2019) plus a linear term in other features.

    Args:
        encoder: a transformers model.
        shape: sizes.
        features: (items, features) float32.
        popularity: (items,) how often each item is liked in training.
    """

    features: Tensor
    popularity: Tensor

    def __init__(
        self, encoder: nn.Module, shape: CrossShape, features: Tensor, popularity: Tensor
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.shape = shape
        self.dropout = nn.Dropout(shape.dropout)
        self.score = nn.Linear(shape.hidden, 1)
        self.feature_score = nn.Linear(shape.features, 1, bias=False)
        self.context_score = nn.Linear(shape.context, 1, bias=False)
        self.popularity_score = nn.Linear(2, 1, bias=False)
        for layer in (self.feature_score, self.context_score, self.popularity_score):
            nn.init.zeros_(layer.weight)
        self.register_buffer("features", features)
        self.register_buffer("popularity", popularity.float())
        self.knowledge: Knowledge | None = None

    @property
    def base_model(self) -> nn.Module:
        """The pre-trained part."""
        return self.encoder

    def get_input_embeddings(self) -> nn.Module:
        """The encoder's word embedding."""
        found: nn.Module = self.encoder.get_input_embeddings()  # type: ignore[operator]
        return found

    @property
    def learns_texts(self) -> bool:
        """Whether the encoder is trained."""
        return any(parameter.requires_grad for parameter in self.encoder.parameters())

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        item: Tensor,
        context: Tensor,
        token_type_ids: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Scores of pairs.

        Args:
            input_ids: (batch, tokens), the history's text and the candidate's.
            attention_mask: (batch, tokens).
            item: (batch,) the candidates' rows plus one.
            context: (batch, context).
            token_type_ids: (batch, tokens), for models that have them.

        Returns:
            ``scores``: (batch,), logits of being liked.
        """
        given = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        read = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **given)
        with torch.autocast(input_ids.device.type, enabled=False):
            weights = attention_mask.unsqueeze(-1).float()
            mean = (read.last_hidden_state.float() * weights).sum(1) / weights.sum(1).clamp(min=1)
            rows = item - 1
            known = self.popularity[rows].gt(0).float()
            popular = torch.stack([known, torch.log1p(self.popularity[rows])], 1)
            score = (
                self.score(self.dropout(mean))
                + self.feature_score(self.features[rows])
                + self.context_score(context)
                + self.popularity_score(popular)
            )
        return {"scores": score.squeeze(-1)}

    def add_items(self, features: Tensor) -> None:
        """Put new items behind the catalogue's, for prediction; see `drop_items`."""
        self.features = torch.cat([self.features, features.to(self.features)])
        self.popularity = pad(self.popularity, (0, len(features)))

    def drop_items(self) -> None:
        """Take out what `add_items` put in."""
        self.features = self.features[: self.shape.items]
        self.popularity = self.popularity[: self.shape.items]

    def save_pretrained(self, folder: str | Path, **_: Any) -> None:
        """Write the encoder as a plain transformers folder, with the head beside it."""
        head.save(self, Path(folder), SHAPE)

    @classmethod
    def from_pretrained(cls, encoder: nn.Module, folder: str | Path) -> CrossEncoder:
        """Build what `save_pretrained` wrote around its encoder.

        Raises:
            ValueError: the files do not fit together.
        """
        sizes, tensors = head.read(Path(folder), SHAPE)
        features, popularity = tensors["features"].clone(), tensors["popularity"].clone()
        model = cls(encoder, CrossShape(**sizes), features, popularity)
        head.fill(model, tensors, Path(folder))
        return model
