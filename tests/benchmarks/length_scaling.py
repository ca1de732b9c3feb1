"""Time and memory of training against the length of the texts.

    python tests/benchmarks/length_scaling.py [--words 8 32 128 500] [--batch-size 16]

Writes a generated CoNLL corpus for each length, whose words are one token each, and trains a few
steps on it with ``ner``, in a process of its own. Prints the microseconds that each real token took
and the peak resident memory.
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

WORDS = ("the", "of", "in", "they", "was", "old", "man", "day")


def write_corpus(path: Path, sentences: int, words: int) -> None:
    """Sentences of so many words, every tenth of them an entity."""
    rng = random.Random(words)
    with path.open("w", encoding="utf-8") as stream:
        for _ in range(sentences):
            for k in range(words):
                stream.write(f"{rng.choice(WORDS)}\t{'O' if k % 10 else 'B-X'}\n")
            stream.write("\n")


def train(arguments: argparse.Namespace, words: int) -> None:
    """Train in this process; prints a JSON line."""
    import ft

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sentences = arguments.steps * arguments.batch_size
        for split, count in (("train", sentences), ("validation", 16)):
            write_corpus(folder / f"{split}.conll", count, words)
        result = ft.run(
            ["ner"],
            output=folder / "run",
            epochs=1,
            batch_size=arguments.batch_size,
            lint="off",
            report=False,
            ner={name: str(folder / f"{name}.conll") for name in ("train", "validation")},
            **({"model": arguments.model} if arguments.model else {}),
        )
    record = result.record
    print(
        json.dumps(
            {
                "words": words,
                "tokens_a_sentence": round(record["tokens"] / sentences, 1),
                "token_microseconds": round(1e6 * record["train_seconds"] / record["tokens"], 1),
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        ),
        flush=True,
    )


def main() -> None:
    """Print one line a length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256, 500])
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        train(arguments, arguments.words[0])
        return
    for words in arguments.words:
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, __file__, "--once", "--words", str(words)]
            command += ["--batch-size", str(arguments.batch_size), "--steps", str(arguments.steps)]
            command += ["--model", arguments.model] if arguments.model else []
            subprocess.run(command, check=True, env={**os.environ, "FT_CACHE": cache})


if __name__ == "__main__":
    main()
