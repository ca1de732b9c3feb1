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

HELPERS = Path(__file__).parents[1] / "techniques.py"
FILES = {"lora": f"{HELPERS}:Lora", "distill": f"{HELPERS}:Distill"}

METHODS = ("fgm", "pgd", "freelb", "smart", "r3f")
TECHNIQUES: dict[str, tuple[str, dict[str, Any], int]] = {
    "augment": ("augment", {"probability": 0.9}, 1),
    **{
        method: ("adversarial", {"method": method, "start": 0}, passes)
        for method, passes in zip(METHODS, (2, 4, 3, 3, 2), strict=True)
    },
    "r_drop": ("regularize", {"r_drop": 1.0}, 2),
    "average": ("average", {"method": "swa", "start": 0}, 1),
    "twice": ("kit-twice", {}, 2),
    "lora": ("lora", {}, 1),
    "distill": ("distill", {}, 1),
}
"""The plugin, its settings, and how many forward passes it makes of one. The last three stand for
the techniques of other people: one calls what it wraps two times and needs the graph of both, one
changes what learns, one compares with a teacher."""

FREE_EARLY = {"fgm", "pgd", "freelb"}
NEED_GRAPH = {"twice", "distill", "r_drop"}
"""What frees a graph must stand behind what needs it."""

BUDGET = {"ner": 48, "sentiment": 48, "words": 48, "texts": 48, "recommend": 2048}
"""Tokens a forward pass: a step takes several, but where an example is scored against its batch."""

KINDS: dict[str, dict[str, Any]] = {
    "sentiment:multi": {"focal_gamma": 2.0},
    "sentiment:ordinal": {"kind": "ordinal", "class_weights": "balanced"},
    "sentiment:number": {},
    "sentiment:pair": {"pair": "reply"},
    "sentiment:windows": {"long_texts": "windows", "window_overlap": 1},
    "recommend:rating": {"loss": "rating"},
    "recommend:sampled": {"negatives": "mixed", "sampled": 4},
}
"""Other data and settings of the task before the colon."""

TASKS = (*BUDGET, *KINDS)
PAIRS = [pair for pair in permutations(TECHNIQUES, 2) if not set(pair) <= set(METHODS)]
SHORT = {"augment", "fgm", "smart", "twice"}
BOTH_ORDERS = {("augment", "fgm"), ("fgm", "augment")}
CHOSEN: dict[str, set[tuple[str, ...]]] = {
    "sentiment": BOTH_ORDERS,
    "recommend": {*BOTH_ORDERS, ("distill", "fgm")},
    "words": {("twice", "smart"), ("smart", "twice"), ("lora", "fgm")},
    "texts": {("twice", "smart"), ("fgm", "distill"), ("lora", "fgm")},
}
"""In the normal suite `ner` is tried with every technique and with all pairs of `SHORT`,
`sentiment` with each of `SHORT`; they and the other tasks with the pairs of `CHOSEN`, their other
kinds with one technique; what is left is marked ``long``."""


def is_short(task: str, chosen: tuple[str, ...]) -> bool:
    if task in KINDS:
        return chosen == (("fgm", "smart")[list(KINDS).index(task) % 2],)
    if len(chosen) == 1:
        return task == "ner" or (task == "sentiment" and chosen[0] in SHORT)
    if task == "ner":
        return set(chosen) <= SHORT
    return chosen in CHOSEN[task]


def cases() -> list[Any]:
    found = []
    for task in TASKS:
        for chosen in [*((name,) for name in TECHNIQUES), *PAIRS]:
            short = is_short(task, chosen)
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
        plugin, _, kind = task.partition(":")
        if plugin == "recommend" and not entry_points(group="ft.plugins", name=plugin):
            pytest.skip("ft-recommend is not installed")
        tables = {TECHNIQUES[name][0]: TECHNIQUES[name][1] for name in techniques}
        own = self._data.get(plugin, {"train": 24})
        if kind:
            own = {**self._of_kind(plugin, kind, own), **KINDS[task]}
        if kind == "windows":
            settings = {"max_length": 8, **settings}
        self._count += 1
        return self._start(
            [plugin, *(FILES.get(name, TECHNIQUES[name][0]) for name in techniques), "count"],
            self._folder / str(self._count),
            **{"max_steps": 3, "max_tokens": BUDGET[plugin], plugin: own, **tables, **settings},
        )

    def _of_kind(self, plugin: str, kind: str, files: dict[str, str]) -> dict[str, str]:
        """The same files with other labels, a second text, or ratings."""
        folder = self._folder / f"{plugin}-{kind}"
        folder.mkdir(exist_ok=True)
        changed = dict(files)
        for name in ("interactions",) if plugin == "recommend" else files:
            source = Path(files[name])
            changed[name] = str(folder / source.name)
            if plugin == "recommend":
                head, *rows = source.read_text().splitlines()
                rated = [f"{row},{1 + n % 5}" for n, row in enumerate(rows)]
                Path(changed[name]).write_text("\n".join([f"{head},rating", *rated]) + "\n")
                continue
            rows = [json.loads(line) for line in source.read_text().splitlines()]
            lines = [json.dumps({**row, **_labelled(kind, row)}) + "\n" for row in rows]
            Path(changed[name]).write_text("".join(lines))
        return changed

    def plain(self, task: str) -> Any:
        if task not in self._plain:
            self._plain[task] = self.run(task, ())
        return self._plain[task]


