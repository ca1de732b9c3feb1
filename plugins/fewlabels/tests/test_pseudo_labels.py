"""Labels of the model's own: which are taken, how often they are right, and what resuming keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft import Plugin, hookimpl
from ft_kit import TEXTS, WORDS
from ft_kit.compare import differences
from ft_kit.tasks import PEOPLE, PLACES

HERE = Path(__file__)
STOP = "ft_kit.edges:Stop"
REWRITE = "ft_kit.techniques:Rewrite"


class Watch(Plugin):
    """Writes down what a step gives to the loss."""

    name = "watch"

    @hookimpl
    def compute_loss(self, inner: Callable[..., Any], run: Any, model: Any, batch: Any) -> Any:
        loss = inner(run, model, batch)
        parts = {name: float(part) for name, part in loss.parts.items()}
        row = {"labels": batch["labels"].tolist() if "labels" in batch else None, "parts": parts}
        row |= {"epoch": run.epoch, "items": float(loss.items), "total": float(loss.total.detach())}
        with (Path(run.output) / "watched.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        return loss


@pytest.fixture
def pools(tmp_path: Path) -> dict[str, str]:
    """A pool of texts with a place or without, and of sentences, with what is right."""
    texts = [{"text": f"{one} saw {two}"} for one in PEOPLE for two in (*PLACES, "a house")]
    for row in texts:
        row["label"] = "no" if "house" in row["text"] else "yes"
    words: list[dict[str, Any]] = [{"tokens": row["text"].split()} for row in texts]
    for row in words:
        row["tags"] = [
            "B-PER" if w in PEOPLE else "B-LOC" if w in PLACES else "O" for w in row["tokens"]
        ]
    paths = {}
    for task, rows in ((TEXTS, texts), (WORDS, words)):
        path = tmp_path / f"{len(paths)}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths[task] = str(path)
    return paths


@pytest.fixture
def ran(ft_run: Any, pools: dict[str, str], tmp_path: Path) -> Any:
    """Runs the technique; gives the folder and what was written down of its steps."""

    def run(task: str, *plugins: str, name: str = "run", **settings: Any) -> tuple[Path, list[Any]]:
        more: dict[str, Any] = {
            "epochs": 3,
            "max_steps": None,
            "checkpoint_steps": 3,
            "learning_rate": 3e-3,
        }
        given = {"pool": pools[task], "sure": 0.01, **settings}
        plugins = (*(plugins or ("pseudo_labels",)), f"{HERE}:Watch", STOP)
        more["kit-stop"] = {"armed": str(tmp_path / "armed"), "step": 21}
        output = ft_run(
            [task, *plugins], pseudo_labels=given, output=tmp_path / name, batch_size=1, **more
        ).output
        return output, [json.loads(line) for line in (output / "watched.jsonl").open()]

    return run


@pytest.mark.parametrize("task", [TEXTS, WORDS])
def test_the_pool_is_trained_on_with_labels_of_its_own(ran: Any, task: str) -> None:
    output, rows = ran(task)
    counts = [sum(row["epoch"] == epoch for row in rows) for epoch in (1, 2, 3)]
    assert counts == [24, 40, 40]
    assert all(row["labels"] is not None for row in rows)
    notes = json.loads((output / "record.json").read_text())["notes"]
    said = [note for note in notes if note.startswith("pseudo_labels: epoch")]
    assert len(said) == 2
    assert all("16 of 16 unlabelled examples were given a label (100%)" in note for note in said)
    log = [json.loads(line) for line in (output / "metrics.jsonl").open()]
    right = [one["pseudo_labels/right"] for one in log if "pseudo_labels/right" in one]
    assert f"of those whose answer is known {right[-1]:.1%} are right" in said[-1]


def test_what_the_model_is_not_sure_of_is_left_out(ran: Any) -> None:
    output, rows = ran(TEXTS, sure=1.0)
    assert len(rows) == 3 * 24
    notes = json.loads((output / "record.json").read_text())["notes"]
    assert any("0 of 16 unlabelled examples were given a label (0%)" in note for note in notes)


@pytest.mark.parametrize("task", [TEXTS, WORDS])
def test_two_passes_over_the_others_shall_say_the_same(ran: Any, task: str) -> None:
    _, rows = ran(task, sure=1.0, consistency=1.0)
    others = [row for row in rows if row["labels"] is None]
    assert len(others) == 2 * 16
    part = "pseudo_labels/consistency"
    assert all(row["total"] == pytest.approx(row["parts"][part], rel=1e-4) for row in others)
    assert sum(row["total"] for row in others) > 0  # dropout differs
    items = {row["items"] for row in others}
    assert items == ({1.0} if task == TEXTS else {3.0, 4.0})


def test_a_stopped_run_goes_on_with_the_same_labels(ran: Any, tmp_path: Path) -> None:
    whole, _ = ran(WORDS, name="whole", consistency=0.5, sure=0.3, start=1)
    (tmp_path / "armed").touch()
    with pytest.raises(RuntimeError, match="stopped"):
        ran(WORDS, name="stopped", consistency=0.5, sure=0.3, start=1)
    ft.run(resume=tmp_path / "stopped")
    assert differences(tmp_path / "stopped", whole) == []


def test_words_that_another_technique_changes(ran: Any) -> None:
    """Tags are those of the words as they were: such a technique stands nearer to the task."""
    _, rows = ran(WORDS, REWRITE, "pseudo_labels", name="within")
    assert len(rows) == 24 + 40 + 40
    with pytest.raises(ft.PluginError, match="changes the words of the pool"):
        ran(WORDS, "pseudo_labels", REWRITE, name="outside")


def test_without_a_pool_there_is_nothing_to_label(ran: Any) -> None:
    with pytest.raises(ft.ConfigError, match="there are no unlabelled examples"):
        ran(TEXTS, pool=None)
