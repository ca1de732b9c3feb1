"""A model in memory: many threads, requests of which some are wrong, and scores of other data."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

import ft

TEXTS = ["anna went to london", "the house in paris", "ben", "a house and clara dora in new york"]


@pytest.fixture(scope="module")
def runs(
    start: Callable[..., Any], data_files: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A finished run of each task."""
    folder = tmp_path_factory.mktemp("trained")
    for task in ("ner", "sentiment", "recommend"):
        settings = {**data_files[task], **({"calibrate": False} if task == "sentiment" else {})}
        # Weights that no step has changed much; of the tagger there are entities to be found.
        start([task], folder / task, epochs=3 if task == "ner" else 1, **{task: settings})
    return {task: folder / task for task in ("ner", "sentiment", "recommend")}


def same(one: Any, other: Any) -> bool:
    """Whether two answers say the same; probabilities differ in the last digits with the batch."""
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == pytest.approx(other, abs=1e-5) if isinstance(one, float) else one == other


@pytest.mark.parametrize("task", ["ner", "sentiment"])
def test_threads_get_the_answers_that_each_gets_alone(runs: dict[str, Path], task: str) -> None:
    model = ft.load(runs[task])
    asked = [[f"{text} {'house ' * (n % 7)}" for text in TEXTS[n % 3 :]] for n in range(24)]
    alone = [model.predict(texts) for texts in asked]
    assert len({str(one) for one in alone}) > 6
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(model.predict, asked))
    assert all(map(same, together, alone))


def test_outputs_are_what_the_answers_are_made_of(runs: dict[str, Path]) -> None:
    model = ft.load(runs["ner"])
    for found, answer in zip(model.outputs(TEXTS), model.predict(TEXTS), strict=True):
        assert found["logits"].shape == (len(answer["tokens"]), len(model.labels))
    model = ft.load(runs["sentiment"])
    for found, answer in zip(model.outputs(TEXTS), model.predict(TEXTS), strict=True):
        assert model.labels[found["logits"].mean(0).argmax()] == answer["label"]
    with pytest.raises(ft.DataError, match="request 2"):
        model.outputs(["a house", {"text": 3}])


def test_memory_is_flat(runs: dict[str, Path]) -> None:
    model = ft.load(runs["ner"])

    def ask(times: int) -> int:
        for n in range(times):
            model.predict([f"{text} {'house ' * (n % 5)}" for text in TEXTS])
        return int(psutil.Process().memory_info().rss)

    before = ask(100)
    assert ask(300) - before < 6e6  # a leak of 6 kB a text would be 7 MB


@pytest.mark.parametrize(
    ("task", "good", "bad"),
    [
        ("ner", {"text": "anna in paris"}, {"tokens": [1, None]}),
        ("sentiment", "a house", {"text": 3}),
        ("recommend", {"user": "u1", "k": 2}, {"user": "nobody"}),
    ],
)
def test_a_wrong_request_does_not_touch_the_others(
    runs: dict[str, Path], task: str, good: Any, bad: Any
) -> None:
    model = ft.load(runs[task])
    if task == "recommend":
        good = {"history": model.request_schema()["examples"][0]["history"], "k": 2}
    first, wrong, nothing, last = model.answer([good, bad, None, good])  # type: ignore[list-item]
    for answer in (first, last):
        assert answer.error is None
        assert answer.tokens > 0
        assert answer.prediction is not None
        assert same(dict(answer.prediction), model.predict(good)[0])
    for number, answer in ((2, wrong), (3, nothing)):
        assert answer.prediction is None
        assert isinstance(answer.error, ft.DataError)
        assert answer.error.where == f"request {number}"
    with pytest.raises(ft.DataError, match="request"):
        model.predict([good, bad])
    answers = ft.predict(runs[task], [good, bad, good], on_bad_row="skip")
    assert ["error" in answer for answer in answers] == [False, True, False]


@pytest.mark.parametrize("task", ["ner", "sentiment", "recommend"])
def test_the_example_of_the_schema_is_answered(runs: dict[str, Path], task: str) -> None:
    model = ft.load(runs[task])
    schema = model.request_schema()
    assert schema["examples"]
    assert all(answer.prediction for answer in model.answer(schema["examples"]))


def test_an_answer_says_its_tokens_and_whether_its_text_was_cut(
    start: Callable[..., Any], data_files: dict[str, Any], tmp_path: Path
) -> None:
    settings = {**data_files["sentiment"], "calibrate": False, "long_texts": "truncate"}
    start(["sentiment"], tmp_path / "run", sentiment=settings, max_steps=1, max_length=8)
    model = ft.load(tmp_path / "run")
    short, full, long = model.answer(["a house", " ".join(["a"] * 6), " ".join(["a"] * 7)])
    assert (short.tokens, full.tokens, long.tokens) == (4, 8, 8)
    assert (short.cut, full.cut, long.cut) == (False, False, True)


def test_windows_cut_no_text(
    start: Callable[..., Any], data_files: dict[str, Any], tmp_path: Path
) -> None:
    settings = {**data_files["sentiment"], "calibrate": False, "long_texts": "windows"}
    start(["sentiment"], tmp_path / "run", sentiment=settings, max_steps=1, max_length=8)
    (answer,) = ft.load(tmp_path / "run").answer(" ".join(["a"] * 20))
    assert answer.tokens > 20
    assert not answer.cut


def test_rows_are_scored_as_a_file_of_them(runs: dict[str, Path], tmp_path: Path) -> None:
    model = ft.load(runs["sentiment"])
    rows = [{"text": text, "label": model.labels[n % 2]} for n, text in enumerate(TEXTS)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(ft.to_json(row) + "\n" for row in rows), encoding="utf-8")
    (by_file,) = model.evaluate(file).metrics.values()
    (by_rows,) = model.evaluate(rows).metrics.values()
    assert by_rows == by_file
    assert model.predict(TEXTS) == ft.predict(runs["sentiment"], TEXTS)


def test_the_first_request_waits_for_nothing(runs: dict[str, Path], tmp_path: Path) -> None:
    """The tokenizer is read when the model is loaded, not with the first request."""
    model = ft.load(runs["ner"])
    away = tmp_path / "away"
    (runs["ner"] / "model").rename(away)
    try:
        assert model.predict(TEXTS)
    finally:
        away.rename(runs["ner"] / "model")
