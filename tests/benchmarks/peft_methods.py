"""Methods of `peft` beside full tuning: score, processor time of a step, memory, size of what is saved.

    python tests/benchmarks/peft_methods.py score --output peft.jsonl [--seeds 3] [--examples 500] [--methods full lora]
    python tests/benchmarks/peft_methods.py cost --output peft.jsonl
    python tests/benchmarks/peft_methods.py table --output peft.jsonl
    python tests/benchmarks/peft_methods.py steps --methods full lora [--tasks ner]

``ner`` and ``sentiment`` with the starter's encoder and the first examples of its data (600 of the test), one
thread, windows of 128 tokens, nothing else set but what a method sets itself. ``score`` trains each method once a seed, one after the other, so that a
busy machine is busy for all; a step is compared with the step of full tuning over the same batch. ``cost``
trains 8 steps in a process of its own and takes its peak memory above what it had before the model was
built: until the last step, and until the model is saved and compared. ``steps`` trains 16 steps with every method in turn, three times in
one process, takes the least time of each step, and prints its share of that of the first method. What is in ``--output`` already is not done
again.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import scipy.stats
import torch

import ft
from ft.engine.loop import Loop

LORA = {"method": "lora"}
METHODS: dict[str, dict[str, Any] | None] = {
    "full": None,
    "lora": LORA,
    "lora-all": {**LORA, "targets": "all"},
    "dora": {**LORA, "dora": True},
    "adalora": {"method": "adalora"},
    "ia3": {"method": "ia3"},
    "bitfit": {"method": "bitfit"},
    "adapter": {"method": "adapter"},
    "prompt": {"method": "prompt"},
    "ptuning": {"method": "ptuning"},
    "prefix": {"method": "prefix"},
}
TASKS = ("ner", "sentiment")
COST_STEPS = 8
TIMED_STEPS, TURNS = 16, 3
VALIDATED, TESTED = 60, 600


class Probe(ft.Plugin):
    """Takes the processor's time of each step, and memory before the model and after the steps.

    It is no hook that looks at a step: what listens for steps changes what the core does in them.
    """

    name = "probe"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.told: dict[str, Any] = {"steps": []}

    @ft.hookimpl
    def load_data(self, inner: Callable[..., Any], run: Any) -> Any:
        """As it was. A plugin around `build_head` would have the model saved before the first step."""
        data = inner(run)
        step = self._step = Loop._step

        def watched(loop: Loop, features: Any) -> None:
            began = time.process_time()
            step(loop, features)
            self.told["steps"].append(time.process_time() - began)
            self.told["training"] = status("VmHWM")

        setattr(Loop, "_step", watched)  # noqa: B010
        if not run.restored:
            Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
            self.told["before"] = status("VmRSS")
        return data

    @ft.hookimpl
    def on_run_end(self, run: Any) -> None:
        """Write it into the run's folder."""
        setattr(Loop, "_step", self._step)  # noqa: B010
        self.told["whole"] = status("VmHWM")
        (run.output / "probe.json").write_text(json.dumps(self.told))


def status(name: str) -> float:
    """A line of the process's status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith(f"{name}:")) / 1024


def run(task: str, method: str, output: Path, seed: int, examples: int, **settings: Any) -> Path:
    """Train once."""
    given = METHODS[method]
    plugins = [task, *([] if given is None else ["peft"]), f"{__file__}:Probe"]
    tables: dict[str, Any] = {} if given is None else {"peft": given}
    plain = {"report": False, "advice": False, "lint": "off", "max_length": 128, "seed": seed}
    result = ft.run(
        plugins,
        output=output,
        **{task: files(task, examples, output.parent, settings.pop("tested", TESTED))},
        **tables,
        **plain,
        **settings,
    )
    return result.output


def files(task: str, examples: int, folder: Path, tested: int = TESTED) -> dict[str, str]:
    """The first examples of the starter's files of a task."""
    found = ft.starter(task)
    if found is None:
        raise SystemExit("this needs ft-starter with its data")
    made = {}
    for split, count in (("train", examples), ("validation", VALIDATED), ("test", tested)):
        source = Path(found[split])
        made[split] = str(folder / source.name)
        with (
            source.open(newline="", encoding="utf-8") as read,
            Path(made[split]).open("w", newline="", encoding="utf-8") as written,
        ):
            if source.suffix == ".csv":
                csv.writer(written).writerows(islice(csv.reader(read), count + 1))
            else:
                written.writelines(islice(read, count))
    return made


