"""Whole runs: train, score, save, predict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel

import ft

METHODS = ["recommend", "popularity", "BM25", "frozen encoder"]


def value(result: Any, name: str, split: str = "test") -> float:
    return float(result.metrics[split][name].value)


def test_it_learns_what_users_like_and_prints_the_baselines(trained: Any) -> None:
    table = trained.tables[0]
    assert [row[0] for row in table.rows] == METHODS
    assert table.columns[:4] == ("method", "ndcg@10", "recall@10", "mrr")
    popularity = float(table.rows[1][1].split()[0])
    assert value(trained, "ndcg@10") > popularity + 0.1
    assert value(trained, "auc") > 0.75
    for metric in trained.metrics["test"].values():
        assert metric.low is None or metric.low <= metric.value <= metric.high


def test_the_notes_say_how_data_was_split(trained: Any) -> None:
    said = " ".join(trained.record["notes"])
    assert "split by time for each user" in said
    assert "36 items" in said


def test_how_many_texts_are_cut_is_said(world: Any, go: Any) -> None:
    for row in world.items[:7]:
        row[1] = "redish1 " * 30
    result = go(world.settings(text_length=16, tuned_share=0.0), max_steps=1)
    (note,) = [one for one in result.record["notes"] if "text_length" in one]
    assert note.startswith("7 of 36 items have a text of more than 16 tokens")


def test_the_model_folder_is_a_plain_encoder_with_tensors_beside_it(trained: Any) -> None:
    folder = trained.output / "model"
    encoder = AutoModel.from_pretrained(folder)
    assert encoder.config.hidden_size == 32
    assert load_file(folder / "head.safetensors")["bank"].shape == (36, 32)
    assert not list(trained.output.rglob("*.pkl")) + list(trained.output.rglob("*.bin"))


def test_predictions_of_the_test_split(trained: Any) -> None:
    lines = (trained.output / "predictions" / "test.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    assert len(lines) == 30
    assert len(first["items"]) == len(first["scores"]) == 10
    assert first["scores"] == sorted(first["scores"], reverse=True)
    assert 1 <= first["rank"] <= first["among"] <= 36


def test_evaluating_again_gives_the_same(trained: Any) -> None:
    again = ft.evaluate(trained.output)
    for name, metric in trained.metrics["test"].items():
        assert again.metrics["test"][name].value == pytest.approx(metric.value, abs=1e-6)
    assert [row[0] for row in again.tables[0].rows] == METHODS
    assert again.tables[0].rows[1:] == trained.tables[0].rows[1:]


def test_other_data_may_be_scored(trained: Any, tmp_path: Path) -> None:
    later = tmp_path / "later.csv"
    rows = [f"u{k},i{3 * k % 36},4,{2 * 10**9}\n" for k in range(9)]
    later.write_text("user,item,rating,timestamp\n" + "".join(rows))
    result = ft.evaluate(trained.output, later)
    assert result.tables[0].rows[0][0] == METHODS[0]
    assert [row[0] for row in result.tables[0].rows[1:]] == METHODS[1:3]
    assert 0 < value(result, "mrr") <= 1


def test_a_known_user_is_not_shown_what_was_had(trained: Any) -> None:
    (answer,) = ft.predict(trained.output, {"user": "u1"})
    assert len(answer["items"]) == len(answer["scores"]) == len(answer["texts"]) == 10
    (all_of_them,) = ft.predict(trained.output, {"user": "u1", "k": 36})
    had = {f"i{k}" for k in range(36)} - set(all_of_them["items"])
    assert 5 <= len(had) <= 9
    assert {int(item[1:]) % 3 for item in had} == {1}


def test_a_new_user_gives_a_history(trained: Any) -> None:
    (answer,) = ft.predict(trained.output, {"history": ["i2", "i5", "i8"], "k": 6})
    kinds = [int(item[1:]) % 3 for item in answer["items"]]
    assert len(kinds) == 6
    assert kinds.count(2) >= 4
    assert not {"i2", "i5", "i8"} & set(answer["items"])


def test_new_items_are_ranked_by_their_text(trained: Any) -> None:
    new = [
        {"item": "new-red", "title": "redish1 redish2", "kind": "red", "year": 2000},
        {"item": "new-blue", "title": "blueish1 blueish2", "kind": "blue", "year": 2000},
    ]
    for liked, first in (([0, 3, 6], "new-red"), ([2, 5, 8], "new-blue")):
        history = [f"i{k}" for k in liked]
        (answer,) = ft.predict(trained.output, {"history": history, "candidates": new})
        assert answer["items"][0] == first
        assert len(answer["items"]) == 2


def test_a_history_may_be_texts(trained: Any) -> None:
    (answer,) = ft.predict(trained.output, {"history": ["greenish1 greenish2", "greenish3"]})
    kinds = [int(item[1:]) % 3 for item in answer["items"]]
    assert kinds.count(1) >= 5


def test_a_file_of_new_items_is_ranked_beside_the_catalogue(trained: Any, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("item,title,year,kind\nnew1,redish1 redish2,2000,red\ni3,x,2000,red\n")
    request = {"history": ["i0"], "new_items": str(file), "k": 99}
    (answer,) = ft.predict(trained.output, request)
    assert len(answer["items"]) == 36
    assert "new1" in answer["items"]
    assert answer["items"].count("i3") == 1
    assert answer["texts"][answer["items"].index("new1")] == "redish1 redish2. red"


def test_requests_do_not_disturb_each_other(trained: Any) -> None:
    one = {"history": ["i2", "blueish1"], "k": 5}
    other = {"history": ["redish5 redish1"], "k": 3}
    together = ft.predict(trained.output, [one, other])
    for request, answer in zip((one, other), together, strict=True):
        (alone,) = ft.predict(trained.output, request)
        assert alone["items"] == answer["items"]
        assert alone["scores"] == pytest.approx(answer["scores"], abs=1e-4)


def test_lists_by_faiss_are_those_by_the_matrix_product(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    requests = [{"user": f"u{k}", "k": 5} for k in range(9)] + [{"history": ["i2", "blueish1"]}]
    plain = ft.predict(trained.output, requests)
    monkeypatch.setattr("ft_recommend.ranking.FAISS_FROM", 10)
    for one, other in zip(plain, ft.predict(trained.output, requests), strict=True):
        assert one["items"] == other["items"]
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-4)


BAD_REQUESTS = {
    "nobody": ({"k": 3}, "needs a user or a history"),
    "unknown user": ({"user": "stranger"}, "'stranger' is not among the 30 known ones"),
    "no list": ({"history": "i1"}, "history must be a list"),
    "no text": ({"history": [{"item": "x", "year": 3}]}, "is not in the catalogue and has no text"),
    "no candidates": ({"user": "u1", "candidates": []}, "candidates is an empty list"),
    "k": ({"user": "u1", "k": 0}, "k is 0"),
    "time": ({"user": "u1", "time": "now"}, "time is 'now', not seconds"),
}


@pytest.mark.parametrize("fault", BAD_REQUESTS)
def test_a_bad_request_is_named(fault: str, trained: Any) -> None:
    request, message = BAD_REQUESTS[fault]
    with pytest.raises(ft.DataError, match=message) as caught:
        ft.predict(trained.output, request)
    assert caught.value.where == "request 1"


def test_the_same_seed_gives_the_same_weights(world: Any, go: Any) -> None:
    settings = world.settings(negatives="mixed", sampled=8)
    one, same, other = (go(settings, seed=seed) for seed in (1, 1, 2))
    heads = [load_file(run.output / "model" / "head.safetensors") for run in (one, same, other)]
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])
    assert not torch.equal(heads[0]["offers.text.weight"], heads[2]["offers.text.weight"])


@pytest.mark.parametrize(
    "settings",
    [
        {"negatives": "in_batch"},
        {"negatives": "sampled", "sampled": 16, "sampling_power": 0.5},
        {"negatives": "mixed", "sampled": 16},
        {"loss": "bpr"},
        {"tuned_share": 0.0},
        {"item_embeddings": False, "tuned_share": 0.25},
    ],
    ids=str,
)
def test_every_way_to_train_beats_chance(settings: dict[str, Any], world: Any, go: Any) -> None:
    result = go(world.settings(**settings), epochs=4)
    assert value(result, "auc") > 0.65


def test_ratings_may_be_predicted(world: Any, go: Any) -> None:
    for row in world.interactions:
        row[2] = 5 if int(row[1][1:]) % 2 else 1
    result = go(world.settings(loss="rating"), epochs=4)
    metric = result.metrics["test"]["rmse"]
    assert metric.value < 1.8
    assert not metric.higher_is_better


def test_a_frozen_encoder_stays_as_it_was(world: Any, go: Any, model: Path) -> None:
    result = go(world.settings(tuned_share=0.0))
    before = AutoModel.from_pretrained(model).state_dict()
    after = AutoModel.from_pretrained(result.output / "model").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_tuned_encoder_moves(trained: Any, model: Path) -> None:
    before = AutoModel.from_pretrained(model).state_dict()
    after = AutoModel.from_pretrained(trained.output / "model").state_dict()
    name = "encoder.layer.0.output.dense.weight"
    assert not torch.equal(before[name], after[name])


def test_new_items_of_a_withheld_share_are_scored(world: Any, go: Any) -> None:
    result = go(world.settings(cold_share=0.3), epochs=6)
    metrics = result.metrics["test"]
    assert metrics["cold_auc"].value > 0.6
    assert "cold_ndcg@10" in result.tables[0].columns
    popularity = dict(zip(result.tables[0].columns, result.tables[0].rows[1], strict=True))
    assert float(popularity["cold_auc"].split()[0]) < metrics["cold_auc"].value


def test_features_of_users(world: Any, go: Any) -> None:
    users = world.folder / "users.csv"
    users.write_text("user,age,team\n" + "".join(f"u{k},{k},{k % 3}x\n" for k in range(29)))
    result = go(world.settings(users=str(users)))
    (answer,) = ft.predict(result.output, {"user": "u3"})
    assert len(answer["items"]) == 10
    users.write_text(users.read_text().replace("0x", "7x"))
    other = go(world.settings(users=str(users)))
    task, changed = (json.loads((run.output / "task.json").read_text()) for run in (result, other))
    assert task["schema"]["extra"] != changed["schema"]["extra"]


PASSES = """
import json
import torch
from ft import Plugin, hookimpl

