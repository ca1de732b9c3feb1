"""What a plugin brings for the run stands below what the user gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ft.config.resolve import resolve
from ft.contract.errors import ConfigError

PLUGIN = """
from ft import Config, Plugin

class Big(Plugin):
    "A task that likes large batches."

    class Config(Config):
        size: int = 512

    @classmethod
    def run_defaults(cls, config):
        return {"batch_size": config.size, "epochs": 8}

class Small(Plugin):
    "Another opinion."

    @classmethod
    def run_defaults(cls, config):
        return {"batch_size": 2}

class Wrong(Plugin):
    "Names what is not there."

    @classmethod
    def run_defaults(cls, config):
        return {"batch_sise": 2}

class Trusting(Plugin):
    "Would run what a model brings."

    @classmethod
    def run_defaults(cls, config):
        return {"trust_remote_code": True}
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Any:
    for name in ("Big", "Small", "Wrong", "Trusting"):
        (tmp_path / f"{name.lower()}.py").write_text(PLUGIN)
    return lambda name: f"{tmp_path / name.lower()}.py:{name}"


def test_a_default_of_a_plugin_counts_and_says_whose_it_is(plugin: Any) -> None:
    found = resolve([plugin("Big")])
    assert (found.run.batch_size, found.run.epochs) == (512, 8)
    assert found.origins["run.batch_size"].startswith("default of 'big' (")


def test_it_may_follow_from_the_plugins_settings(plugin: Any) -> None:
    assert resolve([plugin("Big")], overrides=["big.size=64"]).run.batch_size == 64


def test_what_the_user_gives_wins(plugin: Any, tmp_path: Path) -> None:
    file = tmp_path / "ft.toml"
    file.write_text("[run]\nepochs = 3\n")
    found = resolve([plugin("Big")], file=file, overrides=["run.batch_size=4"])
    assert (found.run.batch_size, found.run.epochs) == (4, 3)
    assert found.origins["run.batch_size"] == "-o run.batch_size=4"


def test_the_plugin_named_later_counts(plugin: Any) -> None:
    assert resolve([plugin("Big"), plugin("Small")]).run.batch_size == 2
    assert resolve([plugin("Small"), plugin("Big")]).run.batch_size == 512


def test_a_wrong_name_is_the_plugins_fault(plugin: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve([plugin("Wrong")])
    assert "batch_sise" in str(caught.value)
    assert "default of 'wrong'" in str(caught.value)


def test_code_of_a_model_is_not_allowed_this_way(plugin: Any) -> None:
    with pytest.raises(ConfigError, match="only a flag can allow it"):
        resolve([plugin("Trusting")])
