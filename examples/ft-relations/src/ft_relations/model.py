"""The classifier: an encoder, and a linear layer over the two opening marks.

"Entity markers, entity start" of Baldini Soares et al. 2019, *Matching the Blanks: Distributional
Similarity for Relation Learning* (ACL).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

HEAD = "relation_head.safetensors"


class EntityStart(nn.Module):
    """Classifies the pair of entities whose opening marks it is shown.

    Args:
        encoder: a transformers model with ``last_hidden_state``.
        relations: how many classes.
        dropout: before the linear layer.
    """

    def __init__(self, encoder: Any, relations: int, dropout: float) -> None:
        super().__init__()
        # The pooler reads the first token, which is not used here.
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(2 * encoder.config.hidden_size, relations)

    @property
    def base_model(self) -> nn.Module:
        """The pre-trained part, for ``run.freeze`` and the learning rates of the layers."""
        encoder: nn.Module = self.encoder
        return encoder

    def get_input_embeddings(self) -> nn.Module:
        """The word embedding, for techniques that look at it or perturb it."""
        embedding: nn.Module = self.encoder.get_input_embeddings()
        return embedding

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, opens: Tensor
    ) -> dict[str, Tensor]:
        """Logits, (batch, relations).

        Args:
            input_ids: (batch, tokens).
            attention_mask: (batch, tokens), 1 for tokens and 0 for padding.
            opens: (batch, 2), the positions of the opening marks of e1 and e2.
        """
        encoded = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        hidden = encoded.last_hidden_state
        rows = torch.arange(hidden.shape[0], device=hidden.device)
        pair = torch.cat([hidden[rows, opens[:, 0]], hidden[rows, opens[:, 1]]], dim=-1)
        return {"logits": self.classifier(self.dropout(pair))}

    def save_pretrained(self, folder: str | Path) -> None:
        """The encoder as transformers writes it, and the linear layer beside it."""
        self.encoder.save_pretrained(folder)
        state = {name: value.contiguous() for name, value in self.classifier.state_dict().items()}
        save_file(state, Path(folder) / HEAD)

    def load_head(self, folder: str | Path) -> None:
        """Take back the linear layer that `save_pretrained` wrote."""
        self.classifier.load_state_dict(load_file(Path(folder) / HEAD))