class Passes(Plugin):
    name = "passes"
    seen = []

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        first = inner(run, model, batch)
        torch.rand(3)
        second = inner(run, model, batch)
        self.seen.append([one.total.item() for one in (first, second)])
        return first

    @hookimpl
    def on_run_end(self, run):
        (run.output / "passes.json").write_text(json.dumps(self.seen))
"""


def test_passes_over_one_batch_have_the_same_negatives(world: Any, go: Any, tmp_path: Path) -> None:
    """So that a technique which compares passes compares scores of the same items."""
    file = tmp_path / "passes.py"
    file.write_text(PASSES)
    still = {"dropout": 0.0, "item_dropout": 0.0, "tuned_share": 0.0}
    settings = world.settings(negatives="sampled", sampled=4, **still)
    result = go(settings, plugins=("recommend", str(file)), head_learning_rate=1e-12)
    seen = json.loads((result.output / "passes.json").read_text())
    assert len(seen) > 2
    assert all(one == other for one, other in seen)
    assert len({one for one, _ in seen}) == len(seen)


@pytest.mark.parametrize("technique", ["augment", "adversarial"])
def test_techniques_go_with_it(technique: str, world: Any, go: Any) -> None:
    pytest.importorskip(f"ft_{technique}")
    plain = go(world.settings())
    result = go(world.settings(), plugins=("recommend", technique))
    assert np.isfinite(value(result, "loss"))
    ours, theirs = (
        load_file(run.output / "model" / "model.safetensors") for run in (result, plain)
    )
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_attack_on_the_candidates_text_lowers_its_rank(world: Any, go: Any) -> None:
    pytest.importorskip("ft_adversarial")
    adversarial = {"method": "none", "robustness": True, "attack_radius": 3.0}
    result = go(world.settings(), plugins=("recommend", "adversarial"), adversarial=adversarial)
    metrics = result.metrics["test"]
    assert metrics["ndcg@10_under_attack"].value < metrics["ndcg@10"].value
    assert 0 < metrics["ndcg@10_under_typos"].value <= 1


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_the_encoder_of_an_encoder_decoder_reads_the_texts(
    kind: str, world: Any, go: Any, model: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer, BartConfig, BartModel, T5Config, T5Model

    tokenizer = AutoTokenizer.from_pretrained(model)
    sizes = {"vocab_size": len(tokenizer), "d_model": 32, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    if kind == "t5":
        whole = T5Model(T5Config(**sizes, num_layers=1, num_heads=2, d_ff=32, d_kv=16))
    else:
        heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
        layers = {"encoder_layers": 1, "decoder_layers": 1}
        whole = BartModel(BartConfig(**sizes, **heads, **layers, max_position_embeddings=64))
    folder = tmp_path / kind
    whole.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    before = {name: value.clone() for name, value in whole.state_dict().items()}
    result = go(world.settings(), ["recommend", "adversarial"], model=str(folder))
    after = type(whole).from_pretrained(result.output / "model").state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("encoder.") for name in changed)
    assert not any(name.startswith("decoder.layer") for name in changed)
    (answer,) = ft.predict(result.output, {"history": ["i1", "a redish3 thing"], "k": 3})
    assert len(answer["items"]) == 3
