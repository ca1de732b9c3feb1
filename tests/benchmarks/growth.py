"""Time against the size of the input, and the size of a page against its labels.

    python tests/benchmarks/growth.py [pieces columns classes page requests] [--repetitions 3]

Each part works on two sizes in turn, in a process of its own with a cache of its own, as often as asked,
and prints the ratio of the shortest processor times beside the most that it may be:

- ``pieces``: `ft.load(run).predict` of ``ner`` over one text of 12,500 and of 100,000 words, a piece each;
- ``columns``: `ft.read_table` of a CSV file with 10,000 and with 40,000 columns and 20 rows;
- ``classes``: a whole run of ``sentiment`` with 2,000 and with 10,000 classes, three texts each;
- ``page``: ``report.html`` of 30 classes with names of 2,000 characters, and of 3,000 classes;
- ``requests``: the peak of resident memory of `ft predict` over 100,000 and over 1,000,000 short texts.

The model is a BERT with random weights and two layers of 32: what is measured is ft, not the encoder.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WORDS = ("anna", "saw", "london", "the", "old", "house", "in", "rain", "and", "ben")
SHORT = {"epochs": 1, "precision": "fp32", "device": "cpu", "lint": "off", "advice": False}


def model(folder: Path) -> str:
    """A tiny model that knows the words."""
    from ft_kit import tiny_bert

    return str(tiny_bert(folder / "model", WORDS))


def write_texts(path: Path, rows: Sequence[tuple[str, str]]) -> str:
    """Texts with labels as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows])
    return str(path)


def trained(folder: Path, task: str) -> Path:
    """A run that prediction can be measured on."""
    import ft

    if task == "ner":
        sentence = "".join(f"{word}\t{'B-X' if word == 'anna' else 'O'}\n" for word in WORDS)
        train = folder / "train.conll"
        train.write_text("\n".join([sentence] * 40), encoding="utf-8")
    else:
        rows = [(f"{word} {i}", "ab"[i % 2]) for i, word in enumerate(WORDS * 4)]
        train = Path(write_texts(folder / "train.csv", rows))
    settings: dict[str, Any] = {task: {"train": str(train)}}
    result = ft.run(
        [task], output=folder / "run", model=model(folder), report=False, **SHORT, **settings
    )
    return Path(result.output)


def pieces(folder: Path, size: int) -> float:
    """Processor seconds to predict one text of so many words."""
    import ft

    opened = ft.load(trained(folder, "ner"))
    opened.predict(["anna saw london"])
    text = " ".join(WORDS[i % len(WORDS)] for i in range(size))
    started = time.process_time()
    (answer,) = opened.predict([text])
    seconds = time.process_time() - started
    assert len(answer["tokens"]) == size
    return seconds


def columns(folder: Path, size: int) -> float:
    """Processor seconds to read a table of so many columns."""
    import ft

    path = folder / "wide.csv"
    names = ",".join(f"c{i}" for i in range(size))
    row = ",".join(str(i % 97) for i in range(size))
    path.write_text("\n".join([names, *[row] * 20]) + "\n", encoding="utf-8")
    small = folder / "small.csv"
    small.write_text("a,b\n1,2\n", encoding="utf-8")
    ft.read_table(small, owner="benchmark")  # what reading imports does not count
    started = time.process_time()
    data = ft.read_table(path, owner="benchmark")
    seconds = time.process_time() - started
    assert (len(data), len(data.column_names)) == (20, size + 1)
    return seconds


def classes(folder: Path, size: int) -> float:
    """Processor seconds of a whole run with so many classes."""
    import ft

    rows = [(f"{WORDS[i % 10]} {i} {k}", f"class {i}") for k in range(3) for i in range(size)]
    held = [(f"{WORDS[i % 10]} {i} held", f"class {i}") for i in range(0, size, 10)]
    settings = {
        "train": write_texts(folder / "train.csv", rows),
        "validation": write_texts(folder / "dev.csv", held),
    }
    started = time.process_time()
    ft.run(
        ["sentiment"],
        output=folder / "run",
        model=model(folder),
        report=False,
        sentiment=settings,
        **SHORT,
    )
    return time.process_time() - started


def page(folder: Path, size: int) -> float:
    """Megabytes of the page of a run, whose names of classes are 60,000 characters or more."""
    import ft

    name = "long name of a class " * 100 if size < 100 else "class "
    rows = [
        (f"{WORDS[i % 10]} {i} {k}", f"{name[:2000]}{i}") for k in range(3) for i in range(size)
    ]
    settings = {
        "train": write_texts(folder / "train.csv", rows),
        "validation": write_texts(folder / "dev.csv", rows[: max(300, size)]),
    }
    result = ft.run(
        ["sentiment"], output=folder / "run", model=model(folder), sentiment=settings, **SHORT
    )
    return (Path(result.output) / "report.html").stat().st_size / 1e6


def requests(folder: Path, size: int) -> float:
    """Peak of resident memory, in MB, of `ft predict` over so many short texts."""
    run = trained(folder, "sentiment")
    texts = folder / "texts.txt"
    with texts.open("w", encoding="utf-8") as stream:
        for i in range(size):
            stream.write(f"{' '.join(WORDS[: 1 + i % 9])} {i}\n")
    output = folder / "answers.jsonl"
    # In a process of its own: the peak of this one is that of training.
    code = (
        "import resource, sys; from ft.cli.main import main; code = main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024); sys.exit(code)"
    )
    command = ["predict", str(run), str(texts), "-q", "-o", str(output)]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, stdout=subprocess.PIPE, text=True
    )
    with output.open("rb") as stream:
        assert sum(1 for _ in stream) == size
    return float(done.stdout.split()[-1])


PARTS: dict[str, tuple[Callable[[Path, int], float], int, int, float, str]] = {
    "pieces": (pieces, 12_500, 100_000, 9.0, "s"),
    "columns": (columns, 10_000, 40_000, 4.5, "s"),
    "classes": (classes, 2_000, 10_000, 6.0, "s"),
    "page": (page, 30, 3_000, 1.5, "MB"),
    "requests": (requests, 100_000, 1_000_000, 1.1, "MB"),
}
"""What is measured, the two sizes, the most that the ratio may be (of ``page``: the greater one)."""


def once(name: str, size: int) -> float:
    """Measure in a process of its own, with a cache of its own."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, name, "--once", str(size)]
        environment = {**os.environ, "FT_CACHE": cache, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, check=True, env=environment, stdout=subprocess.PIPE, text=True
        )
    return float(done.stdout.split()[-1])


def main() -> None:
    """Print the two figures and their ratio for each part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[*PARTS])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--once", type=int, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in arguments.parts:
        measure, small, large, most, unit = PARTS[name]
        if arguments.once is not None:
            with tempfile.TemporaryDirectory() as folder:
                print(measure(Path(folder), arguments.once))
            continue
        timed = name in ("pieces", "columns", "classes")
        found: dict[int, list[float]] = {small: [], large: []}
        for _ in range(arguments.repetitions if timed else 1):
            for size in (small, large):
                found[size].append(once(name, size))
        low, high = min(found[small]), min(found[large])
        told = max(low, high) if name == "page" else high / low
        verdict = "holds" if told <= most else "MISSED"
        print(
            f"{name}: {small:,}: {low:.2f} {unit}; {large:,}: {high:.2f} {unit}; "
            f"{'at most' if name == 'page' else 'ratio'} {told:.2f}, may be {most:g}: {verdict}",
            flush=True,
        )


if __name__ == "__main__":
    main()
