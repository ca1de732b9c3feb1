"""From the command to the first step, on data that an earlier run has encoded.

    python tests/benchmarks/startup.py --data wnut17 [--repetitions 5]

In turn, each in a process of its own: ``ft run --plugins ner`` until its first step begins, and a
process that imports torch and loads the same model and tokenizer with transformers. The difference is
what ft takes beside: its imports, reading and checking the data, taking up the encoded examples.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOAD = """
import sys
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer
AutoTokenizer.from_pretrained(sys.argv[1])
AutoModelForTokenClassification.from_pretrained(sys.argv[1], num_labels=13)
"""

PLUGIN = """
import time
from pathlib import Path

import ft


class Clock(ft.Plugin):
    \"\"\"Notes when the first loss is asked for.\"\"\"

    class Config(ft.Config):
        file: str

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        if not Path(self.config.file).exists():
            part = Path(self.config.file + ".part")
            part.write_text(repr(time.time()))
            part.rename(self.config.file)
        return inner(run, model, batch)
"""


def until_the_first_step(arguments: argparse.Namespace, folder: Path, turn: int) -> float:
    """Seconds from starting the command."""
    mark = folder / f"mark{turn}"
    command = [sys.executable, "-m", "ft", "run", "--plugins", f"ner,{folder / 'clock.py'}"]
    command += ["--output", str(folder / f"run{turn}"), "--model", arguments.model]
    settings = [f"ner.{name}={arguments.data / name}.conll" for name in ("train", "test")]
    settings += [f"ner.validation={arguments.data / 'dev.conll'}", f"clock.file={mark}"]
    settings += ["run.max_steps=1", "run.report=false"]
    command += [part for one in settings for part in ("-o", one)]
    started = time.time()
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "FT_CACHE": str(folder / "cache")},
    ) as process:
        while not mark.exists():
            if process.poll() is not None:
                raise RuntimeError(f"it ended before its first step: {' '.join(command)}")
            time.sleep(0.05)
        process.kill()  # what comes after does not count
    return float(mark.read_text()) - started


def loading(arguments: argparse.Namespace) -> float:
    """Seconds of a process that only loads."""
    started = time.time()
    subprocess.run(
        [sys.executable, "-c", LOAD, arguments.model],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.time() - started


def main() -> None:
    """Start both in turn; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with CoNLL files")
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.model is None:
        from ft.loading.starters import starter

        arguments.model = str(starter("model"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clock.py").write_text(PLUGIN, encoding="utf-8")
        first = until_the_first_step(arguments, folder, 0)
        rows = [
            (until_the_first_step(arguments, folder, turn), loading(arguments))
            for turn in range(1, arguments.repetitions + 1)
        ]
    beside = [ours - theirs for ours, theirs in rows]
    print(
        f"first run {first:.2f} s; later runs {statistics.median(a for a, _ in rows):.2f} s to the "
        f"first step, loading alone {statistics.median(b for _, b in rows):.2f} s; beside it "
        f"{statistics.median(beside):.2f} s ({min(beside):.2f} to {max(beside):.2f}, "
        f"{len(rows)} repetitions)"
    )


if __name__ == "__main__":
    main()
