"""Memory and time of `ft monitor` over a feed of a million posts, and over a tenth of them.

    python tests/benchmarks/monitor_feed.py --data DIR [--posts 1000000]

``DIR`` holds ``financial_phrasebank``, whose texts, each with a number behind it, are the posts of a year, on 97 entities. A tiny model
answers each of them. Each feed is read in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from monitor import START

import ft
from ft_kit import tiny_bert
from ft_monitor.model import Model
from ft_monitor.settings import Settings
from ft_monitor.state import Folder
from ft_monitor.watch import Watch


def peak() -> float:
    """The most memory that this process had so far, in megabytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def memory(posts: int, own: list[str], run: Path, folder: Path) -> dict[str, Any]:
    """What a feed of so many posts takes, to its end, in a process of its own with a model that answers them."""
    file = folder / "feed.jsonl"
    with file.open("w", encoding="utf-8") as stream:
        for k in range(posts):
            when = START * 3600 + k * 31_536_000 // posts
            row = {"time": when, "text": f"{own[k % len(own)]} {k}", "entity": f"e{k % 97}"}
            stream.write(json.dumps(row) + "\n")
    kept = Folder(folder / f"out-{posts}")
    model = Model(run)
    model.answer(own[:200])  # what the first answers take is not the feed's
    before = peak()
    began = time.process_time()
    watch = Watch(model, Settings(), kept, lambda _: None, lambda _: None)
    watch.run(file)
    kept.close()
    return {
        "posts": posts,
        "processor_seconds": round(time.process_time() - began, 1),
        "megabytes": round(before),
        "megabytes_more": round(peak() - before, 1),
        "state_megabytes": round((kept.path / "state.json").stat().st_size / 1e6, 2),
    }


def small_run(rows: list[dict[str, str]], folder: Path) -> Path:
    """A run of a tiny model."""
    words = {word for row in rows for word in row["text"].lower().split()}
    run = ft.run(
        ["sentiment"],
        model=str(tiny_bert(folder / "tiny", words)),
        epochs=1,
        sentiment={"train": rows[::2], "validation": rows[1::4], "test": rows[3::4]},
        output=folder / "small",
        report=False,
        advice=False,
        lint="off",
    )
    return run.output


def main() -> None:
    """Print a line of JSON for each feed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--posts", type=int, default=1_000_000)
    given = parser.parse_args()
    file = given.data / "financial_phrasebank" / "train.csv"
    rows = [
        {"text": str(row["text"]), "label": str(row["label"])}
        for row in ft.read_table(str(file), owner="benchmark")
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, own = small_run(rows, folder), [row["text"] for row in rows]
        for posts in (given.posts // 10, given.posts):
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                print(
                    json.dumps(process.submit(memory, posts, own, run, folder).result()), flush=True
                )


if __name__ == "__main__":
    main()
