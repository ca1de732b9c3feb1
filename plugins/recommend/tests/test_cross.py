"""The cross-encoder: pairs, re-ranked lists, first stages."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from transformers import AutoModel

import ft


@pytest.fixture(scope="module")
def crossed(go: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Everybody takes red items; their titles do not tell the colour."""
    rng = random.Random(1)
    folder = tmp_path_factory.mktemp("cross")
    words = [f"redish{k}" for k in range(6)]
    items = [
        f"i{k},{' '.join(rng.sample(words, 2))} no {k},{'red' if k % 2 else 'blue'}\n"
        for k in range(24)
    ]
    (folder / "items.csv").write_text("item,title,kind\n" + "".join(items))
    rows = []
    for u in range(20):
        mine = [k for k in range(24) if k % 2]
        rows += [f"u{u},i{k},{t}\n" for t, k in enumerate(rng.sample(mine, 4))]
    (folder / "interactions.csv").write_text("user,item,timestamp\n" + "".join(rows))
    settings = {
        "mode": "cross",
        "interactions": str(folder / "interactions.csv"),
        "items": str(folder / "items.csv"),
        "text": ("title",),
        "categories": ("kind",),
        "rerank": 16,
        "pair_negatives": 3,
        "pair_history": 2,
    }
    return go(settings, epochs=3, head_learning_rate=0.1)


def test_a_row_is_a_liked_item_or_a_negative(world: Any, load: Any) -> None:
    data, _ = load(world.settings(mode="cross", pair_negatives=3))
    train = data.splits["train"]
    assert [text.column for text in data.schema.texts] == ["history_text", "candidate"]
    by_user = {row[0]: set() for row in world.interactions}
    for user, item, _, _ in world.interactions:
        by_user[user].add(item)
    liked = np.array(train["liked"])
    assert liked.mean() == pytest.approx(1 / 4)
    for row in train:
        assert row["history"]
        if row["liked"]:
            assert f"i{row['item']}" in by_user[row["user"]]
        else:
            assert row["item"] not in row["history"]


def test_the_latest_item_is_read_first(world: Any, load: Any) -> None:
    data, plugin = load(world.settings(mode="cross", pair_history=2))
    texts = plugin._corpus.catalogue.texts
    row = next(row for row in data.splits["test"] if len(row["history"]) > 2)
    assert row["history_text"] == "; ".join(texts[k] for k in row["history"][:-3:-1])


@pytest.mark.parametrize("stage", ["popularity", "bm25"])
def test_candidates_are_the_best_of_the_first_stage(stage: str, world: Any, load: Any) -> None:
    data, _ = load(world.settings(mode="cross", first_stage=stage, rerank=7))
    for row in data.splits["test"]:
        assert len(set(row["shortlist"])) == 7
        assert not set(row["shortlist"]) & set(row["history"])


def test_it_ranks_the_first_stages_candidates_better(crossed: Any) -> None:
    table = crossed.tables[0]
    assert [row[0] for row in table.rows] == [
        "recommend (cross)",
        "first stage: bm25",
        "popularity",
        "BM25",
        "frozen encoder",
    ]
    ours, first = (float(row[1].split()[0]) for row in table.rows[:2])
    assert ours == pytest.approx(crossed.metrics["test"]["ndcg@10"].value, abs=1e-4)
    assert ours > first


def test_predictions_keep_the_first_stages_rank(crossed: Any) -> None:
    lines = (crossed.output / "predictions" / "test.jsonl").read_text().splitlines()
    one = json.loads(lines[0])
    assert {"rank", "first_rank", "among", "items", "scores", "user", "target"} <= set(one)
    assert one["scores"] == sorted(one["scores"], reverse=True)


def test_evaluating_again_gives_the_same(crossed: Any) -> None:
    again = ft.evaluate(crossed.output)
    assert again.metrics["test"]["mrr"].value == pytest.approx(
        crossed.metrics["test"]["mrr"].value, abs=1e-6
    )


def test_the_model_folder_is_a_plain_encoder(crossed: Any) -> None:
    assert AutoModel.from_pretrained(crossed.output / "model").config.hidden_size == 32


def test_requests_are_ranked_by_pairs(crossed: Any) -> None:
    (known,) = ft.predict(crossed.output, {"user": "u1", "k": 4})
    assert len(known["items"]) == 4
    new = [
        {"item": "a", "title": "no 1", "kind": "blue"},
        {"item": "b", "title": "no 1", "kind": "red"},
    ]
    request = {"history": ["i1", "redish3"], "candidates": [*new, "i5"]}
    (new,) = ft.predict(crossed.output, request)
    assert set(new["items"]) == {"a", "b", "i5"}
    assert new["items"][-1] == "a"
    assert new["scores"] == sorted(new["scores"], reverse=True)


def test_a_two_tower_run_may_be_the_first_stage(trained: Any, world: Any, go: Any) -> None:
    settings = world.settings(mode="cross", first_stage=str(trained.output), rerank=8)
    result = go({**settings, "limit": 40})
    assert result.tables[0].rows[1][0] == "first stage: run"
    assert result.metrics["test"]["auc"].value > 0.5
