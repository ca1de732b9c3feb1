"""`ft pick`: what is chosen, what is left out, and files that ft reads again when they are labelled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ft
from ft import UserError
from ft_curate import pick
from ft_curate.picking.choose import choose, uncertainty
from ft_kit import write_rows

Rows = Callable[[int, int], list[dict[str, Any]]]


@pytest.fixture
def pool(tmp_path: Path, reviews: Rows) -> Path:
    """Sixty texts without labels, one of them twice, one of the training data."""
    texts = [row["text"] for row in reviews(60, 9)]
    known = reviews(160, 1)[0]["text"].upper()
    return write_rows(tmp_path / "pool.jsonl", [{"text": t} for t in [*texts, texts[5], known]])


def labelled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks as Label Studio exports them once the predictions were submitted as annotations."""
    return [
        {
            "id": k,
            "data": row["data"],
            "annotations": [{"id": k, "result": p["result"], "was_cancelled": False}],
        }
        for k, row in enumerate(rows)
        for p in row["predictions"]
    ]


def test_repeats_and_known_texts_are_left_out_and_said(
    classes: Path, pool: Path, tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base)
    found = pick(classes, pool, 20, output=tmp_path / "out.csv")
    assert found.pool == 60
    said = " / ".join(found.notes)
    assert "1 texts of the pool repeat another" in said
    assert "1 texts of the pool are in the run's data" in said
    assert len(found.picked) == 20
    assert sum(one.by == "random" for one in found.picked) == 2
    assert len({one.text for one in found.picked}) == 20
    assert {one.row for one in found.picked} <= set(range(1, 61))


def test_without_the_training_data_it_goes_on_and_says_so(
    classes: Path, pool: Path, tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base)
    before = (base / "train.jsonl").read_text()
    (base / "train.jsonl").write_text(before + '{"text": "one more", "label": "good"}\n')
    try:
        found = pick(classes, pool, 5, output=tmp_path / "out.csv")
    finally:
        (base / "train.jsonl").write_text(before)
    assert found.pool == 61
    assert "no longer what it was trained on" in " ".join(found.notes)


@pytest.mark.parametrize("form", ["label-studio", "doccano", "csv"])
def test_classes_come_back_when_they_are_labelled(
    classes: Path, pool: Path, tmp_path: Path, form: Any
) -> None:
    found = pick(classes, pool, 12, output=tmp_path / "out.x", to=form)
    (file, *more) = found.files
    wanted = {one.text: one.labels[0] for one in found.picked}
    if form == "label-studio":
        rows = json.loads(file.read_text())
        names = ft.load(classes).labels
        assert all(f'<Choice value="{name}"/>' in more[0].read_text() for name in names)
        back = tmp_path / "export.json"
        back.write_text(json.dumps(labelled(rows)))
    elif form == "doccano":
        back = file.rename(tmp_path / "export.jsonl")
    else:
        # The label is empty, so that nobody trains on proposals without looking.
        lines = [line.split(",") for line in file.read_text().splitlines()]
        assert lines[0][:3] == ["text", "label", "proposal"]
        assert all(line[1] == "" for line in lines[1:])
        back = tmp_path / "labelled.csv"
        back.write_text(
            "\n".join(
                ",".join([a, a and (c if i else b), *r]) for i, (a, b, c, *r) in enumerate(lines)
            )
        )
    data = ft.read_texts(
        ft.DataConfig(train=str(back), validation=str(back)), None, owner="t", label_kind="auto"
    )
    rows = data.splits["train"]
    assert data.schema.label is not None
    assert data.schema.label.kind == "single"
    assert dict(zip(rows["text"], rows["label"], strict=True)) == wanted


