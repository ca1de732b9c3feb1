"""Every technique that is installed with every task that is: it works, or is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from itertools import permutations
from typing import Any

import pytest

import ft

TASKS = (
    "ner",
    "sentiment",
    "recommend",
    "rerank",
    "answers",
    "qa",
    "seq2seq",
    "image",
    "multitask",
)

OLD = {"distill": "teacher", "from_run": "run", "l2sp": "run", "lwf": "run", "wise": "run"}
"""Techniques that begin with a finished run of the same task, and the setting that names it."""

SETTINGS: dict[str, dict[str, Any]] = {
    "average": {"method": "swa", "start": 0},
    "image_augment": {"mixup": 0.2},
    "regularize": {"r_drop": 1.0},
    "replay": {"store": 4},
}

TECHNIQUES = ("augment", "adversarial", "peft", *SETTINGS, *OLD)

REFUSED: dict[str, dict[str, str]] = {
    "image_augment": {
        task: "'image_augment' (ft-image 0.1.0) needs the plugin 'image'"
        for task in TASKS
        if task != "image"
    },
    "augment": {"image": "needs data with words or editable"},
    "adversarial": {"image": "perturbs the embeddings of words"},
    "replay": {"recommend": "the examples hold positions"},
    "distill": {"image": "students that read images are not taught yet"},
}
"""By technique and task, words of the reason why they do not go together."""

TOGETHER: dict[tuple[str, str], dict[str, str]] = {
    **{pair: {"": "cannot work with"} for pair in (("average", "wise"), ("wise", "average"))},
    **{
        ("adversarial", name): {"": "needs the graph of the outputs"}
        for name in ("regularize", "distill", "lwf")
    },
    ("augment", "distill"): {"": "must be named before 'augment'"},
    **{
        (name, "from_run"): {"": "must be named after 'from_run'"}
        for name in ("replay", "l2sp", "lwf", "wise")
    },
}
"""By two techniques in the order of ``--plugins`` and by task (``""``: every other), words of the
reason why they do not go together."""


@pytest.fixture(scope="module")
def first(ft_kit: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """A finished run of a task alone, made once."""
    done: dict[str, Any] = {}

    def run(task: str) -> Any:
        if task not in done:
            done[task] = start(ft_kit, tmp_path_factory.mktemp(task) / "run", [task])
        return done[task]

    return run


def start(ft_kit: Any, output: Any, plugins: list[str], **settings: Any) -> Any:
    """Two steps on a tiny model of the task's family."""
    subjects = [ft_kit.bench.subject(spec) for spec in plugins]
    tables = {one.name: dict(one.settings) for one in subjects if one.settings}
    with ft_kit.bench.cache():
        return ft.run(
            plugins,
            output=output,
            **{
                "model": str(ft_kit.bench.model(subjects[0].families[0])),
                "max_steps": 2,
                "batch_size": 8,
                "precision": "fp32",
                "device": "cpu",
                "lint": "off",
                "advice": False,
                "report": False,
                "quiet": True,
                **tables,
                **settings,
            },
        )


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("task", TASKS)
def test_a_technique_works_with_a_task_or_says_why_not(
    task: str, technique: str, first: Callable[[str], Any], ft_kit: Any, tmp_path: Any
) -> None:
    reason = REFUSED.get(technique, {}).get(task)
    works_or_is_refused(
        task, (technique,), {reason} if reason else set(), first, ft_kit, tmp_path / "run"
    )


@pytest.mark.long
@pytest.mark.parametrize("pair", list(permutations(TECHNIQUES, 2)), ids="-".join)
@pytest.mark.parametrize("task", TASKS)
def test_two_techniques_work_with_a_task_in_either_order_or_say_why_not(
    task: str, pair: tuple[str, str], first: Callable[[str], Any], ft_kit: Any, tmp_path: Any
) -> None:
    reasons = {found for one in pair if (found := REFUSED.get(one, {}).get(task))}
    if found := TOGETHER.get(pair, {}).get(task, TOGETHER.get(pair, {}).get("")):
        reasons.add(found)
    works_or_is_refused(task, pair, reasons, first, ft_kit, tmp_path / "run")


def works_or_is_refused(
    task: str,
    techniques: tuple[str, ...],
    reasons: set[str],
    first: Callable[[str], Any],
    ft_kit: Any,
    output: Any,
) -> None:
    """Run a task with techniques; with reasons it must be refused for one of them, with a way out."""
    installed = entry_points(group="ft.plugins").names
    for name in (task, *techniques):
        if name not in installed:
            pytest.skip(f"{name} is not installed")
    settings = {}
    for name in techniques:
        table = dict(SETTINGS.get(name, {}))
        if name in OLD:
            table[OLD[name]] = str(first(task).output)
        settings |= {name: table} if table else {}
    plugins = [task, *techniques]
    if not reasons:
        result = start(ft_kit, output, plugins, **settings)
        assert result.metrics["test"]
        assert result.record["steps"] == 2
        return
    with pytest.raises(ft.UserError) as caught:
        start(ft_kit, output, plugins, **settings)
    assert any(reason in str(caught.value) for reason in reasons), caught.value
    assert "to do: " in str(caught.value)