def _labelled(kind: str, row: dict[str, str]) -> dict[str, Any]:
    words = row["text"].split()
    return {
        "multi": {"label": [row["label"], *(["long"] if len(words) > 6 else [])]},
        "ordinal": {"label": min(len(words) // 4, 2)},
        "number": {"label": len(words) + 0.5},
        "pair": {"reply": " ".join(reversed(words))},
    }.get(kind, {})


@pytest.fixture(scope="module")
def runs(
    start: Callable[..., Any],
    data_files: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Runs:
    return Runs(start, data_files, tmp_path_factory.mktemp("composition"))


def explained(capsys: pytest.CaptureFixture[str], folder: Path) -> int:
    """The forward passes that ``ft run --explain`` tells of a run's settings."""
    capsys.readouterr()
    assert main(["run", "--config", str(folder / "config.toml"), "--explain", "--json"]) == 0
    return int(json.loads(capsys.readouterr().out)["forwards"])


@pytest.mark.parametrize(("task", "techniques"), cases())
def test_techniques_compose(
    runs: Runs,
    comparing: ModuleType,
    tiny_model: Path,
    capsys: pytest.CaptureFixture[str],
    task: str,
    techniques: tuple[str, ...],
) -> None:
    plain = runs.plain(task)
    names = [TECHNIQUES[name][0] for name in techniques]
    if techniques[0] in FREE_EARLY and techniques[-1] in NEED_GRAPH:
        with pytest.raises(ft.PluginError, match=f"name '{names[-1]}' before '{names[0]}'"):
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
    if "lora" in techniques:
        assert moved == 0 < len(encoder)
        adapters = [value for name, value in after.items() if name.endswith(".up")]
        assert adapters
        assert all(value.any() for value in adapters)
    else:
        assert moved > 0.9 * len(encoder) > 0

    for split in ("validation", "test"):
        assert result.record["data"][split] == plain.record["data"][split]

    passes = math.prod(TECHNIQUES[name][2] for name in techniques)
    once = set(json.loads((plain.output / "forwards.json").read_text()))
    counted = json.loads((result.output / "forwards.json").read_text())
    assert {passes * one for one in once} == set(counted)
    assert len(counted) > result.record["steps"] or task.startswith("recommend")
    assert result.record["forwards_per_step"] == passes * plain.record["forwards_per_step"]
    assert explained(capsys, result.output) == result.record["forwards_per_step"]

    again = runs.run(task, techniques)
    comparing.assert_same(again.output, result.output)


@pytest.mark.parametrize(
    "task", [pytest.param(one, marks=pytest.mark.long if one in KINDS else ()) for one in TASKS]
)
def test_evaluation_sees_no_technique(runs: Runs, task: str) -> None:
    """With weights that stand still the scores are those of a run without techniques."""
    still = {"learning_rate": 1e-12, "head_learning_rate": 1e-12, "weight_decay": 0.0}
    plain = runs.run(task, (), **still)
    result = runs.run(task, ("twice", "augment", "fgm"), **still)
    for split, metrics in plain.metrics.items():
        for name, metric in metrics.items():
            assert result.metrics[split][name].value == pytest.approx(metric.value, rel=1e-5)


@pytest.mark.parametrize(
    "method",
    ["freelb", *(pytest.param(one, marks=pytest.mark.long) for one in METHODS if one != "freelb")],
)
def test_adapters_learn_adversarially_in_bf16(
    runs: Runs, comparing: ModuleType, method: str
) -> None:
    result = runs.run("sentiment", ("lora", method), precision="bf16")
    plain = runs.run("sentiment", ("lora",), precision="bf16")
    assert all(math.isfinite(metrics["loss"].value) for metrics in result.metrics.values())
    weights = "model/model.safetensors"
    different = comparing.different_tensors(result.output / weights, plain.output / weights)
    learning = (".up", ".down", "classifier.weight", "classifier.bias")
    assert different
    assert all(name.endswith(learning) for name in different)
    (found,) = ft.predict(result.output, ["anna went to london"])
    assert 0 < found["probability"] <= 1


def test_the_first_steps_are_plain(runs: Runs, comparing: ModuleType) -> None:
    late = runs.run("sentiment", ("fgm",), max_steps=4, adversarial={"start": 0.5})
    plain = runs.run("sentiment", (), max_steps=4)
    counted = json.loads((late.output / "forwards.json").read_text())
    assert counted == sorted(counted)
    assert set(counted) == {1, 2}
    assert len(counted) == len(json.loads((plain.output / "forwards.json").read_text()))


@pytest.mark.parametrize("method", METHODS)
def test_explain_tells_the_passes_that_are_made(
    capsys: pytest.CaptureFixture[str], method: str
) -> None:
    options = ["--plugins", "ner,augment,adversarial", "-o", f"adversarial.method={method}"]
    assert main(["run", *options, "--explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["forwards"] == TECHNIQUES[method][2]
    assert told["chains"]["compute_loss"] == "adversarial( standard )"
