"""What a student is given of its teachers, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, BertConfig

import ft
from ft import Label, Plugin, hookimpl
from ft_distill import Distill, DistillConfig
from ft_kit import TEXTS, WORDS, tiny_bert
from ft_kit.tasks import VOCABULARY, TextsTask

HERE = Path(__file__)
REWRITE = "ft_kit.techniques:Rewrite"


class Turned(TextsTask):
    """The texts of the kit with the classes in another order."""

    name = "turned"
    schema = replace(TextsTask.schema, targets=(Label(names=("yes", "no")),))


class Wider(TextsTask):
    """The texts of the kit with a class that their teacher does not know."""

    name = "wider"
    schema = replace(TextsTask.schema, targets=(Label(names=("no", "yes", "perhaps")),))


class Watch(Plugin):
    """Writes down what a step gives to the loss, with the ids' sum to know the example by."""

    name = "watch"

    @hookimpl
    def compute_loss(self, inner: Callable[..., Any], run: Any, model: Any, batch: Any) -> Any:
        loss = inner(run, model, batch)
        seen = {name: value.tolist() for name, value in batch.items()}
        parts = {name: float(part) for name, part in loss.parts.items()}
        with (Path(run.output) / "watched.jsonl").open("a") as file:
            row = {"batch": seen, "parts": parts, "items": float(loss.items)}
            file.write(json.dumps({**row, "total": float(loss.total.detach())}) + "\n")
        return loss


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers without dropout."""
    return tiny_bert(tmp_path_factory.mktemp("model") / "bert", VOCABULARY, dropout=0)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one, whose tokenizer spells most words."""
    folder = tmp_path_factory.mktemp("other") / "bert"
    return tiny_bert(folder, VOCABULARY[:3], dropout=0, hidden=16, seed=1)


@pytest.fixture(scope="module")
def teachers(ft_train: Any, model: Path) -> dict[str, Path]:
    """A finished run of texts and of words."""
    settings = {"model": str(model), "epochs": 15, "learning_rate": 3e-3, "batch_size": 6}
    return {one: ft_train([one], **settings).output for one in (TEXTS, WORDS)}


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """What a student of each task did that was given nothing but its teacher, once it was asked for."""
    return {}


@pytest.fixture
def distilled(
    ft_run: Any, model: Path, teachers: dict[str, Path], tmp_path: Path, plain: dict[str, Any]
) -> Any:
    """Runs a student; gives its folder and what was written down of its steps."""

    def run(task: str = TEXTS, *beside: str, **settings: Any) -> tuple[Path, list[Any]]:
        if beside or settings:
            return anew(task, *beside, **settings)
        if task not in plain:
            plain[task] = anew(task)
        found: tuple[Path, list[Any]] = plain[task]
        return found

    def anew(task: str, *beside: str, **settings: Any) -> tuple[Path, list[Any]]:
        more = {"epochs": 1, "max_steps": None, "model": str(model), **settings.pop("more", {})}
        output = tmp_path / f"run-{len(list(tmp_path.glob('run-*')))}"
        given = {"teacher": str(teachers.get(task, teachers[TEXTS])), **settings}
        if "student_layers" in settings:
            more["model"] = Distill.run_defaults(DistillConfig(**given))["model"]
        ft_run([task, "distill", *beside, f"{HERE}:Watch"], distill=given, output=output, **more)
        return output, [json.loads(line) for line in (output / "watched.jsonl").open()]

    return run


@cache
def saved(folder: Path) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(folder)


def answers_of(folder: Path, ids: list[int]) -> torch.Tensor:
    """The logits of a saved model for one text."""
    with torch.no_grad():
        return saved(folder)(input_ids=torch.tensor([ids])).logits[0]


def test_a_student_is_given_the_answers_of_its_teacher_to_its_own_texts(
    distilled: Any, teachers: dict[str, Path]
) -> None:
    _, rows = distilled()
    for row in rows:
        batch = row["batch"]
        for ids, mask, aims in zip(
            batch["input_ids"], batch["attention_mask"], batch["keep_distill_0"], strict=True
        ):
            wanted = answers_of(teachers[TEXTS] / "model", ids[: sum(mask)])
            assert torch.allclose(torch.tensor(aims), wanted, atol=1e-4)


