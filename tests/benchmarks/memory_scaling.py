"""Peak memory at the first steps of training against the size of the corpus.

    python tests/benchmarks/memory_scaling.py --sentences 10000 1000000

Writes a generated CoNLL corpus of each size, starts ``ft run`` on it in a process of its own for a
few steps, and prints the peak resident memory and the seconds until training began.
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
from pathlib import Path

STEPS = 3


def write_corpus(path: Path, sentences: int) -> None:
    """A corpus of random sentences of 5 to 25 words with two entity types."""
    rng = random.Random(sentences)
    words = [
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(5000)
    ]
    with path.open("w", encoding="utf-8") as stream:
        for _ in range(sentences):
            for _ in range(rng.randint(5, 25)):
                tag = rng.choices(["O", "B-PER", "B-LOC"], [18, 1, 1])[0]
                stream.write(f"{rng.choice(words)}\t{tag}\n")
            stream.write("\n")


def train(corpus: Path, held_out: Path, folder: Path) -> None:
    """A few steps of training; prints the peak memory of this process in bytes."""
    import ft

    result = ft.run(
        ["ner"],
        output=folder,
        max_steps=STEPS,
        lint="warn",
        ner={"train": str(corpus), "validation": str(held_out), "test": str(held_out)},
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"peak_bytes": peak, "setup_seconds": result.record["setup_seconds"]}))


def main() -> None:
    """Read the arguments and print one JSON line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--child", nargs=3, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        train(*arguments.child)
        return
    first = None
    for size in arguments.sentences:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_corpus(folder / "train.conll", size)
            write_corpus(folder / "held_out.conll", 100)
            done = subprocess.run(
                [
                    sys.executable,
                    __file__,
                    "--child",
                    str(folder / "train.conll"),
                    str(folder / "held_out.conll"),
                    str(folder / "run"),
                ],
                env={**os.environ, "FT_CACHE": str(folder / "cache")},
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
        row = {"sentences": size, **json.loads(done.stdout.splitlines()[-1])}
        first = first or row["peak_bytes"]
        row["above_first_bytes"] = row["peak_bytes"] - first
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
