"""Techniques with the tasks of the repository, alone and beside others: minutes, by `pytest -m long`."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft

HERE = Path(__file__).parent
TECHNIQUES: dict[str, tuple[str, dict[str, Any]]] = {
    "lion": (f"{HERE}/lion.py", {}),
    "replay": ("replay", {}),
    "lora": ("peft", {}),
    "adalora": ("peft", {"method": "adalora"}),
    "adapter": ("peft", {"method": "adapter"}),
    "focal": ("regularize", {"focal": 2.0}),
    "unfreeze": ("regularize", {"unfreeze": 0.5}),
    "balanced": ("regularize", {"balance": True}),
    "curriculum": ("regularize", {"curriculum": 0.3}),
    "mixup": ("regularize", {"mixup": 0.4}),
    "ema": ("average", {}),
    "distill": ("distill", {}),
    "pseudo_labels": ("pseudo_labels", {}),
    "contrastive": ("contrastive", {"steps": 5}),
}
"""The plugin of each, and its settings."""

TASKS = ("ner", "sentiment", "recommend")
BESIDE = (
    [],
    ["augment", "ITSELF"],
    ["ITSELF", "augment"],
    ["adversarial", "ITSELF"],
    ["ITSELF", "adversarial"],
)
"""Companies in the order of ``--plugins``."""

LACKING = {
    *((name, task) for name in ("balanced", "contrastive") for task in ("ner", "recommend")),
    *((name, "recommend") for name in ("mixup", "pseudo_labels")),
}
"""Techniques whose needs of the schema a task does not meet."""


def refusal(name: str, task: str, company: list[str]) -> str | None:
    """What says that plugins do not go together; ``None`` where they do."""
    if name == "mixup" and company[:1] == ["adversarial"]:
        return "name 'regularize' before 'adversarial'"  # told before any data is read
    if name == "distill" and company[:1] == ["adversarial"]:
        return "name 'distill' before 'adversarial'"
    if (name, task) == ("replay", "recommend"):
        return "the examples hold positions"
    if (name, task) == ("distill", "recommend"):
        return "no standard divergence"
    if name == "distill" and company[:1] == ["augment"]:
        return "must be named before 'augment'"
    if (name, task, company[1:]) == ("pseudo_labels", "ner", ["augment"]):
        return "changes the words of the pool"
    if (name, task) in LACKING:
        return "needs data with"
    if (name, task) == ("unfreeze", "recommend") and "adversarial" in company:
        return "does not call its word embedding"  # an encoder that stands still is not run
    return None


@pytest.fixture(scope="module")
def settings(
    data_files: dict[str, dict[str, str]], start: Any, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Settings of a technique with a task."""
    folder = tmp_path_factory.mktemp("older")

    def make(name: str, task: str) -> dict[str, Any]:
        found: dict[str, Any] = {task: data_files[task], "epochs": 2, "max_steps": 6}
        plugin, own = TECHNIQUES[name]
        found |= {plugin: own} if own else {}
        if name == "pseudo_labels":
            pool = folder / "pool.txt"
            lines = Path(data_files["sentiment"]["test"]).read_text().splitlines()
            pool.write_text("".join(json.loads(line)["text"] + "\n" for line in lines))
            found["pseudo_labels"] = {"pool": str(pool), "sure": 0.01, "start": 1}
        if name == "distill":
            teacher = folder / f"teacher-{task}"
            if not teacher.exists():
                start([task], teacher, max_steps=2, **{task: data_files[task]})
            found["distill"] = {"teacher": str(teacher), "hidden": 1.0, "attention": 1.0}
            if task == "recommend":
                found["distill"] = {"teacher": str(teacher)}
        if name == "replay":
            old = folder / task
            if not old.exists():
                start([task], old, max_steps=1, **{task: data_files[task]})
            found["replay"] = {"run": [str(old)], "share": 0.5}
        return found

    return make


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_technique_goes_with_the_tasks_and_beside_others_or_says_why_not(
    start: Any, settings: Any, comparing: ModuleType, tmp_path: Path, name: str, task: str
) -> None:
    """Each company trains, and is the same to the last bit when it is stopped and resumed."""
    given = settings(name, task)
    for number, company in enumerate(BESIDE):
        itself = TECHNIQUES[name][0]
        beside = [itself if one == "ITSELF" else one for one in company]
        plugins = [task, *(beside or [itself]), "stumble"]
        armed = tmp_path / "armed"
        values = {**given, "checkpoint_steps": 2, "stumble": {"armed": str(armed), "step": 4}}
        whole, stopped = tmp_path / f"whole{number}", tmp_path / f"stopped{number}"
        said = refusal(name, task, company)
        if said is not None:
            with pytest.raises(ft.FtError, match=said):
                start(plugins, whole, **values)
            continue
        start(plugins, whole, **values)
        armed.touch()
        with pytest.raises(RuntimeError, match="stumbled"):
            start(plugins, stopped, **values)
        ft.run(resume=stopped)
        comparing.assert_same(stopped, whole)