def test_classes_are_matched_by_name(distilled: Any, teachers: dict[str, Path]) -> None:
    _, rows = distilled(f"{HERE}:Turned")
    batch = rows[0]["batch"]
    wanted = answers_of(
        teachers[TEXTS] / "model", batch["input_ids"][0][: sum(batch["attention_mask"][0])]
    )
    assert torch.allclose(torch.tensor(batch["keep_distill_0"][0]), wanted.flip(0), atol=1e-4)


def test_a_student_that_is_its_teacher_has_nothing_to_learn_from_it(distilled: Any) -> None:
    """Of all layers in the first step; with fewer there is a distance."""
    for task in (TEXTS, WORDS):
        given = {"hidden": 1.0, "attention": 1.0, "more": {"max_steps": 1}}
        _, same = distilled(task, student_layers=2, **given)
        _, half = distilled(task, student_layers=1, **given)
        for part in ("answers", "hidden", "attention"):
            assert abs(same[0]["parts"][f"distill/{part}"]) < 1e-5, (task, part)
            assert half[0]["parts"][f"distill/{part}"] > 1e-4, (task, part)


def test_a_student_comes_near_its_teacher_without_labels(
    distilled: Any, teachers: dict[str, Path]
) -> None:
    more = {"epochs": 12, "learning_rate": 3e-3}
    _, rows = distilled(share=1.0, student_layers=1, more=more)
    first, last = (
        sum(row["parts"]["distill/answers"] for row in part) for part in (rows[:4], rows[-4:])
    )
    assert last < first / 4
    assert rows[0]["total"] == pytest.approx(rows[0]["parts"]["distill/answers"], rel=1e-5)


def test_the_layers_of_a_student_are_those_that_are_named(
    distilled: Any, teachers: dict[str, Path]
) -> None:
    """With a learning rate of almost nothing the student keeps the weights of the teacher's layer."""
    output, _ = distilled(student_layers=[1], more={"learning_rate": 1e-12})
    own = load_file(output / "model" / "model.safetensors")
    theirs = load_file(teachers[TEXTS] / "model" / "model.safetensors")
    name = "bert.encoder.layer.{}.output.dense.weight"
    assert torch.allclose(own[name.format(0)], theirs[name.format(0)], atol=1e-6)
    assert name.format(1) not in own
    assert BertConfig.from_pretrained(output / "model").num_hidden_layers == 1
    assert ft.predict(output, "anna saw rome")[0]["label"] in ("no", "yes")


@pytest.mark.parametrize("task", [TEXTS, WORDS])
def test_the_tokenizer_of_a_student_may_be_another(
    distilled: Any, teachers: dict[str, Path], other: Path, task: str
) -> None:
    """Word by word: each word's answer stands at the piece that the word begins with."""
    output, rows = distilled(task, more={"model": str(other), "batch_size": 1})
    trained = ft.load(teachers[task])
    tokenizer = ft.load(output)._run.tokenizer  # type: ignore[attr-defined]
    for row in rows[:6]:
        ids = row["batch"]["input_ids"][0]
        text = tokenizer.decode(ids, skip_special_tokens=True)
        aims = torch.tensor(row["batch"]["keep_distill_0"][0])
        if task == TEXTS:
            wanted = trained.outputs(text)[0]["logits"]
            assert torch.allclose(aims, torch.from_numpy(wanted[0]), atol=1e-4)
            continue
        wanted = torch.from_numpy(trained.outputs({"tokens": text.split()})[0]["logits"])
        at = [k for k, one in enumerate(row["batch"]["labels"][0]) if one != -100]
        assert len(ids) > len(at) + 2 or len(text.split()) < 2 or "[UNK]" not in text
        assert torch.allclose(aims[at], wanted, atol=1e-4)
        left = [k for k in range(len(ids)) if k not in at]
        assert aims[left].isnan().all()


def test_texts_that_are_changed_are_answered_anew(
    distilled: Any, teachers: dict[str, Path]
) -> None:
    _, rows = distilled(TEXTS, REWRITE)
    batch = rows[0]["batch"]
    for ids, mask, aims in zip(
        batch["input_ids"], batch["attention_mask"], batch["keep_distill_0"], strict=True
    ):
        wanted = answers_of(teachers[TEXTS] / "model", ids[: sum(mask)])
        assert torch.allclose(torch.tensor(aims), wanted, atol=1e-4)


def test_a_technique_that_changes_texts_within_is_refused(
    ft_run: Any, teachers: dict[str, Path]
) -> None:
    with pytest.raises(ft.PluginError, match="changes the training texts"):
        ft_run([TEXTS, REWRITE, "distill"], distill={"teacher": str(teachers[TEXTS])})


