"""Memory and time against the size of the corpus.

    python tests/benchmarks/memory_scaling.py --sentences 10000 1000000
    python tests/benchmarks/memory_scaling.py --sentences 100000 1000000 --epoch

Writes a generated CoNLL corpus of each size, starts ``ft run`` on it in a process of its own for a
few steps, and prints the peak resident memory, that of it which is the process's own (pages of mapped
files go when others need the room), and the seconds until training began. With ``--epoch``
it trains a whole epoch, on a model so small that the framework's own work shows, and prints the
microseconds that each sentence took too. ``--words`` sets the lengths of the sentences.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

STEPS = 3


class Own:
    """Peak of the memory that is not mapped from files, looked at ten times a second."""

    def __init__(self) -> None:
        self.peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.peak = max(self.peak, 1024 * int(line.split()[1]))
            time.sleep(0.1)


def vocabulary() -> list[str]:
    """The words of every corpus."""
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(5000)]


def write_corpus(path: Path, sentences: int, words_each: tuple[int, int]) -> None:
    """A corpus of random sentences with two entity types."""
    rng = random.Random(sentences)
    words = vocabulary()
    with path.open("w", encoding="utf-8") as stream:
        for _ in range(sentences):
            for _ in range(rng.randint(*words_each)):
                tag = rng.choices(["O", "B-PER", "B-LOC"], [18, 1, 1])[0]
                stream.write(f"{rng.choice(words)}\t{tag}\n")
            stream.write("\n")


def train(corpus: Path, held_out: Path, folder: Path, epoch: bool) -> None:
    """A few steps of training, or an epoch; prints the peak memory of this process in bytes."""
    import ft
    from ft_kit import tiny_bert

    own = Own()
    settings: dict[str, Any] = {"max_steps": STEPS}
    if epoch:
        model = tiny_bert(folder.parent / "model", vocabulary(), hidden=16, layers=1)
        settings = {"epochs": 1, "batch_size": 256, "model": str(model), "report": False}
    result = ft.run(
        ["ner"],
        output=folder,
        lint="warn",
        **settings,
        ner={"train": str(corpus), "validation": str(held_out), "test": str(held_out)},
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    row = {"peak_bytes": peak, "own_bytes": own.peak}
    row |= {"setup_seconds": result.record["setup_seconds"]}
    if epoch:
        examples = result.record["data"]["train"]["examples"]
        row["sentence_microseconds"] = round(1e6 * result.record["train_seconds"] / examples, 2)
    print(json.dumps(row))


def main() -> None:
    """Read the arguments and print one JSON line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--epoch", action="store_true", help="train a whole epoch")
    parser.add_argument("--words", type=int, nargs=2, default=(5, 25), metavar=("LEAST", "MOST"))
    parser.add_argument("--child", nargs=3, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        train(*arguments.child, arguments.epoch)
        return
    first = None
    for size in arguments.sentences:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_corpus(folder / "train.conll", size, arguments.words)
            write_corpus(folder / "held_out.conll", 100, arguments.words)
            done = subprocess.run(
                [
                    sys.executable,
                    __file__,
                    "--child",
                    str(folder / "train.conll"),
                    str(folder / "held_out.conll"),
                    str(folder / "run"),
                    *(["--epoch"] if arguments.epoch else []),
                ],
                env={**os.environ, "FT_CACHE": str(folder / "cache")},
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
        row = {"sentences": size, **json.loads(done.stdout.splitlines()[-1])}
        first = first or row["own_bytes"]
        row["own_above_first_bytes"] = row["own_bytes"] - first
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
