"""The package and its card: found by its entry point, settings as in the code."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

from ft_track import Track, TrackConfig

CARD = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_card_lists_every_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", CARD, re.MULTILINE))
    assert listed == {name: str(value).lower() for name, value in TrackConfig()}


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in TrackConfig.model_fields.values())


def test_the_entry_point_names_the_plugin() -> None:
    (found,) = [point for point in entry_points(group="ft.plugins") if point.name == "track"]
    assert found.load() is Track
