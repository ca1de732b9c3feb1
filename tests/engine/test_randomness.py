"""Random numbers do not depend on what a process happens to import when."""

from __future__ import annotations

import random

import pytest

from ft.engine.randomness import undisturbed


def test_what_is_drawn_inside_is_not_missed_outside() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    with undisturbed():
        random.random()
    assert random.random() == expected


def test_not_even_after_an_error() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)

    def fail() -> None:
        with undisturbed():
            random.random()
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert random.random() == expected
