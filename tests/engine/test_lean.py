"""Less work on a processor: the statistics and the numbers stay as they are."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertForTokenClassification

from ft.engine.lean import ATTENTION, LeanDropout, lean_attention, make_lean, mask
from ft.engine.optim import Optimizer
from ft.settings import RunConfig


class Encoder(nn.Module):
    """A stand-in for the module that attention belongs to."""

    is_causal = False


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_mask_drops_its_share_and_keeps_the_mean(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    drawn = mask(torch.empty(200, 501, dtype=dtype), p)
    share = float((drawn == 0).float().mean())
    spread = (p * (1 - p) / drawn.numel()) ** 0.5
    assert abs(share - p) < 5 * spread
    assert drawn.dtype == dtype
    assert float(drawn.max()) == pytest.approx(1 / (1 - p), rel=1e-2)
    assert float(drawn.float().mean()) == pytest.approx(1, abs=6 * spread / (1 - p) + 4e-3)


def test_neighbours_in_a_mask_are_independent() -> None:
    torch.manual_seed(0)
    dropped = (mask(torch.empty(1_000_000), 0.3) == 0).float()
    for lag in (1, 2, 3, 4, 8):
        both = float((dropped[lag:] * dropped[:-lag]).mean())
        assert both == pytest.approx(0.09, abs=5 * (0.09 * 0.91 / 1e6) ** 0.5)


def test_masks_follow_the_generator_of_torch() -> None:
    like = torch.empty(7, 3)
    torch.manual_seed(5)
    first, second = mask(like, 0.5), mask(like, 0.5)
    torch.manual_seed(5)
    assert torch.equal(mask(like, 0.5), first)
    assert not torch.equal(first, second)


def test_dropout_passes_everything_when_it_does_not_train() -> None:
    layer = LeanDropout(0.5).eval()
    values = torch.randn(4, 4)
    assert torch.equal(layer(values), values)


@pytest.mark.parametrize("masked", [True, False])
def test_attention_without_losses_is_that_of_torch(masked: bool) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 5, 8, requires_grad=True) for _ in range(3))
    seen = torch.rand(2, 1, 1, 5).expand(2, 1, 5, 5) > 0.3
    seen[..., 0] = True
    chosen = seen if masked else None
    # A probability that rounds to no level: every weight stays.
    ours, _ = lean_attention(Encoder(), query, key, value, chosen, dropout=2.0**-18)
    theirs = functional.scaled_dot_product_attention(query, key, value, chosen).transpose(1, 2)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, (query, key, value), weights),
        torch.autograd.grad(theirs, (query, key, value), weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_attention_that_looks_back_only_is_left_to_torch() -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 2, 4, 8) for _ in range(3))
    ours, _ = lean_attention(Encoder(), query, key, value, None, dropout=1e-9, is_causal=True)
    theirs = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(ours, theirs.transpose(1, 2))


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
    make_lean(lean)
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
