"""An answer is found in a long text by its characters, or said not to be there."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit.compare import lines
from ft_kit.tasks import OTHER, PEOPLE, PLACES


def row(rng: random.Random) -> dict[str, Any]:
    """A question for a person or a place, and a text with one or none of them."""
    words = rng.choices(OTHER, k=rng.randint(8, 26))
    wanted = rng.choice([PEOPLE, PLACES])
    answer = rng.choice(wanted)
    if rng.random() < 0.7:
        words[rng.randrange(len(words))] = answer
    context = " ".join(words)
    start = context.find(answer)
    spans = [] if start < 0 else [{"start": start, "end": start + len(answer)}]
    return {
        "question": "who" if wanted is PEOPLE else "where",
        "context": context,
        "answers": spans,
    }


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    rng = random.Random(0)
    found = {}
    for split, count in (("train", 128), ("validation", 16), ("test", 32)):
        path = tmp_path / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row(rng)) + "\n" for _ in range(count)))
        found[split] = str(path)
    return found


def test_answers_are_found_in_windows_or_said_not_to_be_there(
    resumed: Any, tiny_model: Path, files: dict[str, str]
) -> None:
    result = resumed(
        "extractive",
        tiny_model,
        5,
        extractive=files,
        epochs=6,
        batch_size=16,
        max_length=20,
        learning_rate=3e-3,
    )
    gold = lines(Path(files["test"]))
    found = lines(result.output / "predictions" / "test.jsonl")
    # Who always says that there is none is right in three of ten.
    assert result.metrics["test"]["exact"].value > 0.7
    assert {bool(one["answers"]) for one in found} == {True, False}
    for one, item in zip(gold, found, strict=True):
        for span in item["answers"]:
            assert one["context"][span["start"] : span["end"]] == item["answer"]
    requests = [{key: one[key] for key in ("question", "context")} for one in gold]
    asked = list(ft.predict(result.output, requests))
    assert [one["answers"] for one in asked] == [one["answers"] for one in found]


def test_an_answer_outside_of_its_context_is_refused(go: Any, files: dict[str, str]) -> None:
    bad = Path(files["train"])
    wrong = {"question": "who", "context": "anna", "answers": [{"start": 2, "end": 9}]}
    bad.write_text(bad.read_text() + json.dumps(wrong) + "\n")
    with pytest.raises(ft.FtError, match=r"train\.jsonl:129: .*outside of its context: 2 to 9"):
        go([str(Path(__file__).parent / "extractive.py")], extractive=files)
