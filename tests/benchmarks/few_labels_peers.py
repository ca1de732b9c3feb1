"""Few labels: `ft run --preset best` beside SetFit and AutoGluon, the same encoder in the same minutes.

    python tests/benchmarks/few_labels_peers.py --data DRAWN --out results.jsonl --setfit PYTHON --autogluon PYTHON
    python tests/benchmarks/few_labels_peers.py --data DRAWN --out results.jsonl --report

``DRAWN`` holds a folder for each set, with ``train.csv`` and ``test.csv`` of the columns text and label, or
``train.conll`` and ``test.conll``: the folder ``data`` that `few_labels.py draw` makes.
Nobody gets a validation file: who wants one holds it out. ``--minutes`` are those of the whole command, from
the interpreter's start to the predictions of the test split; a peer stops its training so that they fit.

- ``ft``: ``ft run --preset best --time-limit``, of `sentiment` or, for entities, `ner`.
- ``setfit``: its defaults: pairs for one epoch of contrastive training, then a logistic regression. Where one
  epoch does not fit, it gets as many steps as do, planned before so that its learning rate comes to its end.
- ``autogluon``: ``MultiModalPredictor(...).fit(time_limit=...)`` with its defaults; it knows entities, too.
- ``autogluon_few``: its ``problem_type="few_shot_classification"``, an SVM on the encoder's vectors.

``PYTHON`` is the interpreter of an environment of the peer's own: ``pip install setfit``, and ``pip install
autogluon.multimodal 'setuptools<81'``. It is not patched, except that where torchvision does not load its
operators for boxes in images they are declared, as nothing here looks at an image. A finished run is a line of
the output and is not done again; ``--report`` prints the tables: macro F1 (strict F1 of entities) and accuracy,
and ft less the peer with an interval that covers seeds and test items. Pin all of it: ``taskset -c 0``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TEXTS = ("ft", "setfit", "autogluon", "autogluon_few")
ENTITIES = ("ft", "autogluon")
CLOCK = """
import time

_started = time.time()
time.perf_counter = time.monotonic = time.process_time
time.time = lambda: _started + time.process_time()
"""
"""Lies in front of each interpreter's modules: its minutes are those that it had the processor."""


def table(path: Path) -> tuple[list[str], list[Any]]:
    """Texts and labels of a file; of sentences, the spans as [type, first, after] in characters."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [row["text"] for row in rows], [row["label"] for row in rows]
    texts, labels = [], []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        text, spans = "", []
        inside = False
        for line in block.splitlines():
            word, tag = line.split("\t")
            begin = len(text) + 1 if text else 0
            text = f"{text} {word}" if text else word
            inside = tag[0] == "I" and inside and spans[-1][0] == tag[2:]
            if inside:
                spans[-1][2] = len(text)
            elif tag != "O":
                spans.append([tag[2:], begin, len(text)])
            inside = tag != "O"
        texts.append(text)
        labels.append(spans)
    return texts, labels


def with_ft(folder: Path, data: Path, words: bool, seed: int, options: argparse.Namespace) -> Any:
    """The command, and what reads its answers."""
    task, ending = ("ner", "conll") if words else ("sentiment", "csv")
    command = [sys.executable, "-m", "ft", "run", "--plugins", task, "--preset", "best", "-q"]
    command += ["--time-limit", f"{options.minutes * 60:g}s", "--seed", str(seed)]
    command += ["--output", str(folder / "run")]
    for split in ("train", "test"):
        command += ["-o", f"{task}.{split}={data / split}.{ending}"]
    command += [one for given in options.set for one in ("-o", given)]

    def answers() -> tuple[list[Any], dict[str, Any]]:
        lines = (folder / "run" / "predictions" / "test.jsonl").read_text(encoding="utf-8")
        found = [json.loads(line) for line in lines.splitlines()]
        record = json.loads((folder / "run" / "record.json").read_text(encoding="utf-8"))
        told = {"steps": record["steps"], "plugins": [one["name"] for one in record["plugins"]]}
        if not words:
            return [one["label"] for one in found], told
        texts, _ = table(data / "test.conll")
        made = []
        for text, one in zip(texts, found, strict=True):
            begins = [0]
            for word in text.split(" "):
                begins.append(begins[-1] + len(word) + 1)
            made.append(
                [
                    [e["type"], begins[e["first"]], begins[e["last"] + 1] - 1]
                    for e in one["entities"]
                ]
            )
        return made, told

    return command, answers


def with_peer(
    who: str, folder: Path, data: Path, words: bool, seed: int, options: argparse.Namespace
) -> Any:
    """The command, and what reads its answers."""
    import ft

    ending = "conll" if words else "csv"
    job = {
        "who": who,
        "seed": seed,
        "entities": words,
        "train": table(data / f"train.{ending}"),
        "test": table(data / f"test.{ending}")[0],
        "model": options.model or str(ft.starter("model")),
        "folder": str(folder),
        "until": time.time() + options.minutes * 60,
        "declare": options.declare,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    python = options.setfit if who == "setfit" else options.autogluon

    def answers() -> tuple[list[Any], dict[str, Any]]:
        found = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
        return found["answers"], found["told"]

    script = Path(__file__).with_name("setfit_autogluon.py")
    return [python, str(script), str(folder / "job.json")], answers


def measure(
    who: str, data: Path, words: bool, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """One run: its answers and its times."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if who == "ft":
            command, answers = with_ft(folder, data, words, seed, options)
        else:
            command, answers = with_peer(who, folder, data, words, seed, options)
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        if options.shared:
            (folder / "clock").mkdir()
            (folder / "clock" / "sitecustomize.py").write_text(CLOCK, encoding="utf-8")
            environment["PYTHONPATH"] = str(folder / "clock")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"{who} on {data}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        found, told = answers()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    times = {"seconds": round(seconds, 1), "processor_seconds": round(used, 1)}
    return {**times, "told": told, "answers": found}


