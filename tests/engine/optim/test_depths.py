"""Embeddings and layers are found by the model's own modules, whatever they are called."""

from __future__ import annotations

from typing import Any

import pytest
import transformers
from torch import nn

from ft import ConfigError, RunConfig
from ft.engine.optim.depths import depths_of, freeze
from ft.engine.optim.optim import parameter_groups

BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}
LLAMA = {**BERT, "num_key_value_heads": 2, "pad_token_id": 0}
MODELS: dict[str, tuple[dict[str, Any], int, set[str]]] = {
    "Bert": (BERT, 2, {"bert.embeddings"}),
    "Albert": ({**BERT, "embedding_size": 8}, 1, {"albert.embeddings", "albert.encoder"}),
    "Electra": (
        {**BERT, "embedding_size": 8},
        2,
        {"electra.embeddings", "electra.embeddings_project"},
    ),
    "EuroBert": (LLAMA, 2, {"model.embed_tokens"}),
    "Llama": (LLAMA, 2, {"model.embed_tokens"}),
    "Qwen2": (LLAMA, 2, {"model.embed_tokens"}),
    "GPT2": ({"n_embd": 16, "n_layer": 2, "n_head": 2}, 2, {"transformer.wte", "transformer.wpe"}),
    "XLNet": (
        {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 16},
        2,
        {"transformer.word_embedding", "transformer.mask_emb"},
    ),
    "XLM": (
        {"emb_dim": 16, "n_layers": 2, "n_heads": 2},
        2,
        {"transformer.embeddings", "transformer.position_embeddings", "transformer.layer_norm_emb"},
    ),
    "T5": (
        {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 2, "num_heads": 2},
        4,
        {"transformer.shared"},
    ),
    "Bart": (
        {
            "d_model": 16,
            **{f"{side}_layers": 2 for side in ("encoder", "decoder")},
            **{f"{side}_attention_heads": 2 for side in ("encoder", "decoder")},
            **{f"{side}_ffn_dim": 16 for side in ("encoder", "decoder")},
        },
        4,
        {"model.shared", "model.encoder", "model.decoder"},
    ),
}


def make(kind: str) -> nn.Module:
    config = getattr(transformers, f"{kind}Config")(vocab_size=60, **MODELS[kind][0])
    model: nn.Module = getattr(transformers, f"{kind}ForSequenceClassification")(config)
    return model


@pytest.mark.parametrize("kind", MODELS)
def test_freezing_the_embeddings_freezes_what_comes_before_the_first_layer(kind: str) -> None:
    _, layers, wanted = MODELS[kind]
    model = make(kind)
    count = freeze(model, "embeddings")
    frozen = {name: p for name, p in model.named_parameters() if not p.requires_grad}
    assert {".".join(name.split(".")[:2]) for name in frozen} == wanted
    assert count == sum(p.numel() for p in frozen.values())
    words: Any = model.get_input_embeddings()  # type: ignore[operator]
    assert not words.weight.requires_grad
    found = depths_of(model)
    assert found is not None
    assert found.layers == layers
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad or found.of[parameter] == 0, name


@pytest.mark.parametrize("kind", MODELS)
def test_the_embeddings_learn_slowest(kind: str) -> None:
    model = make(kind)
    config = RunConfig(learning_rate=1.0, layer_decay=0.5)
    rates = {
        (one[1] if isinstance(one, tuple) else one): group["lr"]
        for group in parameter_groups(model, config)
        for one in group["params"]
    }
    words: Any = model.get_input_embeddings()  # type: ignore[operator]
    assert rates[words.weight] == min(rates.values()) == 0.5 ** MODELS[kind][1]


def test_layers_that_are_used_several_times_are_one() -> None:
    with pytest.raises(ConfigError, match=r"the encoder has 1 layers \(used 2 times\), not 2"):
        freeze(make("Albert"), 2)


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base_model = nn.Linear(2, 2)
        self.head = nn.Linear(2, 2)


def test_what_is_not_found_is_refused() -> None:
    with pytest.raises(ConfigError, match="the embeddings and layers of Plain are not found"):
        freeze(Plain(), "embeddings")
    with pytest.raises(ConfigError, match="the layers of Plain are not found"):
        parameter_groups(Plain(), RunConfig(layer_decay=0.9))
    assert freeze(Plain(), "encoder") == 6
