"""Whether a new run may be shipped."""

from __future__ import annotations

from typing import Any

import pytest

from ft_refresh.verdict import Rule, verdict


def source(name: str, value: float, half: float, p: float, **more: Any) -> dict[str, Any]:
    """What `ft compare --json` says of data with one class, ``ORG``, that changed like the main metric."""
    row = {"difference": value, "low": value - half, "high": value + half, "p": p}
    return {
        "data": name,
        "main": "f1",
        "metrics": [{"metric": "f1", "higher_is_better": True, **row}],
        "classes": [{"class": "ORG", "corrected_p": p, **row}],
        "unknown": {"old": {}, "new": {}},
        **more,
    }


@pytest.mark.parametrize(
    ("value", "half", "p", "refused"),
    [
        (-0.04, 0.03, 0.01, {"shown", "point", "safe"}),
        (-0.04, 0.05, 0.2, {"point", "safe"}),
        (-0.01, 0.005, 0.001, set()),
        (0.0, 0.05, 1.0, {"safe"}),
        (0.03, 0.01, 0.001, set()),
    ],
)
def test_a_fall_is_refused_by_the_rule(
    value: float, half: float, p: float, refused: set[str]
) -> None:
    for proof in ("shown", "point", "safe"):
        found = verdict([source("old:test", value, half, p)], Rule(0.02, proof), ["old:test"])  # type: ignore[arg-type]
        assert found.ship == (proof not in refused)


def test_the_reason_names_the_class_and_the_interval() -> None:
    found = verdict([source("old:test", -0.04, 0.03, 0.01)], Rule(), ["old:test"])
    assert found.text == (
        "do not ship: f1 on old:test fell by .040 [.010, .070]; `ORG` fell by .040 [.010, .070]"
    )


def test_classes_are_looked_at_where_they_are_known_and_named() -> None:
    old = source("old:test", -0.3, 0.03, 0.01)
    old["metrics"][0] |= {"difference": 0.0, "low": -0.01, "high": 0.01}
    assert not verdict([old], Rule(), ["old:test"]).ship
    assert verdict([old], Rule(classes=["PER"]), ["old:test"]).ship
    assert verdict([{**old, "unknown": {"old": {"ORG": 3}, "new": {}}}], Rule(), ["old:test"]).ship
    kept = source("old:test", 0.0, 0.01, 1.0)
    assert verdict([kept, {**old, "data": "new.csv"}], Rule(), ["old:test"]).ship


def test_an_error_that_rises_is_a_fall() -> None:
    found = source("old:test", 0.5, 0.1, 0.001, classes=[])
    found["metrics"][0]["higher_is_better"] = False
    told = verdict([found], Rule(), ["old:test"])
    assert told.text == "do not ship: f1 on old:test rose by .500 [.400, .600]"


def test_nothing_is_shipped_on_no_evidence() -> None:
    found = verdict([source("new.csv", 0.1, 0.01, 0.001)], Rule(), [])
    assert "nothing is known of what it knew" in found.text
