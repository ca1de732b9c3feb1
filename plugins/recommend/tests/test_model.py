"""The two towers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from ft_recommend.model import Shape, TwoTower
from ft_recommend.text import TokenTable, encode_table, mean_vectors

ITEMS = 12
TEXTS = [f"redish{k % 6} greenish{k % 5} no" for k in range(ITEMS)]


@pytest.fixture
def encoder(model: Path) -> Any:
    return AutoModel.from_pretrained(model)


@pytest.fixture
def tokens(model: Path) -> TokenTable:
    return TokenTable(TEXTS, AutoTokenizer.from_pretrained(model), 16)


@pytest.fixture
def build(encoder: Any, tokens: TokenTable) -> Any:
    def make(popular: int = ITEMS, **sizes: Any) -> TwoTower:
        torch.manual_seed(0)
        values: dict[str, Any] = {
            "items": ITEMS,
            "hidden": 32,
            "features": 3,
            "context": 2,
            "dimension": 8,
            "history": 4,
            "dropout": 0.0,
            "item_embeddings": True,
            "item_dropout": 0.5,
            "tuned_share": 1.0,
            "pad_id": tokens.pad_id,
        }
        popularity = torch.zeros(ITEMS)
        popularity[:popular] = torch.arange(1.0, popular + 1)
        made = TwoTower(encoder, Shape(**{**values, **sizes}), torch.rand(ITEMS, 3), popularity)
        made.tokens = tokens
        made.refresh()
        return made.eval()

    return make


def batch(tokens: TokenTable, rows: list[int]) -> dict[str, torch.Tensor]:
    ids = torch.full((len(rows), 16), tokens.pad_id)
    for k, row in enumerate(rows):
        one = torch.from_numpy(tokens.flat[tokens.starts[row] : tokens.starts[row + 1]])
        ids[k, : len(one)] = one
    return {
        "input_ids": ids,
        "history": torch.tensor([[1, 2, 0, 0], [3, 0, 0, 0], [0, 0, 0, 0]])[: len(rows)],
        "item": torch.tensor(rows) + 1,
        "context": torch.zeros(len(rows), 2),
    }


def scored(towers: TwoTower, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Every item for every user, (batch, ITEMS)."""
    return towers(**inputs)["user"] @ towers.candidates(torch.arange(ITEMS)).T


def test_vectors_of_texts_do_not_depend_on_padding(encoder: Any, tokens: TokenTable) -> None:
    encoder.eval()
    table = encode_table(encoder, tokens, torch.device("cpu"))
    assert torch.allclose(table.norm(dim=1), torch.ones(ITEMS), atol=1e-5)
    ids = torch.full((1, 30), tokens.pad_id)
    one = tokens.flat[tokens.starts[4] : tokens.starts[5]]
    ids[0, : len(one)] = torch.from_numpy(one)
    assert torch.allclose(mean_vectors(encoder, ids, tokens.pad_id)[0], table[4], atol=1e-5)


def test_an_empty_history_has_no_nan_even_in_the_gradient(build: Any, tokens: TokenTable) -> None:
    towers = build().train()
    logits = scored(towers, batch(tokens, [0, 1, 2]))
    logits.sum().backward()
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(p.grad).all() for p in towers.parameters() if p.grad is not None)


def test_the_candidates_text_scores_as_the_bank_does(build: Any, tokens: TokenTable) -> None:
    towers = build()
    inputs = batch(tokens, [3, 7, 5])
    outputs = towers(**inputs)
    live = (outputs["user"] * outputs["candidate"]).sum(1)
    assert torch.allclose(live, scored(towers, inputs)[[0, 1, 2], [3, 7, 5]], atol=1e-4)


def test_the_candidates_that_are_read(build: Any, tokens: TokenTable) -> None:
    towers, inputs = build(), batch(tokens, [3, 7, 5])
    whole = towers(**inputs)["candidate"]
    some = towers(**inputs, read=torch.tensor([True, False, False]))["candidate"]
    assert torch.allclose(some[0], whole[0], atol=1e-6)
    assert not some[1:].any()
    none = towers(**inputs, read=torch.zeros(3, dtype=torch.bool))["candidate"]
    assert none.shape == whole.shape
    assert not none.any()


