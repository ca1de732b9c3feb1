"""Small random models of the kinds that docs/reference/models.md lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "vocab_size": 60,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "num_labels": 3,
}
DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "position_buckets": 8,
    "position_biased_input": False,
    "type_vocab_size": 0,
}
SIDES = {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 48))
}
OWN = ("hidden", "num_h", "num_a", "max")
KINDS: dict[str, dict[str, Any]] = {
    "Bert": {},
    "Roberta": {},
    "XLMRoberta": {},
    "Camembert": {},
    "DebertaV2": DEBERTA,
    "Albert": {"embedding_size": 8},
    "Electra": {"embedding_size": 16},
    "MPNet": {},
    "DistilBert": {
        "max_position_embeddings": 64,
        "dim": 32,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 48,
    },
    "ModernBert": {"local_attention": 8, "cls_token_id": 1, "sep_token_id": 2},
    "EuroBert": {"num_key_value_heads": 2},
    "Longformer": {"attention_window": [8, 8]},
    "XLNet": {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 48},
    "Qwen2": {"num_key_value_heads": 1},
    "Llama": {"num_key_value_heads": 2},
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64},
    "T5": {"d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2},
    "Bart": {"d_model": 32, **SIDES},
    "ViT": {"image_size": 16, "patch_size": 8},
    "ResNet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]},
}
"""What the configuration of each has beside `SHAPE`."""

Build = Callable[[str, str], Any]


@pytest.fixture(scope="session")
def build() -> Build:
    """A model of a kind with a head: ``build("Bert", "SequenceClassification")``."""

    def make(kind: str, head: str) -> Any:
        shared = {} if kind == "ResNet" else SHAPE
        if kind in ("XLNet", "T5", "DistilBert", "GPT2"):
            # These have names of their own for the sizes.
            shared = {k: v for k, v in SHAPE.items() if not k.startswith(OWN)}
        more = {"decoder_start_token_id": 0} if kind == "T5" else {}
        config = getattr(transformers, f"{kind}Config")(**{**shared, **more, **KINDS[kind]})
        torch.manual_seed(0)
        return getattr(transformers, f"AutoModelFor{head}").from_config(config).eval()

    return make


@pytest.fixture(scope="session")
def batch() -> dict[str, torch.Tensor]:
    """Two texts of nine tokens."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(3, 60, (2, 9), generator=generator)
    ids[:, -1] = 2
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def stir(model: torch.nn.Module) -> None:
    """Change what learns, as a training does."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))


@pytest.fixture(scope="session")
def stirred() -> Callable[[torch.nn.Module], None]:
    return stir
