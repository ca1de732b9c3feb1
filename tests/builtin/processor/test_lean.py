"""Less work on a processor: the numbers stay as they are."""

from __future__ import annotations

import copy

import torch
from torch import nn
from transformers import BertConfig, BertForTokenClassification

from ft.builtin.processor.lean import ATTENTION, make_lean
from ft.contract.settings import RunConfig
from ft.engine.optim.optim import Optimizer


def _model(vocabulary: int = 40_000) -> BertForTokenClassification:
    torch.manual_seed(0)
    return BertForTokenClassification(
        BertConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


def test_rows_of_embeddings_train_as_the_whole_table_does() -> None:
    dense = _model()
    lean = copy.deepcopy(dense)
    make_lean(dense, rows=False)
    make_lean(lean)
    assert not dense.get_input_embeddings().sparse
    assert lean.get_input_embeddings().sparse
    config = RunConfig(learning_rate=0.01, weight_decay=0.1)
    optimizers = [Optimizer(model, config) for model in (dense, lean)]
    for step in range(6):
        for model, optimizer in zip((dense, lean), optimizers, strict=True):
            for micro in range(2):
                generator = torch.Generator().manual_seed(10 * step + micro)
                ids = torch.randint(1, 40_000, (4, 6), generator=generator)
                labels = torch.randint(0, 2, (4, 6), generator=generator)
                model(input_ids=ids, labels=labels).loss.backward()
            optimizer.step(torch.tensor(2.0), factor=1 - step / 10)
            optimizer.zero()
    for (name, one), other in zip(dense.named_parameters(), lean.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


def test_a_loss_on_the_table_itself_joins_the_rows() -> None:
    model = _model()
    make_lean(model)
    optimizer = Optimizer(model, RunConfig(clip=None, weight_decay=0))
    table = model.get_input_embeddings().weight
    before = table.detach().clone()
    loss = model(input_ids=torch.ones(1, 2, dtype=torch.long)).logits.sum()
    (loss + table.square().sum()).backward()
    optimizer.step(torch.tensor(1.0), 1.0)
    assert int((table.detach() != before).any(dim=1).sum()) == len(before) - 1  # the padding's is 0


def test_a_table_that_an_output_layer_shares_stays_dense() -> None:
    model = _model()
    model.out = nn.Linear(32, 40_000, bias=False)
    model.out.weight = model.get_input_embeddings().weight
    make_lean(model)
    assert not model.get_input_embeddings().sparse


def test_what_is_saved_names_nothing_of_ours(tmp_path: object) -> None:
    model = _model(100)
    names = list(model.state_dict())
    make_lean(model)
    assert model.config._attn_implementation == ATTENTION
    assert list(model.state_dict()) == names
    assert ATTENTION not in model.config.to_json_string()