@pytest.mark.parametrize("form", ["label-studio", "doccano", "conll"])
def test_tags_come_back_when_they_are_labelled(
    words: Path, tmp_path: Path, form: Any, sentences: Rows
) -> None:
    texts = [" ".join(row["tokens"]) for row in sentences(40, 11)]
    pool = tmp_path / "pool.txt"
    pool.write_text(
        "".join(f"{text} 💩 !\n" for text in texts)
    )  # outside of the plane of two bytes
    found = pick(words, pool, 10, output=tmp_path / "out.x", to=form)
    file = found.files[0]
    assert any(one.entities for one in found.picked)
    if form == "label-studio":
        tasks = json.loads(file.read_text())
        back = tmp_path / "export.json"
        back.write_text(json.dumps(labelled(tasks)))
        for task in tasks:
            for part in task["predictions"][0]["result"]:
                value = part["value"]
                assert task["data"]["text"][value["start"] : value["end"]] == value["text"]
    else:
        back = file.rename(tmp_path / ("export.jsonl" if form == "doccano" else "export.conll"))
    data = ft.read_words(ft.WordsConfig(train=str(back), validation=str(back)), None, owner="t")
    rows = data.splits["train"]
    assert [tuple(one) for one in rows["tokens"]] == [one.words for one in found.picked]
    assert [tuple(one) for one in rows["tags"]] == [one.tags for one in found.picked]


def test_tasks_of_label_studio_and_conll_are_pools_too(
    words: Path, tmp_path: Path, sentences: Rows
) -> None:
    rows = sentences(12, 12)
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps([{"data": {"text": " ".join(row["tokens"])}} for row in rows]))
    conll = tmp_path / "pool.conll"
    conll.write_text("\n".join("".join(f"{w} O\n" for w in row["tokens"]) for row in rows))
    for pool in (tasks, conll):
        found = pick(words, pool, 3, output=tmp_path / f"{pool.stem}.jsonl", share_random=0)
        assert found.pool == 12


def test_what_it_cannot_do_it_refuses(
    classes: Path,
    words: Path,
    pool: Path,
    tmp_path: Path,
    train: Callable[..., Path],
    reviews: Rows,
) -> None:
    (tmp_path / "there.csv").write_text("mine")
    for run, where, wanted in (
        (classes, "there.csv", "is there already"),
        (classes, "out.conll", "CoNLL is for tags"),
        (words, "out.csv", "is for classes of texts"),
        (classes, "out.pdf", "tells no form"),
        (classes, "no/out.csv", "no such folder"),
    ):
        with pytest.raises(UserError, match=wanted):
            pick(run, pool, 5, output=tmp_path / where)
    assert (tmp_path / "there.csv").read_text() == "mine"
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    with pytest.raises(UserError, match="holds no text"):
        pick(classes, empty, 5, output=tmp_path / "out.csv")
    wrong = write_rows(tmp_path / "wrong.jsonl", [{"review": "good"}])
    with pytest.raises(UserError, match="lacks 'text'"):
        pick(classes, wrong, 5, output=tmp_path / "out.csv")
    numbers = [{"text": row["text"], "label": k / 7} for k, row in enumerate(reviews(40, 1))]
    run = train("sentiment", 1, train=str(write_rows(tmp_path / "n.jsonl", numbers)), kind="number")
    with pytest.raises(UserError, match="a number has no classes"):
        pick(run, pool, 5, output=tmp_path / "out.csv")


def test_what_is_chosen_is_unsure_and_different() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([[0.98, 0.01, 0.01], [0.5, 0.49, 0.01], [0.34, 0.33, 0.33]])
    for measure in ("margin", "least", "entropy"):
        rising = [uncertainty(one, measure) for one in shares]
        assert rising == sorted(rising)
    assert uncertainty(np.array([0.99, 0.5]), "margin", multi=True) == 1
    # Ten groups of texts alike; those of the first five are unsure.
    groups = np.repeat(np.arange(10), 20)
    vectors = np.eye(10)[groups] + rng.normal(0, 0.01, (200, 10))
    unsure = np.where(groups < 5, 0.9, 0.1) + rng.random(200) / 100
    alone = choose(unsure, 5, "uncertain", lambda _: vectors, rng)
    assert set(groups[alone]) <= set(range(5))
    mixed = choose(unsure, 5, "mixed", lambda rows: vectors[list(rows)], rng)
    assert sorted(groups[mixed]) == [0, 1, 2, 3, 4]
    diverse = choose(unsure, 10, "diverse", lambda rows: vectors[list(rows)], rng)
    assert sorted(groups[diverse]) == list(range(10))
    assert len(set(choose(unsure, 50, "random", lambda _: vectors, rng))) == 50
