"""Splits by time for each user: nothing of the future in any example."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ft_recommend.examples import before, history_rows, targets
from ft_recommend.interactions import (
    TEST,
    TRAIN,
    VALIDATION,
    WITHHELD,
    Interactions,
    drop_later,
    hold_out,
)

rows = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 8), st.integers(0, 5), st.booleans()),
    min_size=1,
    max_size=60,
)


def make(rows: list[tuple[int, int, int, bool]]) -> Interactions:
    rows = sorted(rows, key=lambda row: (row[0], row[2]))
    user, item, time, liked = (np.array(column) for column in zip(*rows, strict=True))
    names, user = np.unique(user, return_inverse=True)
    size = len(rows)
    return Interactions(
        [f"u{name}" for name in names],
        user.astype(np.int32),
        item.astype(np.int32),
        None,
        time.astype(float),
        np.arange(size),
        np.zeros(size, np.int8),
        np.zeros(size, np.int8),
        liked,
    )


@given(rows)
@settings(max_examples=100, deadline=None)
def test_each_user_gives_the_last_liked_to_the_test(rows: Any) -> None:
    data = make(rows)
    hold_out(data)
    drop_later(data)
    for user in range(len(data.names)):
        mine = np.flatnonzero((data.user == user) & data.liked)
        used = data.use[mine]
        if len(mine) >= 2:
            assert used[-1] == TEST
        if len(mine) >= 3:
            assert used[-2] == VALIDATION
        rest = used[: -2 if len(mine) >= 3 else -1 if len(mine) == 2 else None]
        assert (rest == TRAIN).all()


@given(rows, st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_a_history_is_the_users_liked_items_before(rows: Any, most: int) -> None:
    data = make(rows)
    hold_out(data)
    drop_later(data)
    for split, allowed in (("train", [0]), ("validation", [0, 1]), ("test", [0, 1, 2])):
        chosen = targets(data, split)
        runs = history_rows(data, split)
        begin, count = before(data, split, chosen, most)
        for row, b, c in zip(chosen, begin, count, strict=True):
            earlier = [
                k
                for k in range(row)
                if data.user[k] == data.user[row] and data.liked[k] and data.use[k] in allowed
            ]
            assert runs[b : b + c].tolist() == earlier[-most:]


@given(rows)
@settings(max_examples=50, deadline=None)
def test_training_never_sees_what_lies_behind_a_held_out_item(rows: Any) -> None:
    data = make(rows)
    hold_out(data)
    drop_later(data)
    for user in range(len(data.names)):
        use = data.use[data.user == user]
        held = np.flatnonzero(np.isin(use, (VALIDATION, TEST)))
        if len(held):
            assert TRAIN not in use[held[0] :]


def test_order_is_by_time_not_by_line(world: Any, load: Any) -> None:
    data, _ = load(world.settings())
    expected = {row["user"]: row["item"] for row in data.splits["test"]}
    world.interactions.reverse()
    again, _ = load(world.settings())
    assert {row["user"]: row["item"] for row in again.splits["test"]} == expected


def test_the_split_is_said(world: Any, load: Any) -> None:
    data, _ = load(world.settings())
    said = " ".join(data.notes)
    assert "split by time for each user: the last interaction is for the test" in said
    assert "30 users, 36 items" in said
    assert "text title, kind; numbers year; categories kind" in said


def test_without_timestamps_the_files_order_counts_and_is_said(world: Any, load: Any) -> None:
    world.header = world.header[:3]
    world.interactions = [row[:3] for row in world.interactions]
    data, _ = load(world.settings())
    last = {user: item for user, item, _ in world.interactions}
    for row in data.splits["test"]:
        assert f"i{row['item']}" == last[row["user"]]
    assert any("no timestamp" in note for note in data.notes)


def test_dates_are_moments(world: Any, load: Any) -> None:
    numbers, _ = load(world.settings())
    for row in world.interactions:
        row[3] = str(np.datetime64(row[3], "s"))
    dates, _ = load(world.settings())
    assert dates.splits["test"]["time"][:] == numbers.splits["test"]["time"][:]


def test_milliseconds_are_seconds(world: Any, load: Any) -> None:
    numbers, _ = load(world.settings())
    for row in world.interactions:
        row[3] *= 1000
    milliseconds, _ = load(world.settings())
    assert milliseconds.splits["test"]["time"][:] == numbers.splits["test"]["time"][:]


def test_a_low_rating_counts_as_seen_but_not_as_liked(world: Any, load: Any) -> None:
    data, _ = load(world.settings(min_rating=3))
    ratings = {(u, i): rating for u, i, rating, _ in world.interactions}
    for split in data.splits:
        for row in data.splits[split]:
            assert all(
                ratings[row["user"], f"i{item}"] >= 3 for item in [row["item"], *row["history"]]
            )
    test = data.splits["test"]
    assert any(set(row["seen"]) - set(row["history"]) for row in test)
    assert all(set(row["history"]) <= set(row["seen"]) for row in test)


def test_splits_may_be_files_of_their_own(world: Any, load: Any) -> None:
    rows = sorted(world.interactions, key=lambda row: row[3])
    middle = rows[len(rows) // 2][3]
    world.interactions = [row for row in rows if row[3] < middle]
    later = world.folder / "later.csv"
    late = [row for row in rows if row[3] >= middle]
    later.write_text(
        ",".join(world.header) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in late)
    )
    data, plugin = load(world.settings(test=str(later)))
    assert set(data.splits) == {"train", "test"}
    time = {(row[0], row[1]): row[3] for row in rows}
    for row in data.splits["test"]:
        assert row["time"] >= middle
        assert all(time[row["user"], f"i{item}"] <= row["time"] for item in row["history"])
    assert all(moment < middle for moment in data.splits["train"]["time"])
    assert plugin._corpus.popularity.sum() == len(world.interactions)
    assert data.place("test", 0).startswith(str(later))


def test_training_data_behind_a_given_test_file_is_left_out_and_said(world: Any, load: Any) -> None:
    user, item, rating, time = world.interactions[0]
    test = world.folder / "test.csv"
    test.write_text(f"{','.join(world.header)}\n{user},{item},{rating},{time + 1}\n")
    mine = [row for row in world.interactions if row[0] == user]
    data, _ = load(world.settings(test=str(test)))
    assert any(f"{len(mine) - 1:,} training interactions behind" in note for note in data.notes)
    assert list(data.splits["train"]["user"]).count(user) == 1


def test_withheld_items_are_not_in_training(world: Any, load: Any) -> None:
    data, plugin = load(world.settings(cold_share=0.3))
    corpus = plugin._corpus
    withheld = set(np.flatnonzero(corpus.interactions.use == WITHHELD))
    assert withheld
    cold = set(np.flatnonzero(corpus.popularity == 0))
    assert len(cold) >= round(0.3 * 36)
    for split in ("train", "validation"):
        for row in data.splits[split]:
            assert not cold & {row["item"], *row["history"]}
    assert any(row["item"] in cold for row in data.splits["test"])
    assert not any(set(row["history"]) & cold for row in data.splits["test"])


def test_limit_and_validation_users(world: Any, load: Any) -> None:
    data, _ = load(world.settings(limit=17, validation_users=5))
    assert data.splits["train"].num_rows == 17
    assert data.splits["validation"].num_rows == 5
    assert data.splits["test"].num_rows == 30


def test_items_had_before_are_said_to_be_missed(world: Any, load: Any) -> None:
    user, item, rating, time = world.interactions[-1]
    world.interactions.append([user, item, rating, time + 5])
    data, _ = load(world.settings())
    assert any(note.startswith("1 held-out items had been had") for note in data.notes)


def test_parquet_gives_the_same(world: Any, load: Any) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    settings = world.settings()
    text, _ = load(settings)
    binary = {}
    for name, path in settings.items():
        binary[name] = path.replace(".csv", ".parquet")
        pyarrow.parquet.write_table(pyarrow.csv.read_csv(path), binary[name])
    same, _ = load(binary)
    for split in text.splits:
        for column in ("user", "item", "history", "time", "rating", "candidate"):
            assert same.splits[split][column][:] == text.splits[split][column][:]
