"""Every technique on every task, alone and in pairs in both orders."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib.metadata import entry_points
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.cli.main import main

METHODS = ("fgm", "pgd", "freelb", "smart", "r3f")
TECHNIQUES: dict[str, tuple[str, dict[str, Any], int]] = {
    "augment": ("augment", {"probability": 0.9}, 1),
    **{
        method: ("adversarial", {"method": method, "start": 0}, passes)
        for method, passes in zip(METHODS, (2, 4, 3, 3, 2), strict=True)
    },
    "twice": ("twice", {}, 2),
}
"""The plugin, its settings, and how many forward passes it makes of one. ``twice`` stands for the
techniques of other people: it calls what it wraps two times and needs the graph of both."""

FREE_EARLY = {"fgm", "pgd", "freelb"}
"""What frees a graph, and so must stand behind what needs it."""

BUDGET = {"ner": 48, "sentiment": 48, "words": 48, "texts": 48, "recommend": 2048}
"""Tokens a forward pass: a step takes several, but where an example is scored against its batch."""

TASKS = tuple(BUDGET)
PAIRS = [pair for pair in permutations(TECHNIQUES, 2) if not set(pair) <= set(METHODS)]
SHORT = {"augment", "fgm", "smart", "twice"}
CHOSEN = {("augment", "fgm"), ("fgm", "augment"), ("twice", "smart"), ("smart", "twice")}
"""In the normal suite the two big tasks are tried with every technique and with all pairs of
`SHORT`, the others with the pairs of `CHOSEN`; what is left is marked ``long``."""


def cases() -> list[Any]:
    found = []
    for task in TASKS:
        for chosen in [*((name,) for name in TECHNIQUES), *PAIRS]:
            short = set(chosen) <= SHORT if task in ("ner", "sentiment") else chosen in CHOSEN
            short |= len(chosen) == 1 and task in ("ner", "sentiment")
            marks = () if short else (pytest.mark.long,)
            found.append(pytest.param(task, chosen, id="-".join((task, *chosen)), marks=marks))
    return found


class Runs:
    """Short runs on a tiny model; those without techniques are done once."""

    def __init__(self, start: Callable[..., Any], data: dict[str, Any], folder: Path) -> None:
        self._start, self._data, self._folder = start, data, folder
        self._count = 0
        self._plain: dict[str, Any] = {}

    def run(self, task: str, techniques: tuple[str, ...], **settings: Any) -> Any:
        """A run with forward passes counted inside and outside of the techniques."""
        if task == "recommend" and not entry_points(group="ft.plugins", name=task):
            pytest.skip("ft-recommend is not installed")
        tables = {TECHNIQUES[name][0]: TECHNIQUES[name][1] for name in techniques}
        own = {task: self._data[task]} if task in self._data else {task: {"train": 24}}
        self._count += 1
        return self._start(
            [task, *(TECHNIQUES[name][0] for name in techniques), "count"],
            self._folder / str(self._count),
            **{"max_steps": 3, "max_tokens": BUDGET[task], **settings, **own, **tables},
        )

    def plain(self, task: str) -> Any:
        if task not in self._plain:
            self._plain[task] = self.run(task, ())
        return self._plain[task]


@pytest.fixture(scope="module")
def runs(
    start: Callable[..., Any],
    data_files: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Runs:
    return Runs(start, data_files, tmp_path_factory.mktemp("composition"))


@pytest.mark.parametrize(("task", "techniques"), cases())
def test_techniques_compose(
    runs: Runs, comparing: ModuleType, tiny_model: Path, task: str, techniques: tuple[str, ...]
) -> None:
    plain = runs.plain(task)
    names = [TECHNIQUES[name][0] for name in techniques]
    early = [name in FREE_EARLY for name in techniques]
    if techniques[-1:] == ("twice",) and any(early):
        with pytest.raises(ft.PluginError, match=f"name 'twice' before '{names[0]}'"):
            runs.run(task, techniques)
        return

    result = runs.run(task, techniques)
    log = comparing.lines(result.output / "metrics.jsonl")
    assert all(math.isfinite(line["loss"]) for line in log if "loss" in line)
    assert all(math.isfinite(metrics["loss"].value) for metrics in result.metrics.values())

    weights = "model/model.safetensors"
    assert comparing.different_tensors(result.output / weights, plain.output / weights)
    before = comparing.tensors(tiny_model / "model.safetensors")
    after = comparing.tensors(result.output / weights)
    encoder = [
        (value, after[part + name])
        for name, value in before.items()
        for part in ("", "bert.")
        if part + name in after
    ]
    moved = sum(bool((one != other).any()) for one, other in encoder)
    assert moved > 0.9 * len(encoder) > 0

    for split in ("validation", "test"):
        assert result.record["data"][split] == plain.record["data"][split]

    passes = math.prod(TECHNIQUES[name][2] for name in techniques)
    once = set(json.loads((plain.output / "forwards.json").read_text()))
    counted = json.loads((result.output / "forwards.json").read_text())
    assert {passes * one for one in once} == set(counted)
    assert len(counted) > result.record["steps"] or task == "recommend"
    assert result.record["forwards_per_step"] == passes * plain.record["forwards_per_step"]

    again = runs.run(task, techniques)
    comparing.assert_same(again.output, result.output)


@pytest.mark.parametrize("task", TASKS)
def test_evaluation_sees_no_technique(runs: Runs, task: str) -> None:
    """With weights that stand still the scores are those of a run without techniques."""
    still = {"learning_rate": 1e-12, "head_learning_rate": 1e-12, "weight_decay": 0.0}
    plain = runs.run(task, (), **still)
    result = runs.run(task, ("twice", "augment", "fgm"), **still)
    for split, metrics in plain.metrics.items():
        for name, metric in metrics.items():
            assert result.metrics[split][name].value == pytest.approx(metric.value, rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_explain_tells_the_passes_that_are_made(
    capsys: pytest.CaptureFixture[str], method: str
) -> None:
    options = ["--plugins", "ner,augment,adversarial", "-o", f"adversarial.method={method}"]
    assert main(["run", *options, "--explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["forwards"] == TECHNIQUES[method][2]
    assert told["chains"]["compute_loss"] == "adversarial( core )"
