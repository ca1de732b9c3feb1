"""`--preset`: settings below the user's own, and techniques that distributions bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.config.presets import SETTINGS
from ft.config.resolve import resolve

PLUGIN = """
from ft import Plugin

class Lone(Plugin):
    "Works without {other}."
    conflicts = ("{other}",)

class Extra(Plugin):
    "A technique."
"""


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A distribution whose technique is part of the preset `quick`."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ft_extra.py").write_text(PLUGIN.replace("{other}", "extra"))
    info = tmp_path / "ft_extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: ft-extra\nVersion: 1.0\n")
    points = "[ft.plugins]\nextra = ft_extra:Extra\nlone = ft_extra:Lone\n"
    (info / "entry_points.txt").write_text(f"{points}\n[ft.presets]\nquick = extra\n")
    return "extra"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No distribution brings techniques."""
    monkeypatch.setattr("ft.config.presets.installed", lambda group: [])


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("preset", SETTINGS)
def test_a_preset_gives_settings_and_says_so(preset: str) -> None:
    found = resolve(["sentiment"], values={"run.preset": preset})
    for key, value in SETTINGS[preset].items():
        assert getattr(found.run, key) == value
        assert found.origins[f"run.{key}"] == f"preset {preset}"


@pytest.mark.usefixtures("alone")
def test_what_the_user_gives_wins(tmp_path: Path) -> None:
    file = tmp_path / "ft.toml"
    file.write_text('plugins = ["sentiment"]\n[run]\npreset = "best"\nwarmup = 0.0\n')
    found = resolve(None, file=file, values={"run.preset": "quick"})
    assert found.run.epochs == SETTINGS["quick"]["epochs"]
    found = resolve(None, file=file, overrides=["run.evaluations=2"])
    assert (found.run.warmup, found.run.evaluations) == (0.0, 2)
    assert found.run.min_steps == SETTINGS["best"]["min_steps"]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("length", ["epochs", "max_steps"])
def test_a_length_that_the_user_gives_is_not_made_longer(length: str) -> None:
    found = resolve(["sentiment"], values={"run.preset": "best", f"run.{length}": 7})
    assert found.run.min_steps is None
    assert getattr(found.run, length) == 7


def test_an_installed_technique_joins_its_preset(extra: str) -> None:
    found = resolve(["sentiment"], values={"run.preset": "quick"})
    assert [one.name for one in found.plugins] == ["sentiment", extra]
    assert "preset quick: with 'extra' (ft-extra 1.0)" in found.notes
    named = resolve([extra, "sentiment"], values={"run.preset": "quick"})
    assert [one.name for one in named.plugins] == [extra, "sentiment"]
    assert [one.name for one in resolve(["sentiment"]).plugins] == ["sentiment"]


@pytest.mark.usefixtures("extra")
def test_a_technique_that_cannot_be_loaded_is_left_out(tmp_path: Path) -> None:
    points = "[ft.plugins]\nbroken = nothing_of_this_name:Extra\n[ft.presets]\nquick = broken\n"
    (tmp_path / "ft_extra-1.0.dist-info" / "entry_points.txt").write_text(points)
    found = resolve(["sentiment"], values={"run.preset": "quick"})
    assert [one.name for one in found.plugins] == ["sentiment"]
    assert any("left out" in note and "nothing_of_this_name" in note for note in found.notes)


def test_what_is_made_of_a_run_has_its_techniques_and_no_others(extra: str) -> None:
    """An arm of a study without a technique stays without it."""
    found = resolve(["sentiment", extra], values={"run.preset": "quick"})
    settings = {f"run.{key}": value for key, value in found.run.model_dump().items()}
    arm = resolve(["sentiment"], values={k: v for k, v in settings.items() if v is not None})
    assert [one.name for one in arm.plugins] == ["sentiment"]
    assert arm.run == found.run


@pytest.mark.usefixtures("extra")
def test_what_cannot_work_with_it_comes_before_a_preset() -> None:
    found = resolve(["sentiment", "lone"], values={"run.preset": "quick"})
    assert [one.name for one in found.plugins] == ["sentiment", "lone"]
    assert any("without extra, which cannot work with lone" in note for note in found.notes)


def test_another_name_is_refused() -> None:
    with pytest.raises(ft.ConfigError, match="quick"):
        resolve(["sentiment"], values={"run.preset": "bst"})


def test_a_run_with_a_preset_is_trained_and_resumed(
    go: Callable[..., Any], comparing: Any, tmp_path: Path
) -> None:
    settings = {"preset": "best", "epochs": 4, "checkpoint_steps": 10}
    whole = go(["words"], **settings)
    assert [one["name"] for one in whole.record["plugins"]] == ["words", "average", "warm_start"]
    armed = tmp_path / "armed"
    armed.touch()
    with pytest.raises(ft.Interrupted):
        go(
            ["words", "stumble"],
            tmp_path / "cut",
            stumble={"armed": str(armed), "how": "int", "step": 15},
            **settings,
        )
    again = ft.run(resume=tmp_path / "cut")
    assert again.record["steps"] == whole.record["steps"]
    assert again.metrics["test"] == whole.metrics["test"]
