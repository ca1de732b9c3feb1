"""Prediction side by side: `ft.predict` and the pipeline of transformers over one trained model.

    python tests/benchmarks/prediction.py --run RUN --data wnut17 [--repetitions 5]

``RUN`` is the folder of a finished run of ``ner`` with ``ner.decoding = "argmax"``, which takes the
likeliest tag of each word as the pipeline does. Both get the same texts (the sentences of the dev and
test files), in turn, as often as asked, and both load the model in the time that counts; the libraries
are imported before. The table has sentences a second, their ratio within a repetition, and the share
of words with the same type of entity.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any


def sentences(folder: Path, count: int | None) -> list[str]:
    """Texts of the dev and test files, a blank between two words."""
    texts = []
    for name in ("test.conll", "dev.conll"):
        for block in (folder / name).read_text(encoding="utf-8").split("\n\n"):
            words = [line.split("\t")[0] for line in block.splitlines() if line.strip()]
            if words:
                texts.append(" ".join(words))
    return texts[:count]


def spans_of_ft(run: Path, texts: list[str]) -> list[list[tuple[int, int, str]]]:
    """Start, end and type of what ft finds."""
    import ft

    return [
        [(one["start"], one["end"], one["type"]) for one in answer["entities"]]
        for answer in ft.predict(run, texts)
    ]


def spans_of_pipeline(run: Path, texts: list[str], batch: int) -> list[list[tuple[int, int, str]]]:
    """Start, end and type of what the pipeline finds."""
    from transformers import pipeline

    find: Any = pipeline(
        "token-classification", str(run / "model"), aggregation_strategy="first", device=-1
    )
    found = find(texts, batch_size=batch)
    return [[(one["start"], one["end"], one["entity_group"]) for one in row] for row in found]


def types_of_words(text: str, spans: list[tuple[int, int, str]]) -> list[str]:
    """The type of the entity over the first letter of each word, or nothing."""
    types, at = [], 0
    for word in text.split(" "):
        types.append(next((kind for start, end, kind in spans if start <= at < end), ""))
        at += len(word) + 1
    return types


def main() -> None:
    """Predict with both in turn; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=None, help="default: all")
    parser.add_argument("--batch", type=int, default=32, help="of the pipeline")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    texts = sentences(arguments.data, arguments.sentences)
    speeds: dict[str, list[float]] = {"ft": [], "pipeline": []}
    spans_of_ft(arguments.run, texts[:1])
    spans_of_pipeline(arguments.run, texts[:1], arguments.batch)
    for _ in range(arguments.repetitions):
        started = time.perf_counter()
        ours = spans_of_ft(arguments.run, texts)
        middle = time.perf_counter()
        theirs = spans_of_pipeline(arguments.run, texts, arguments.batch)
        speeds["ft"].append(len(texts) / (middle - started))
        speeds["pipeline"].append(len(texts) / (time.perf_counter() - middle))
        print({name: round(values[-1], 1) for name, values in speeds.items()}, flush=True)
    ratios = [a / b for a, b in zip(speeds["ft"], speeds["pipeline"], strict=True)]
    same = [
        a == b
        for text, mine, other in zip(texts, ours, theirs, strict=True)
        for a, b in zip(types_of_words(text, mine), types_of_words(text, other), strict=True)
    ]
    print(
        f"{len(texts)} sentences, {arguments.repetitions} repetitions: "
        f"ft {statistics.median(speeds['ft']):.0f}, pipeline at batch {arguments.batch} "
        f"{statistics.median(speeds['pipeline']):.0f} sentences a second; ratio "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"same type for {sum(same) / len(same):.2%} of {len(same)} words"
    )


if __name__ == "__main__":
    main()
