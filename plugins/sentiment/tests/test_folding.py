"""Which layer takes the temperature."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from ft_sentiment.folding import fold

SMALL = {"vocab_size": 20, "num_labels": 32}
"""As many classes as the hidden size, so that other layers look like the last one too."""
MODELS = {
    "roberta": lambda: RobertaForSequenceClassification(
        RobertaConfig(
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            **SMALL,
        )
    ),
    "distilbert": lambda: DistilBertForSequenceClassification(
        DistilBertConfig(dim=32, n_layers=1, n_heads=2, hidden_dim=32, **SMALL)
    ),
    "gpt2": lambda: GPT2ForSequenceClassification(
        GPT2Config(n_embd=32, n_layer=1, n_head=2, pad_token_id=0, **SMALL)
    ),
}
INPUTS = {"input_ids": torch.tensor([[5, 6, 7]]), "attention_mask": torch.ones(1, 3).long()}


@pytest.mark.parametrize("name", MODELS)
def test_the_logits_are_divided_and_the_rest_stays(name):
    torch.manual_seed(0)
    model = MODELS[name]().train()
    before, state = model.eval()(**INPUTS).logits, copy.deepcopy(model.state_dict())
    assert fold(model.train(), INPUTS, 32, 2.5)
    assert model.training
    torch.testing.assert_close(model.eval()(**INPUTS).logits, before / 2.5)
    changed = {
        key for key, value in model.state_dict().items() if not torch.equal(value, state[key])
    }
    assert {key.rsplit(".", 2)[-2] for key in changed} <= {"out_proj", "classifier", "score"}


def test_a_model_without_such_a_layer_stays_as_it_is():
    class Squared(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, x):
            return {"logits": self.head(x) ** 2}

    model = Squared()
    state = copy.deepcopy(model.state_dict())
    assert not fold(model, {"x": torch.ones(1, 3)}, 2, 3.0)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
