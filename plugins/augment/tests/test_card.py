"""The package and its card: found by its entry point, settings as in the code, example runs."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import ft
from ft_augment import Augment, AugmentConfig

ROOT = Path(__file__).resolve().parents[1]
CARD = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_card_lists_every_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", CARD, re.MULTILINE))
    defaults = {
        name: str(value).lower() for name, value in AugmentConfig().model_dump(mode="json").items()
    }
    assert listed == defaults


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in AugmentConfig.model_fields.values())


def test_the_code_in_the_card_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", CARD, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})


def test_the_entry_point_names_the_plugin() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert declared["project"]["entry-points"]["ft.plugins"] == {"augment": "ft_augment:Augment"}
    (found,) = [point for point in entry_points(group="ft.plugins") if point.name == "augment"]
    assert found.load() is Augment
    assert issubclass(Augment, ft.Plugin)
    assert Augment.Config is AugmentConfig