def test_an_encoder_that_does_not_learn_is_not_called(build: Any, tokens: TokenTable) -> None:
    towers = build(tuned_share=0.0).train()
    outputs = towers(**batch(tokens, [3, 7, 5]))
    assert "candidate" not in outputs
    outputs["user"].sum().backward()
    assert all(p.grad is None for p in towers.encoder.parameters())
    assert not towers.stale


def test_the_bank_follows_the_encoder_at_the_next_evaluation(
    build: Any, tokens: TokenTable
) -> None:
    towers = build().train()
    before = towers.bank.clone()
    inputs = batch(tokens, [3, 7, 5])
    towers(**inputs)["candidate"].sum().backward()
    with torch.no_grad():
        for p in towers.encoder.parameters():
            if p.grad is not None:
                p -= 0.1 * p.grad
    towers(**inputs)
    assert torch.equal(towers.bank, before)
    towers.eval()(**inputs)
    assert torch.equal(towers.bank, encode_table(towers.encoder, tokens, before.device))
    assert not torch.equal(towers.bank, before)


def test_the_order_of_the_history_matters(build: Any) -> None:
    towers = build()
    one, other = torch.tensor([[1, 5, 0, 0]]), torch.tensor([[5, 1, 0, 0]])
    assert not torch.allclose(towers.users(one), towers.users(other))
    again = torch.tensor([[1, 5]])
    assert torch.allclose(towers.users(one), towers.users(again), atol=1e-6)


def test_new_items_have_no_vector_of_their_own(build: Any) -> None:
    towers = build(popular=6)
    rows = torch.arange(ITEMS)
    before = towers.candidates(rows)
    with torch.no_grad():
        towers.offers.own.weight += 1
        towers.own_bias.weight += 1
    after = towers.candidates(rows)
    assert not torch.allclose(before[:6], after[:6])
    assert torch.equal(before[6:], after[6:])


def test_in_training_known_items_lose_theirs_at_random(build: Any) -> None:
    towers = build(item_dropout=0.5).train()
    known = torch.stack([towers._known(torch.arange(ITEMS)) for _ in range(400)]).mean(0)
    assert known.sub(0.5).abs().max() < 0.15
    assert (build(item_dropout=1.0).train()._known(torch.arange(ITEMS)) == 0).all()
    assert (build().eval()._known(torch.arange(ITEMS)) == 1).all()


def test_added_items_are_scored_like_items_of_the_catalogue(build: Any) -> None:
    towers = build(popular=6)
    same = torch.tensor([8])
    expected = towers.candidates(same)
    towers.add_items(towers.bank[same], towers.features[same])
    assert torch.allclose(towers.candidates(torch.tensor([ITEMS])), expected)
    assert torch.isfinite(towers.users(torch.tensor([[ITEMS + 1, 1, 0, 0]]))).all()
    towers.drop_items()
    assert len(towers.bank) == len(towers.features) == len(towers.popularity) == ITEMS


@pytest.mark.parametrize("item_embeddings", [True, False])
def test_a_saved_model_comes_back(
    item_embeddings: bool, build: Any, tokens: TokenTable, tmp_path: Path
) -> None:
    towers = build(item_embeddings=item_embeddings)
    towers.save_pretrained(tmp_path)
    again = TwoTower.from_pretrained(AutoModel.from_pretrained(tmp_path), tmp_path).eval()
    state, theirs = towers.state_dict(), again.state_dict()
    assert state.keys() == theirs.keys()
    assert all(torch.equal(state[name], theirs[name]) for name in state)
    inputs = batch(tokens, [3, 7, 5])
    assert torch.allclose(scored(towers, inputs), scored(again, inputs))


def test_a_head_that_does_not_fit_is_refused(build: Any, tmp_path: Path) -> None:
    build(item_embeddings=False).save_pretrained(tmp_path)
    shape = tmp_path / "two_tower.json"
    shape.write_text(
        shape.read_text().replace('"item_embeddings": false', '"item_embeddings": true')
    )
    with pytest.raises(ValueError, match="does not fit the model"):
        TwoTower.from_pretrained(AutoModel.from_pretrained(tmp_path), tmp_path)