def size(folder: Path) -> float:
    """Of all files, in MB."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6


def score(options: argparse.Namespace) -> None:
    """Train every method on every task with every seed."""
    done = {(one["task"], one["method"], one["seed"]) for one in read(options, "score")}
    for seed in range(options.seeds):
        for task in options.tasks:
            for method in options.methods:
                if (task, method, seed) in done:
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    at = Path(folder) / "run"
                    run(task, method, at, seed, examples=options.examples, epochs=options.epochs)
                    record = json.loads((at / "record.json").read_text())
                    main = record["main"]
                    (last,) = (at / "checkpoints").glob("step-*")
                    adapter = at / "model" / "adapter"
                    write(
                        options,
                        part="score",
                        task=task,
                        method=method,
                        seed=seed,
                        metric=main,
                        score=record["metrics"]["test"][main]["value"],
                        steps=json.loads((at / "probe.json").read_text())["steps"],
                        checkpoint=size(last),
                        model=size(at / "model"),
                        adapter=size(adapter) if adapter.is_dir() else None,
                        said=next((n for n in record["notes"] if "parameters" in n), ""),
                    )


def cost(options: argparse.Namespace) -> None:
    """Take the memory of every method, each in a process of its own."""
    done = {(one["task"], one["method"]) for one in read(options, "cost")}
    for task in options.tasks:
        for method in options.methods:
            if (task, method) not in done:
                command = [sys.executable, __file__, "child", "--tasks", task, "--methods", method]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                write(options, part="cost", task=task, method=method, **json.loads(told))


def child(options: argparse.Namespace) -> None:
    """One measurement of memory."""
    with tempfile.TemporaryDirectory() as folder:
        (task,), (method,) = options.tasks, options.methods
        at = run(
            task, method, Path(folder) / "run", 0, examples=320, max_steps=COST_STEPS, tested=20
        )
        told = json.loads((at / "probe.json").read_text())
    del told["steps"]
    print(json.dumps(told))


def steps(options: argparse.Namespace) -> None:
    """Compare the time of steps over the same batches, the methods in turn on a machine that may be busy."""
    for task in options.tasks:
        told: dict[str, list[list[float]]] = {method: [] for method in options.methods}
        for _ in range(TURNS):
            for method, several in told.items():
                with tempfile.TemporaryDirectory() as folder:
                    at = Path(folder) / "run"
                    run(task, method, at, 0, examples=320, max_steps=TIMED_STEPS, tested=20)
                    several.append(json.loads((at / "probe.json").read_text())["steps"])
        # The first step makes what later ones use again.
        least = {
            method: [min(one) for one in zip(*told[method], strict=True)][1:] for method in told
        }
        first = least[options.methods[0]]
        for method, times in least.items():
            shares = [mine / theirs for mine, theirs in zip(times, first, strict=True)]
            print(
                f"{task} {method}: {1000 * sum(times) / len(times):.0f} ms, {sum(times) / sum(first):.2f} of "
                f"{options.methods[0]} in all, of each step {min(shares):.2f} to {max(shares):.2f}"
            )


def write(options: argparse.Namespace, **values: Any) -> None:
    """Add a line, and show it."""
    with options.output.open("a") as file:
        file.write(json.dumps(values) + "\n")
    print({key: value for key, value in values.items() if key != "steps"}, flush=True)


def read(options: argparse.Namespace, part: str) -> list[dict[str, Any]]:
    """The lines of a part."""
    if not options.output.exists():
        return []
    lines = [json.loads(line) for line in options.output.read_text().splitlines()]
    return [line for line in lines if line["part"] == part]


def rows(options: argparse.Namespace, task: str) -> Iterator[list[str]]:
    """The rows of a task's table."""
    scores = [one for one in read(options, "score") if one["task"] == task]
    costs = {one["method"]: one for one in read(options, "cost") if one["task"] == task}
    full = {one["seed"]: one for one in scores if one["method"] == "full"}
    for method in METHODS:
        own = [one for one in scores if one["method"] == method]
        if not own:
            continue
        ratios = [
            mine / theirs
            for one in own
            if one["seed"] in full
            for mine, theirs in zip(one["steps"], full[one["seed"]]["steps"], strict=True)
        ]
        there = {one["seed"]: one["score"] for one in own}
        apart = [there[seed] - full[seed]["score"] for seed in there if seed in full]
        memory = ["", ""]
        if method in costs and "full" in costs:
            memory = [
                f"{(costs[method][k] - costs[method]['before']):.0f} MB, "
                f"{(costs[method][k] - costs[method]['before']) / (costs['full'][k] - costs['full']['before']):.2f}"
                for k in ("training", "whole")
            ]
        kept = own[0]["adapter"]
        yield [
            f"`{method}`",
            f"{statistics.mean(there.values()):.3f}",
            "" if method == "full" else interval(apart),
            f"{statistics.median(ratios):.2f}" if ratios else "",
            *memory,
            f"{own[0]['checkpoint']:.1f} MB",
            "" if kept is None else f"{kept:.2f} MB",
        ]


def interval(values: list[float]) -> str:
    """The mean with its 95 % interval over seeds, by Student's t."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return f"{mean:+.3f}"
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})"


def table(options: argparse.Namespace) -> None:
    """Print both tables."""
    for task in options.tasks:
        found = list(rows(options, task))
        metric = next((one["metric"] for one in read(options, "score") if one["task"] == task), "")
        heads = [
            task,
            metric,
            "less full tuning's",
            "step, to full",
            "memory in training, to full",
            "of the whole run, to full",
            "checkpoint",
            "adapter",
        ]
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for one in found:
            print(f"| {' | '.join(one)} |")
        print()


def main() -> None:
    """Do one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["score", "cost", "table", "steps", "child"])
    parser.add_argument("--output", type=Path, default=Path("peft.jsonl"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    parts = {"score": score, "cost": cost, "table": table, "steps": steps, "child": child}
    parts[options.part](options)


if __name__ == "__main__":
    main()
