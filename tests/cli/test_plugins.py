"""`ft plugins`: what is installed, listed without importing any of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ft.cli.main import main

pytestmark = pytest.mark.usefixtures("here")


def test_plugins_lists_without_importing(
    site: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    site("ft-toy", "toyish")
    for arguments in (["plugins"], ["plugins", "list"]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert re.search(
            r"^toyish +task +ft-toy +1\.2 +What it does\. For: nlp\.$", text, re.MULTILINE
        )
    for arguments in (["plugins", "--json"], ["plugins", "list", "--json"]):
        assert main(arguments) == 0
        listed = json.loads(capsys.readouterr().out)["plugins"]
        (one,) = [one for one in listed if one["name"] == "toyish"]
        assert (one["kind"], one["summary"], one["uses"]) == ("task", "What it does.", ["nlp"])
    site("ft-desk", "desk", keywords="ft-task,route tickets,sort mail")
    assert main(["plugins"]) == 0
    assert "What it does. For: route tickets, sort mail." in capsys.readouterr().out
    site("ft-both", "mixed", keywords="ft-task,ft-technique")
    site("ft-mute", "mute", keywords="")
    assert main(["plugins"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^mixed +\? +ft-both ", text, re.MULTILINE)
    assert re.search(r"^mute +\? +ft-mute ", text, re.MULTILINE)
    assert "ft_toy_q" not in sys.modules


def test_several_plugins_of_one_distribution_are_told_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plugins", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)["plugins"]}
    if "image_augment" not in listed:
        pytest.skip("ft-image is not installed")
    assert listed["image"]["kind"] == "task"
    assert listed["image_augment"]["kind"] == "technique"
    assert listed["image"]["summary"] != listed["image_augment"]["summary"]


def test_a_name_that_says_what_one_wants_finds_the_plugin(
    site: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    site("ft-desk", "desk", keywords="ft-task,route tickets,sort mail")
    assert main(["run", "--plugins", "route-tickets"]) == 2
    assert "to do: for that there is desk" in capsys.readouterr().err


def test_plugins_warns_of_a_clash(
    site: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    site("ft-toy", "toyish")
    site("evil-toy", "toyish")
    assert main(["plugins"]) == 0
    assert "warning: 'toyish' is offered by evil-toy 1.2 and ft-toy 1.2" in capsys.readouterr().err


def test_plugins_show(site: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    site("ft-toy", "toyish", code="")
    assert main(["plugins", "show", "toyish"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("toyish, a task, from ft-toy 1.2\n  ft_toy_q:Toy\n")
    assert "  provides load_data\n  wraps compute_loss\n" in text
    assert (
        "  toyish.rate = 0.5\n      a number at least 0 and at most 1: share of words\n"
        "  toyish.must = 1\n      a whole number: how many\n"
    ) in text
    assert text.splitlines()[-1].strip() == "Its card"
    assert main(["plugins", "show", "./toy.py", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["card"], facts["version"]) == ("toy", "A toy of a task.", None)
    assert main(["plugins", "show", "toyishh"]) == 2
    assert "did you mean 'toyish'" in capsys.readouterr().err
    del sys.modules["ft_toy_q"]


def test_plugins_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "schema", "./toy.py"]) == 0
    assert list(json.loads(capsys.readouterr().out)["properties"]) == ["plugins", "run", "toy"]
