"""Numbers and categories as vectors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ft_recommend.features import KNOTS, VALUES, Features, hats, split_values, values_of
from ft_recommend.users import DAY, Context

numbers = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=30)


@given(numbers)
@settings(deadline=None)
def test_a_number_has_weights_that_sum_to_one_and_give_it_back(values: list[float]) -> None:
    column = np.array(values)
    space = Features.fit({"n": column}, {})
    matrix = space.matrix(len(values), {"n": column}, {})
    assert matrix.sum(1) == pytest.approx(1, abs=1e-5)
    knots = np.array(space.knots["n"])
    known = np.isfinite(column)
    back = matrix[known, :-1] @ knots
    assert back == pytest.approx(column[known], rel=1e-4, abs=1)
    assert (matrix[~known, -1] == 1).all()


def test_weights_between_two_points() -> None:
    assert hats(np.array([2.5, -1.0, 9.0, np.nan]), (0.0, 2.0, 4.0)).tolist() == [
        [0, 0.75, 0.25, 0],
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]


def test_points_are_few() -> None:
    space = Features.fit({"n": np.arange(1000.0)}, {})
    assert len(space.knots["n"]) == KNOTS


def test_a_category_has_one_place_a_value() -> None:
    cells = ["a|b", "b", "", "b|c", "a"]
    space = Features.fit({}, {"c": cells})
    assert space.values == {"c": ("b", "a")}
    assert space.matrix(5, {}, {"c": cells}).tolist() == [[1, 1], [1, 0], [0, 0], [1, 0], [0, 1]]
    assert space.matrix(1, {}, {"c": ["new"]}).tolist() == [[0, 0]]


def test_only_the_most_frequent_values_have_a_place() -> None:
    cells = [f"v{k}" for k in range(VALUES + 50)] * 2 + ["often"] * 3
    assert len(values_of(cells)) == VALUES
    assert values_of(cells)[0] == "often"


@given(st.text(alphabet="ab| ", max_size=20))
@settings(deadline=None)
def test_values_have_no_blanks_around_them(text: str) -> None:
    assert all(value and value == value.strip() for value in split_values(text))


def test_json_gives_the_same_space() -> None:
    space = Features.fit({"n": np.array([1.0, 2.0])}, {"c": ["x", "x"]})
    again = Features.from_json(space.to_json())
    assert again == space
    assert again.size == KNOTS + 1 + 1


def test_the_moment_has_time_and_days_since() -> None:
    time = np.arange(10) * 3 * DAY
    last = np.concatenate([[np.nan], time[:-1]])
    context = Context.fit(time, last, Features())
    nobody = np.zeros((2, 0), np.float32)
    now, later = context.matrix(np.array([np.nan, time[0]]), np.array([np.nan, time[0]]), nobody)
    latest = context.matrix(time[-1:], np.array([np.nan]), nobody[:1])[0]
    assert now.tolist() == latest.tolist()
    assert later.tolist() != now.tolist()
    assert len(now) == context.size


def test_without_times_there_is_no_moment() -> None:
    context = Context.fit(None, None, Features())
    assert context.matrix(np.array([1.0]), np.array([0.0]), np.zeros((1, 0))).shape == (1, 0)


def test_lists_of_a_json_file_are_values_of_a_category(world: Any, load: Any) -> None:
    """As catalogues of shops have them: lists, lists of lists, objects, and nothing."""
    settings = world.settings()
    path = world.folder / "items.jsonl"
    rows = [
        {
            "item": row[0],
            "title": row[1],
            "genres": [row[3].split("|")[0], "big"],
            "categories": [["Books"], [row[3].split("|")[0]]],
            "also": {"bought": [], "viewed": None},
        }
        for row in world.items
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data, plugin = load({**settings, "items": str(path), "text": ("title", "categories")})
    assert any("categories genres" in note for note in data.notes)
    catalogue = plugin._corpus.catalogue
    assert catalogue.texts[0].endswith(f"Books, {rows[0]['genres'][0]}")
    values = catalogue.features_from({"genres": rows[0]["genres"]})
    assert np.array_equal(values, catalogue.features[0])
