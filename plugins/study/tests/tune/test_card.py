"""The package and its card: the command is found by its entry point, the options are as in the code."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from inspect import signature
from pathlib import Path

from ft_study.tune.command import tune

CARD = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_option_of_the_card_is_one() -> None:
    table = CARD[CARD.index("| `--search") : CARD.index("- Draws values")]
    named = {name.replace("-", "_") for name in re.findall(r"`--([a-z-]+)", table)}
    own = {"as_json" if name == "json" else name.removeprefix("no_") for name in named}
    assert own <= set(signature(tune).parameters)


def test_the_code_of_the_card_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", CARD, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {"__name__": "card"})


def test_the_entry_point_names_the_command() -> None:
    (found,) = [point for point in entry_points(group="ft.commands") if point.name == "tune"]
    assert found.load() is tune