@pytest.mark.parametrize("task", [TEXTS, WORDS])
def test_further_texts_are_learnt_from_the_teacher_alone(
    distilled: Any, teachers: dict[str, Path], tmp_path: Path, task: str
) -> None:
    pool = tmp_path / "more.txt"
    pool.write_text("anna went to rome\n\nthe house\nben saw a house in paris\n")
    _, rows = distilled(task, unlabelled=str(pool), more={"batch_size": 1})
    assert len(rows) == 24 + 3
    more = [row for row in rows if "labels" not in row["batch"]]
    assert len(more) == 3
    words = [4, 2, 6]
    assert sorted(row["items"] for row in more) == (sorted(words) if task == WORDS else [1, 1, 1])
    for row in more:
        assert row["total"] == pytest.approx(row["parts"]["distill/answers"], rel=1e-4)
        assert row["total"] > 0


def test_several_teachers_are_averaged(distilled: Any, teachers: dict[str, Path]) -> None:
    """Two teachers that are the same teach what one teaches."""
    copy = teachers[TEXTS].with_name("copy")
    if not copy.exists():
        shutil.copytree(teachers[TEXTS], copy)
    once = {"max_steps": 1}
    _, one = distilled()
    _, two = distilled(teacher=[str(teachers[TEXTS]), str(copy)], more=once)
    assert two[0]["total"] == pytest.approx(one[0]["total"], rel=1e-5)


@pytest.mark.parametrize("task", [TEXTS, WORDS])
def test_a_saved_model_teaches_as_its_run_does(
    distilled: Any, teachers: dict[str, Path], task: str
) -> None:
    once = {"max_steps": 1}
    _, one = distilled(task)
    _, two = distilled(task, teacher=str(teachers[task] / "model"), more=once)
    assert two[0]["total"] == pytest.approx(one[0]["total"], rel=1e-4)


@pytest.mark.parametrize(
    ("task", "settings", "said"),
    [
        (f"{HERE}:Wider", {}, "does not know perhaps"),
        (WORDS, {"teacher": TEXTS}, "answers with single, and the student learns tags"),
        (TEXTS, {"teacher": "nowhere"}, "there is no folder nowhere"),
        (TEXTS, {"student_layers": 3}, "asks for 3 layers, and the model has 2"),
        (TEXTS, {"hidden": 1.0, "more": "other"}, "needs the same tokenizer in both"),
        (TEXTS, {"unlabelled": "nowhere.txt"}, "there is no such file"),
    ],
)
def test_what_does_not_fit_is_refused(
    distilled: Any, teachers: dict[str, Path], other: Path, task: str, settings: Any, said: str
) -> None:
    settings = dict(settings)
    if settings.get("teacher") in teachers:
        settings["teacher"] = str(teachers[settings["teacher"]])
    if settings.get("more") == "other":
        settings["more"] = {"model": str(other)}
    with pytest.raises(ft.FtError, match=said):
        distilled(task, **settings)


def test_an_encoder_without_a_head_is_no_teacher(distilled: Any, model: Path) -> None:
    with pytest.raises(ft.ConfigError, match="has no trained head for this task"):
        distilled(teacher=str(model))


def test_widths_that_differ_are_refused(distilled: Any, tmp_path: Path) -> None:
    wide = tiny_bert(tmp_path / "wide", VOCABULARY, hidden=48, dropout=0)
    with pytest.raises(ft.ConfigError, match="have 48 numbers, those of its teacher"):
        distilled(hidden=1.0, more={"model": str(wide)})


@pytest.mark.parametrize(("width", "rate"), [(384, 2e-4), (64, 2e-4), (768, 1e-4), (None, 5e-5)])
def test_a_student_of_layers_learns_faster_unless_the_user_gives_a_rate(
    tmp_path: Path, width: int | None, rate: float
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": width} if width else {}))
    given = {"distill.teacher": str(tmp_path)}
    plugins = [TEXTS, "distill"]
    assert ft.resolve(plugins, values=given).run.learning_rate == 5e-5
    given["distill.student_layers"] = 3
    assert ft.resolve(plugins, values=given).run.learning_rate == rate
    given["run.learning_rate"] = 3e-5
    assert ft.resolve(plugins, values=given).run.learning_rate == 3e-5
