"""Prediction side by side, with every model in memory: ft, the pipeline of transformers, and ONNX Runtime.

    python tests/benchmarks/prediction.py --run RUN --data wnut17 [--repetitions 10] [--sentences 1287]

``RUN`` is the folder of a finished run of ``ner`` with ``ner.decoding = "argmax"``, which takes the
likeliest tag of each word as the others do. All get the same texts (the sentences of the test and dev files), in turn. ONNX
Runtime runs the graph of ``ft export RUN``, made here where it is not there, in batches of 32 that are sorted by length, in
float32 and with all weights in int8 (``quantize_dynamic``), in a loop of its own that looks at nothing but the first token of
each word; ``ft-onnx-int8`` and ``ft-torch-int8`` are what ``ft export RUN --int8`` gives ``--to onnx`` and ``--to torch``. The table has sentences a second, how many times as fast as each
ft is within a repetition (median and interval), also in processor seconds, and the share of words of the same type.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from export import forms_of
from pairs import in_turn, shown
from speed import Watch

BATCH = 32
Spans = list[list[tuple[int, int, str]]]


def sentences(folder: Path, count: int | None) -> list[str]:
    """Texts of the test and dev files, a blank between two words."""
    texts = []
    for name in ("test.conll", "dev.conll"):
        for block in (folder / name).read_text(encoding="utf-8").split("\n\n"):
            words = [line.split("\t")[0] for line in block.splitlines() if line.strip()]
            if words:
                texts.append(" ".join(words))
    return texts[:count]


def with_ft(run: Path) -> Callable[[list[str]], Spans]:
    """What a loaded run finds."""
    import ft

    trained = ft.load(run)
    return lambda texts: [
        [(one["start"], one["end"], one["type"]) for one in answer["entities"]]
        for answer in trained.predict(texts)
    ]


def with_pipeline(run: Path) -> Callable[[list[str]], Spans]:
    """What the pipeline finds."""
    from transformers import pipeline

    find: Any = pipeline(
        "token-classification", str(run / "model"), aggregation_strategy="first", device=-1
    )
    return lambda texts: [
        [(one["start"], one["end"], one["entity_group"]) for one in row]
        for row in find(texts, batch_size=BATCH)
    ]


def with_onnx(run: Path, graph: Path) -> Callable[[list[str]], Spans]:
    """What a bare loop over ONNX Runtime finds."""
    import onnxruntime
    from transformers import AutoConfig, AutoTokenizer

    session = onnxruntime.InferenceSession(graph)
    tokenizer = AutoTokenizer.from_pretrained(run / "model")
    names = AutoConfig.from_pretrained(run / "model").id2label
    wanted = [one.name for one in session.get_inputs()]

    def find(texts: list[str]) -> Spans:
        found: Spans = [[] for _ in texts]
        encoded = tokenizer(texts, truncation=True, return_offsets_mapping=True)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        order = np.argsort(lengths, kind="stable")
        for begin in range(0, len(order), BATCH):
            chosen = order[begin : begin + BATCH]
            batch = tokenizer.pad(
                {k: [encoded[k][i] for i in chosen] for k in wanted}, return_tensors="np"
            )
            (logits,) = session.run(None, {k: batch[k].astype(np.int64) for k in wanted})
            for i, tags in zip(chosen, logits.argmax(-1), strict=True):
                found[i] = list(
                    spans_of(encoded.word_ids(i), encoded["offset_mapping"][i], tags, names)
                )
        return found

    return find


def spans_of(
    owners: list[int | None], places: list[tuple[int, int]], tags: Any, names: dict[int, str]
) -> Iterator[tuple[int, int, str]]:
    """The type of each word by its first token, an entity a word."""
    before = None
    for owner, (start, end), tag in zip(owners, places, tags, strict=False):
        if owner is not None and owner != before and names[tag] != "O":
            yield start, end, names[tag][2:]
        before = owner


def types_of_words(text: str, spans: list[tuple[int, int, str]]) -> list[str]:
    """The type of the entity over the first letter of each word, or nothing."""
    types, at = [], 0
    for word in text.split(" "):
        types.append(next((kind for start, end, kind in spans if start <= at < end), ""))
        at += len(word) + 1
    return types


def main() -> None:
    """Predict with all in turn; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=None, help="default: all")
    parser.add_argument("--repetitions", type=int, default=10)
    arguments = parser.parse_args()
    texts = sentences(arguments.data, arguments.sentences)
    from onnxruntime.quantization import quantize_dynamic

    run = arguments.run
    forms = forms_of(run, ["onnx", "onnx-int8", "torch-int8"])
    graph = forms["onnx"] / "model" / "model.onnx"
    with tempfile.TemporaryDirectory() as name:
        small = Path(name) / "int8.onnx"
        quantize_dynamic(graph, small)
        tools = {
            "ft": with_ft(run),
            "ft-onnx-int8": with_ft(forms["onnx-int8"]),
            "ft-torch-int8": with_ft(forms["torch-int8"]),
            "pipeline": with_pipeline(run),
            "onnx": with_onnx(run, graph),
            "onnx-int8": with_onnx(run, small),
        }
    answers = {tool: find(texts) for tool, find in tools.items()}

    def measure(tool: str, turn: int) -> Watch:
        with Watch() as watch:
            tools[tool](texts)
        return watch

    turns, slowest, repeated = in_turn(
        list(tools), measure, arguments.repetitions, arguments.repetitions // 2
    )
    print(
        f"{len(texts)} sentences; {repeated} turns again; products {max(slowest):.2f} times the least"
    )
    print(
        "| | sentences a second | ft to it | in processor seconds | ft-torch-int8 to it | words of ft's type |"
    )
    print("|---|---|---|---|---|---|")
    mine = [types_of_words(text, row) for text, row in zip(texts, answers["ft"], strict=True)]
    for tool in tools:
        seconds = statistics.median(turn[tool].seconds for turn in turns)
        ratios = shown([turn[tool].seconds / turn["ft"].seconds for turn in turns])
        small = shown([turn[tool].seconds / turn["ft-torch-int8"].seconds for turn in turns])
        cost = shown([turn[tool].processor / turn["ft"].processor for turn in turns])
        pairs = zip(texts, answers[tool], strict=True)
        same = [
            a == b
            for own, (text, row) in zip(mine, pairs, strict=True)
            for a, b in zip(own, types_of_words(text, row), strict=True)
        ]
        share = sum(same) / len(same)
        print(
            f"| {tool} | {len(texts) / seconds:.0f} | {ratios} | {cost} | {small} | {share:.2%} |"
        )


if __name__ == "__main__":
    main()