def macro_f1(gold: Any, found: Any, classes: int) -> float:
    """Over the classes that are there or were answered, as scikit-learn does."""
    import numpy as np

    right = np.bincount(gold[gold == found], minlength=classes)
    each = np.bincount(gold, minlength=classes) + np.bincount(found, minlength=classes)
    return float((2 * right[each > 0] / each[each > 0]).mean())


def scorers(line: dict[str, Any], gold: list[Any], words: bool) -> dict[str, Any]:
    """Of each metric, what maps indices of test items to its value for one run."""
    import numpy as np

    pairs = list(zip(line["answers"], gold, strict=True))
    if words:
        found = [({*map(tuple, one)}, {*map(tuple, true)}) for one, true in pairs]
        counts = np.array([(len(one & true), len(one) + len(true)) for one, true in found])

        def strict(rows: Any) -> float:
            right, each = counts[rows].sum(axis=0)
            return float(2 * right / max(each, 1))

        return {"strict F1": strict}
    classes = {one: k for k, one in enumerate(sorted({one for pair in pairs for one in pair}))}
    answers, true = np.array([[classes[one] for one in pair] for pair in pairs]).T
    return {
        "macro F1": lambda rows: macro_f1(true[rows], answers[rows], len(classes)),
        "accuracy": lambda rows: float((true[rows] == answers[rows]).mean()),
    }


def report(lines: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """The tables in Markdown; an interval covers seeds and test items."""
    import numpy as np

    import ft
    from ft_study.gains import gain

    print("| set, metric | who | of each seed | mean | ft less it | seconds | of the processor |")
    print("|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(line["set"] for line in lines):
        (path,) = (options.data / name).glob("test.c*")
        gold, words = table(path)[1], path.suffix == ".conll"
        runs = {(x["who"], x["seed"]): x for x in lines if x["set"] == name}
        scored = {key: scorers(line, gold, words) for key, line in runs.items()}
        for metric in ("strict F1",) if words else ("macro F1", "accuracy"):
            values = {key: one[metric](np.arange(len(gold))) for key, one in scored.items()}
            draws = {k: ft.bootstrap_items(s[metric], len(gold)).draws for k, s in scored.items()}
            for who in (one for one in TEXTS if any(key[0] == one for key in runs)):
                seeds = sorted(seed for one, seed in runs if one == who)
                each = [values[who, seed] for seed in seeds]
                less, both = "", [seed for seed in seeds if ("ft", seed) in runs]
                if who != "ft" and both:
                    found = gain(
                        [values["ft", seed] for seed in both],
                        [values[who, seed] for seed in both],
                        [(draws["ft", seed], draws[who, seed]) for seed in both],
                    )
                    less = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
                cells = [f"{name}, {metric}", who, " ".join(f"{one:.3f}" for one in each)]
                cells += [f"{np.mean(each):.3f}", less]
                for key in ("seconds", "processor_seconds"):
                    cells.append(f"{np.mean([runs[who, seed][key] for seed in seeds]):.0f}")
                print("| " + " | ".join(cells) + " |")


def main() -> None:
    """Run in turn what is not there yet, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--setfit", metavar="PYTHON")
    parser.add_argument("--autogluon", metavar="PYTHON")
    parser.add_argument("--sets", nargs="+", help="of the folders in the data; else all")
    parser.add_argument("--who", nargs="+", default=list(TEXTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--model", help="folder of the encoder; else the starter's")
    parser.add_argument(
        "--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="of ft"
    )
    parser.add_argument(
        "--declare", action="store_true", help="torchvision does not load: declare its operators"
    )
    parser.add_argument(
        "--shared", action="store_true", help="others use the core too: minutes of processor time"
    )
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    lines = []
    if options.out.exists():  # a measurement that was cut goes on
        lines = [json.loads(one) for one in options.out.read_text(encoding="utf-8").splitlines()]
    if options.report:
        report(lines, options)
        return
    done = {(line["set"], line["seed"], line["who"]) for line in lines}
    there = sorted(one.parent.name for one in options.data.glob("*/train.c*"))
    names = options.sets or there
    for seed in options.seeds:
        for name in names:
            data = options.data / name
            words = (data / "train.conll").exists()
            for who in ENTITIES if words else TEXTS:
                python = {"ft": sys.executable, "setfit": options.setfit}.get(
                    who, options.autogluon
                )
                if who not in options.who or not python or (name, seed, who) in done:
                    continue
                examples = len(table(data / f"train.{'conll' if words else 'csv'}")[0])
                line = {"set": name, "examples": examples, "seed": seed, "who": who}
                line |= measure(who, data, words, seed, options)
                lines.append(line)
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                print(json.dumps({k: v for k, v in line.items() if k != "answers"}), flush=True)
    report(lines, options)


if __name__ == "__main__":
    main()
