"""Ranges: how they are typed, declared and checked."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

import ft
from ft import Config, RunConfig, Tunable
from ft_study.tune.space import read_range

NUMBERS = st.floats(1e-6, 1e6).map(lambda value: float(f"{value:.4g}"))


@given(NUMBERS, NUMBERS, st.sampled_from(["", ":log", ":linear"]))
def test_a_typed_range_is_read_as_it_was_meant(one: float, other: float, scale: str) -> None:
    text = f"{one!r}..{other!r}{scale}"
    if one < other:
        assert read_range(text) == Tunable(one, other, log=scale == ":log")
    else:
        with pytest.raises(ValueError, match="not below"):
            read_range(text)


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("8, 16,32", (8, 16, 32)),
        ("linear,cosine", ("linear", "cosine")),
        ("true,false", (True, False)),
        ('"a,b","c"', ("a,b", "c")),
        ("0.1,1e-3", (0.1, 1e-3)),
    ],
)
def test_choices_have_the_values_that_o_gives(text: str, choices: tuple[object, ...]) -> None:
    assert read_range(text).choices == choices


def test_scale_and_step_are_the_settings_own_unless_they_are_typed() -> None:
    rate, epochs = Tunable(1e-5, 1e-3, log=True), Tunable(2, 8, step=2)
    assert read_range("1e-4..1e-2", rate).log
    assert not read_range("1e-4..1e-2:linear", rate).log
    assert read_range("4..10", epochs).step == 2
    assert read_range("1..4", epochs).step is None
    assert read_range("1..4:log", epochs) == Tunable(1, 4, log=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("3", "one value"),
        ("1..", "could not convert"),
        ("1..nan", "no end"),
        ("0..1:log", "above 0"),
        ("a,b:log", "no scale"),
        ("[1],[2]", "neither"),
    ],
)
def test_what_is_no_range_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_range(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"low": 1},
        {"low": 2, "high": 1},
        {"low": 0, "high": 1, "log": True},
        {"low": 1, "high": 2, "choices": (1,)},
        {"low": 1, "high": 2, "step": 3},
        {"low": 1, "high": 9, "log": True, "step": 1},
    ],
)
def test_a_range_that_cannot_be_searched_is_refused_where_it_is_declared(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"range|choices|below|above|step"):
        Tunable(**wrong)


def test_a_mark_changes_nothing_of_the_setting() -> None:
    class Marked(Config):
        weight: Annotated[float | None, Tunable(0.1, 1)] = Field(None, gt=0, description="w")

    assert Tunable.declared(Marked) == {"weight": Tunable(0.1, 1)}
    assert Marked().weight is None
    with pytest.raises(ValueError, match="greater than 0"):
        Marked(weight=-1)


@pytest.mark.parametrize("name", ["run", "ner", "augment", "sentiment", "adversarial", "recommend"])
def test_every_end_of_a_declared_range_is_allowed(name: str) -> None:
    config = RunConfig if name == "run" else ft.resolve([name], values={}).configs[name].__class__
    for key, mark in Tunable.declared(config).items():
        for value in mark.choices or (mark.low, mark.high):
            config.model_validate({key: value})
