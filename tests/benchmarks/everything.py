"""Every measurement of speed and memory, one after the other in one sitting, into one page.

    python tests/benchmarks/everything.py --data FOLDER --out speed.md [--only training prediction ...]

``FOLDER`` has the folders ``wnut17``, ``sst2`` and ``movielens_small``. Nothing else should run on
the machine meanwhile. The page names the machine, and has each command above what it printed, and how long it took; what
a command has printed stands there even if a later one fails.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import described

HERE = Path(__file__).resolve().parent


def commands(data: Path, work: Path) -> dict[str, list[list[str]]]:
    """The commands of each part, which is named in ``--only``."""
    rows, run = str(work / "speed.jsonl"), str(work / "ner")
    words, texts, ratings = (str(data / name) for name in ("wnut17", "sst2", "movielens_small"))
    split = {"train": "train", "validation": "dev", "test": "test"}
    settings = [f"ner.{name}={words}/{file}.conll" for name, file in split.items()]
    settings.append("ner.decoding=argmax")
    train = [part for one in settings for part in ("-o", one)]
    tools = ["--tools", "ft", "trainer-best", "trainer-own", "--examples", "800", "--dev", "100"]
    return {
        "step": [
            ["step_profile.py", "--task", "ner", "--data", words],
            ["step_profile.py", "--task", "sentiment", "--data", texts],
        ],
        "prediction": [
            ["-m", "ft", "run", "--plugins", "ner", "--quiet", "--output", run, *train],
            ["prediction.py", "--run", run, "--data", words, "--sentences", "1287"],
            ["evaluation.py", "--run", run, "--data", words],
        ],
        "training": [
            ["speed.py", "--task", "ner", "--data", words, "--out", rows, *tools],
            ["speed.py", "--task", "sentiment", "--data", texts, "--out", rows, *tools],
            ["speed_recommend.py", "--data", ratings, "--out", rows, "--repetitions", "2"],
            ["speed.py", "--report", "--out", rows],
        ],
        "framework": [["framework_cost.py", "--data", words], ["hook_cost.py"]],
        "score": [
            ["time_to_score.py", "--task", "ner", "--data", words, "--epochs", "3", "--best"],
            ["time_to_score.py", "--task", "sentiment", "--data", texts, "--epochs", "1", "--best"],
        ],
        "head": [["head_only.py", "--data", texts]],
        "startup": [["startup.py", "--data", words]],
        "length": [["length_scaling.py"]],
        "epoch": [["memory_scaling.py", "--sentences", "100000", "400000", "--epoch"]],
    }


def main() -> None:
    """Run the parts; write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    names = list(commands(Path(), Path()))
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as name, arguments.out.open("a", encoding="utf-8") as page:
        page.write(f"{time.strftime('%Y-%m-%d')}, {described()}\n")
        for part in arguments.only:
            for command in commands(arguments.data, Path(name))[part]:
                if command[0] != "-m":
                    command[0] = str(HERE / command[0])
                print("$", shlex.join(command), flush=True)
                began = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, *command], stdout=subprocess.PIPE, text=True, check=False
                )
                failed = failed or done.returncode != 0
                shown = shlex.join([Path(command[0]).name, *command[1:]])
                page.write(f"\n## {part}\n\n    python {shown}\n\n{done.stdout}")
                page.write(f"\n({time.perf_counter() - began:.0f} seconds)\n")
                page.write(f"\n(it failed: {done.returncode})\n" if done.returncode else "")
                page.flush()
    sys.exit(failed)


if __name__ == "__main__":
    main()
