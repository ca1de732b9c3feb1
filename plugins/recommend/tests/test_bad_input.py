"""Each fault of the data: one clear message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft

Change = Callable[[Any], None]


def _set(rows: str, row: int, column: int, value: Any) -> Change:
    def change(world: Any) -> None:
        getattr(world, rows)[row][column] = value

    return change


FAULTS: dict[str, tuple[Change, str, str]] = {
    "unknown item": (
        _set("interactions", 3, 1, "i999"),
        "interactions.csv:5",
        "the item 'i999' is not in the catalogue",
    ),
    "duplicate item": (
        _set("items", 4, 0, "i2"),
        "items.csv:6",
        "item 'i2' stands twice in the catalogue",
    ),
    "item without id": (_set("items", 4, 0, ""), "items.csv:6", "the item has no id"),
    "rating not a number": (
        _set("interactions", 0, 2, "good"),
        "interactions.csv:2",
        "the rating 'good' is not a number",
    ),
    "no rating": (_set("interactions", 1, 2, ""), "interactions.csv:3", "the rating '' is not"),
    "infinite rating": (
        _set("interactions", 1, 2, "inf"),
        "interactions.csv:3",
        "the rating 'inf' is not a number",
    ),
    "timestamp": (
        _set("interactions", 2, 3, "yesterday"),
        "interactions.csv:4",
        "the timestamp 'yesterday' does not fit the others, which are seconds",
    ),
    "no user": (
        _set("interactions", 2, 0, " "),
        "interactions.csv:4",
        "the interaction has no user",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_row_is_refused_with_its_line(fault: str, world: Any, load: Any) -> None:
    change, place, message = FAULTS[fault]
    change(world)
    with pytest.raises(ft.DataError) as caught:
        load(world.settings())
    assert message in caught.value.what
    assert caught.value.where.endswith(place)
    assert "on_bad_row" in caught.value.hint


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_row_is_set_aside_on_request(fault: str, world: Any, load: Any) -> None:
    change, place, message = FAULTS[fault]
    change(world)
    data, _ = load(world.settings(on_bad_row="skip"))
    note = next(note for note in data.notes if "set aside in" in note)
    lines = Path(note.rsplit(" ", 1)[1]).read_text().splitlines()
    first = json.loads(lines[0])
    assert message in first["reason"]
    assert f"{first['file']}:{first['line']}".endswith(place)


def test_an_empty_text_is_refused_and_named(world: Any, load: Any) -> None:
    world.items[5][1] = "  "
    world.items[5][3] = ""
    with pytest.raises(
        ft.DataError, match=r"items.csv:7: item 'i5' has an empty text \(title and kind\)"
    ):
        load(world.settings())


def test_interactions_of_an_item_that_is_set_aside_go_with_it(world: Any, load: Any) -> None:
    world.items[5][1] = world.items[5][3] = ""
    data, plugin = load(world.settings(on_bad_row="skip"))
    assert "i5" not in plugin._corpus.catalogue.row_of
    assert any("1 rows that cannot be used" in note for note in data.notes)


def test_several_bad_rows_are_counted(world: Any, load: Any) -> None:
    for row in range(4):
        world.interactions[row][2] = "x"
    with pytest.raises(ft.DataError, match="and 3 more rows"):
        load(world.settings())


def test_a_user_with_one_interaction_is_named_and_not_tested(world: Any, load: Any) -> None:
    world.interactions.append(["lonely", "i0", 3, 10**9])
    line = len(world.interactions) + 1
    data, _ = load(world.settings())
    (note,) = [note for note in data.notes if "lonely" in note]
    assert f"interactions.csv:{line}: user 'lonely' has one interaction" in note
    assert "trained on, not tested (recommend.lone_users = 'refuse'" in note
    assert "more such users" not in note
    assert "lonely" in data.splits["train"]["user"]
    assert "lonely" not in data.splits["test"]["user"]


def test_a_user_with_one_interaction_is_refused_on_request(world: Any, load: Any) -> None:
    world.interactions += [[user, "i0", 3, 10**9] for user in ("lonely", "alone", "single")]
    line = len(world.interactions) - 1
    with pytest.raises(
        ft.DataError, match=r"user 'lonely' has one interaction .* \(and 2 more such users\)"
    ) as caught:
        load(world.settings(lone_users="refuse"))
    assert caught.value.where.endswith(f"interactions.csv:{line}")


def test_only_users_with_one_interaction_are_an_error(world: Any, load: Any) -> None:
    world.interactions = [[f"u{k}", f"i{k}", 3, 10**9] for k in range(9)]
    with pytest.raises(ft.DataError, match="no user has two interactions"):
        load(world.settings())


def test_a_missing_column_names_the_likely_one(world: Any, load: Any) -> None:
    world.header[1] = "itm"
    with pytest.raises(ft.DataError) as caught:
        load(world.settings())
    assert "there is no column 'item'" in caught.value.what
    assert "recommend.columns = {item = 'itm'}" in caught.value.hint


def test_columns_may_have_other_names(world: Any, load: Any) -> None:
    world.header[:2] = ["who", "what"]
    world.item_header[0] = "what"
    data, _ = load(world.settings(columns={"user": "who", "item": "what"}))
    assert data.splits["test"].num_rows == 30


def test_no_text_column_is_an_error(empty_world: Any, load: Any) -> None:
    empty_world.item_header = ["item", "price"]
    empty_world.items = [["a", 1.5], ["b", 2.5]]
    empty_world.interactions = [["u", "a", 1, 1], ["u", "b", 1, 2]]
    with pytest.raises(ft.DataError, match="no column holds text"):
        load(empty_world.settings())


def test_a_named_column_that_is_not_there_is_an_error(world: Any, load: Any) -> None:
    with pytest.raises(ft.ConfigError, match="has no column 'descripton'") as caught:
        load(world.settings(text=("descripton",)))
    assert caught.value.where == "recommend.text"


def test_files_that_are_not_named(world: Any, load: Any) -> None:
    settings = world.settings()
    del settings["items"]
    with pytest.raises(ft.ConfigError, match="no items are named"):
        load(settings)


def test_min_rating_without_ratings(world: Any, load: Any) -> None:
    world.header = ["user", "item", "timestamp"]
    world.interactions = [[u, i, t] for u, i, _, t in world.interactions]
    with pytest.raises(
        ft.DataError, match="min_rating is set, but the interactions have no ratings"
    ):
        load(world.settings(min_rating=3))


def test_the_rating_loss_without_ratings(world: Any, go: Any) -> None:
    world.header = ["user", "item", "timestamp"]
    world.interactions = [[u, i, t] for u, i, _, t in world.interactions]
    with pytest.raises(ft.DataError, match="the loss 'rating' needs ratings"):
        go(world.settings(loss="rating"))


def test_a_user_named_twice_in_the_file_of_users(world: Any, load: Any) -> None:
    users = world.folder / "users.csv"
    users.write_text("user,age\nu1,30\nu1,31\n")
    with pytest.raises(ft.DataError, match="user 'u1' stands twice"):
        load(world.settings(users=str(users)))
