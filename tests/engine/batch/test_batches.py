"""The cut into passes, and padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ft.contract.model import forward
from ft.engine.batch.batches import collate, lengths, micro_batches


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    budget=st.integers(1, 200),
    share=st.floats(0, 1),
)
@settings(max_examples=100, deadline=None)
def test_micro_batches_hold_every_feature_within_the_budget(
    sizes: list[int], budget: int, share: float
) -> None:
    features = [{"input_ids": [7] * n, "number": i} for i, n in enumerate(sizes)]
    enough = int(share * budget)
    cut = micro_batches(features, budget, enough)
    assert sorted(f["number"] for micro in cut for f in micro) == list(range(len(sizes)))
    for micro in cut:
        each = lengths(micro)
        longest = max(each)
        assert len(micro) == 1 or len(micro) * longest <= budget
        # Only a pass that does not hold enough yet takes what it must pad.
        for before, own in enumerate(each):
            assert own == longest or before * longest < enough
    assert micro_batches(features, budget) == micro_batches(features, budget, budget)


def test_columns_are_padded_by_their_meaning() -> None:
    batch = collate(
        [
            {"input_ids": [5, 6, 7], "labels": [1, -100, 2], "word_ids": [0, -1, 1], "row": 0,
             "item_input_ids": [[1], [2, 3]], "price": 1.5, "counts": [1, 2], "name": "x"},
            {"input_ids": [8], "labels": [0], "word_ids": [0], "row": 1,
             "item_input_ids": [[4, 5, 6]], "price": 2.0, "counts": [], "name": "y"},
        ],
        pad_id=9,
    )  # fmt: skip
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[1, -100, 2], [0, -100, -100]]
    assert batch["item_input_ids"].tolist() == [[[1, 9, 9], [2, 3, 9]], [[4, 5, 6], [9, 9, 9]]]
    assert batch["item_attention_mask"].tolist() == [[[1, 0, 0], [1, 1, 0]], [[1, 1, 1], [0, 0, 0]]]
    assert batch["price"].dtype == torch.float32
    assert batch["counts"].tolist() == [[1, 2], [0, 0]]
    assert {"row", "word_ids", "name"}.isdisjoint(batch)


def test_labels_of_whole_examples_keep_their_type() -> None:
    classes = collate([{"input_ids": [1], "labels": 2}, {"input_ids": [1], "labels": 0}], 0)
    numbers = collate([{"input_ids": [1], "labels": 2.5}, {"input_ids": [1], "labels": 0.0}], 0)
    several = collate([{"input_ids": [1], "labels": [0.0, 1.0]}], 0)
    assert classes["labels"].dtype == torch.int64
    assert numbers["labels"].dtype == several["labels"].dtype == torch.float32


def test_every_column_of_labels_is_padded_with_what_no_class_is() -> None:
    """A decoder's labels and weights beside others, which are padded with 0 or the pad id."""
    batch = collate(
        [
            {"input_ids": [5], "labels_topic": [3, 1, 0], "labels": [2, 2], "keep_ends": [4, 5]},
            {"input_ids": [8, 9], "labels_topic": [0], "labels": [1], "keep_ends": [6]},
        ],
        pad_id=7,
    )
    assert batch["labels_topic"].tolist() == [[3, 1, 0], [0, -100, -100]]
    assert batch["labels"].tolist() == [[2, 2], [1, -100]]
    assert batch["keep_ends"].tolist() == [[4, 5], [6, 0]]
    assert batch["input_ids"].tolist() == [[5, 7], [8, 9]]


def test_a_feature_costs_its_longest_sequence_or_its_length() -> None:
    written = {"input_ids": [1, 2], "labels": [1, 2, 3, 4, 5]}
    classes = {"input_ids": [1, 2], "labels": [0.0, 1.0, 0.0]}
    kept = {"input_ids": [1, 2], "keep_text": [1] * 9}
    pixels = {"pixel_values": np.zeros((3, 4, 4), np.float32), "length": 16}
    long = {"input_ids": [1, 2], "length": 40}
    assert lengths([written, kept, pixels, long]) == [5, 2, 16, 40]
    assert lengths([classes]) == [2]
    cut = micro_batches([pixels] * 5, 33)
    assert [len(micro) for micro in cut] == [2, 2, 1]
    batch = collate(cut[0], 0)
    assert set(batch) == {"pixel_values"}
    assert batch["pixel_values"].shape == (2, 3, 4, 4)


def test_what_is_kept_and_labels_never_reach_the_model() -> None:
    class Model(torch.nn.Module):
        def forward(self, **inputs: torch.Tensor) -> dict[str, Any]:
            return {"seen": sorted(inputs)}

    batch = collate(
        [{"input_ids": [1], "labels": 1, "labels_more": [1], "keep_place": 3, "keep_name": "x"}], 0
    )
    assert "keep_place" in batch
    assert "keep_name" not in batch, "no number; decode finds it in the features"
    assert forward(Model(), batch)["seen"] == ["attention_mask", "input_ids"]


def places(value: Any, at: tuple[int, ...] = ()) -> dict[tuple[int, ...], float]:
    """Every number of nested lists by its place."""
    if not isinstance(value, list):
        return {at: value}
    return {k: v for i, one in enumerate(value) for k, v in places(one, (*at, i)).items()}


@given(depth=st.integers(1, 3), data=st.data())
@settings(max_examples=100, deadline=None)
def test_padding_keeps_every_number_in_its_place(depth: int, data: st.DataObject) -> None:
    rows: st.SearchStrategy[Any] = st.integers(-9, 9) | st.floats(-9, 9, width=32)
    for _ in range(depth):
        rows = st.lists(rows, max_size=4)
    values = data.draw(st.lists(rows, min_size=1, max_size=4))
    batch = collate([{"x": value} for value in values], pad_id=0)["x"]
    expected = places(values)
    kept = dict(np.ndenumerate(batch.numpy()))
    assert all(kept.pop(place) == number for place, number in expected.items())
    assert not any(kept.values())
    floating = any(isinstance(number, float) for number in expected.values())
    assert batch.dtype == (torch.float32 if floating else torch.int64)


def test_padding_stands_on_the_left_where_a_model_reads_the_last_position() -> None:
    features = [
        {"input_ids": [5, 6, 7], "labels": [1, -100, 2]},
        {"input_ids": [8], "labels": [0]},
    ]
    batch = collate(features, pad_id=9, left=True)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [9, 9, 8]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]
    assert batch["labels"].tolist() == [[1, -100, 2], [-100, -100, 0]]
