"""On real data that comes cut into words: running text is answered with what evaluation counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import ft

Found = set[tuple[str, int, int]]


def found(entities: list[dict[str, Any]], places: list[list[int]]) -> Found:
    """Entities as types with the characters where they begin and end."""
    return {(one["type"], places[one["first"]][0], places[one["last"]][1]) for one in entities}


def joined(words: list[str]) -> tuple[str, list[list[int]]]:
    """Words with blanks between, and where each begins and ends."""
    places, at = [], 0
    for word in words:
        places.append([at, at + len(word)])
        at += len(word) + 1
    return " ".join(words), places


def read(path: Path) -> list[dict[str, Any]]:
    """The objects of a file, one a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.long
def test_running_text_of_wnut17(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "wnut17"
    test = tmp_path / "test.conll"
    blocks = (folder / "test.conll").read_text(encoding="utf-8").split("\n\n")[:400]
    test.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    result = ft.run(
        ["ner"],
        ner={"train": str(folder / "train.conll"), "test": str(test), "limit": 1500},
        epochs=2,
        learning_rate=5e-4,
        precision="fp32",
        device="cpu",
        lint="off",
        report=False,
        advice=False,
        output=tmp_path / "run",
    )
    notes = "\n".join(result.record["notes"])
    said = re.search(r"gives (\d+)% of your words as you cut them", notes)
    assert said, notes
    rows = read(tmp_path / "run" / "predictions" / "test.jsonl")
    examples = read(tmp_path / "run" / "predictions" / "test.examples.jsonl")
    texts = [joined(one["tokens"]) for one in examples]
    answers = ft.predict(tmp_path / "run", [text for text, _ in texts])

    words = kept = right = whole = 0
    for row, example, (_, places), answer in zip(rows, examples, texts, answers, strict=True):
        counted = found(row["entities"], places)
        predicted = found(answer["entities"], answer["offsets"])
        cut = {tuple(place) for place in answer["offsets"]}
        words += len(places)
        kept += sum(tuple(place) in cut for place in places)
        whole += len(counted)
        right += len(counted & predicted)
        if answer["tokens"] == example["tokens"]:
            assert predicted == counted, answer["text"]
    assert whole > 50
    assert kept / words >= int(said[1]) / 100 - 0.02
    print(f"{kept / words:.2%} of {words} words, {right / whole:.2%} of {whole} entities")
    # An entity has some two words, and each of them may be cut otherwise.
    assert right / whole >= 1 - 2.5 * (1 - kept / words)
