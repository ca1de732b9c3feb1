"""Labels that `ft pick` needs beside random choice, where each round trains the whole model.

    python tests/benchmarks/pick_trained.py --data DIR --out FILE [--seeds 0 1 2 3 4] [--strategies random mixed uncertain]
    python tests/benchmarks/pick_trained.py --out FILE --report

``DIR`` holds ``wnut17``. Its training sentences are the pool, whose labels an annotator would give. A run of ``ner`` learns
200 that are drawn at random; `ft_curate.pick` chooses more by that run, a tenth of them at random as ever; a new run
learns all of them; and so on. 200 validation sentences choose the best epoch. The score is strict F1 on all test sentences.
Each round is a line of the output, and is not made again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from pick import needed
from refresh import lines, note, read, write

ROUNDS = (200, 350, 500, 800)


def score(files: dict[str, str], labelled: list[Any], output: Path, seed: int) -> float:
    """Train on the labelled sentences, and give F1 on the test split."""
    import ft

    run = ft.run(
        ["ner"],
        ner={
            "train": write(output.with_suffix(".jsonl"), labelled),
            "validation": files["dev"],
            "test": files["test"],
        },
        output=output,
        seed=seed,
        epochs=8,
        learning_rate=5e-4,
        freeze=3,
        report=False,
        advice=False,
        lint="off",
    )
    record = json.loads((run.output / "record.json").read_text(encoding="utf-8"))
    return float(record["metrics"]["test"]["f1"]["value"])


def course(
    files: dict[str, str], pool: list[Any], strategy: str, measure: str, seed: int, given: Any
) -> None:
    """The rounds of one seed and strategy; the first is the same for every strategy."""
    from ft_curate.picking.pick import pick

    name = f"{strategy} {measure}" if strategy != "random" else strategy
    done = {
        (one["seed"], one["strategy"], one["labels"]): one["picked"] for one in lines(given.out)
    }
    chosen = np.random.default_rng(seed).permutation(len(pool))[: ROUNDS[0]].tolist()
    with tempfile.TemporaryDirectory() as where:
        before: Path | None = None
        for labels in ROUNDS:
            began = time.process_time()
            kept = done.get((seed, name, labels))
            if kept is None and labels > ROUNDS[0]:
                if before is None:
                    before = Path(where) / f"{len(chosen)}"
                    score(files, [pool[k] for k in chosen], before, seed)
                found = pick(
                    before,
                    files["pool"],
                    labels - len(chosen),
                    output=Path(where) / f"{labels}.conll",
                    strategy=strategy,  # type: ignore[arg-type]
                    measure=measure,  # type: ignore[arg-type]
                    seed=seed,
                )
                chosen += [one.row - 1 for one in found.picked]
            elif kept is not None:
                chosen = kept
            if kept is None:
                output = Path(where) / f"{labels}"
                f1 = score(files, [pool[k] for k in chosen], output, seed)
                before = output
                spans = sum(tag.startswith("B-") for k in chosen for tag in pool[k][1])
                row = {"seed": seed, "strategy": name, "labels": labels, "f1": f1, "spans": spans}
                row |= {"seconds": time.process_time() - began, "picked": chosen}
                note(given.out, row)
            else:
                before = None


def report(path: Path) -> None:
    """F1 by number of labels: the mean over the seeds, and of the differences from random choice."""
    rows = lines(path)
    print("| strategy | " + " | ".join(f"{n} sentences" for n in ROUNDS) + " |")
    print("|---" * (len(ROUNDS) + 1) + "|")
    for name in dict.fromkeys(one["strategy"] for one in rows):
        cells = []
        for labels in ROUNDS:
            own = {o["seed"]: o for o in rows if (o["strategy"], o["labels"]) == (name, labels)}
            base = {
                o["seed"]: o for o in rows if (o["strategy"], o["labels"]) == ("random", labels)
            }
            more = [own[seed]["f1"] - base[seed]["f1"] for seed in own if seed in base]
            cell = f"{mean(o['f1'] for o in own.values()):.3f} ({mean(o['spans'] for o in own.values()):.0f} entities)"
            if name != "random" and more and labels > ROUNDS[0]:
                ahead = sum(one > 0 for one in more)
                cell += f", {mean(more):+.3f} [{min(more):+.3f}, {max(more):+.3f}], ahead {ahead} of {len(more)}"
            cells.append(cell)
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\nsentences until the score that random choice has with {ROUNDS[-1]}, by seed")
    for name in dict.fromkeys(one["strategy"] for one in rows):
        print(f"{name}: {', '.join(f'{one:.0f}' for one in until(rows, name))}")


def until(rows: list[Any], name: str) -> list[float]:
    """Of each seed, the sentences until random choice's last score is reached; nan where it is not."""
    found = []
    for seed in sorted({one["seed"] for one in rows}):
        course = {
            (one["strategy"], one["labels"]): one["f1"] for one in rows if one["seed"] == seed
        }
        own = [(labels, course[name, labels]) for labels in ROUNDS]
        found.append(needed(own, course["random", ROUNDS[-1]]))
    return found


def main() -> None:
    """Run what is not there yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--strategies", nargs="+", default=["random", "mixed", "uncertain"])
    parser.add_argument("--measure", default="margin")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if given.report:
        report(given.out)
        return
    wnut = given.data / "wnut17"
    pool, dev, test = (read(wnut / f"{one}.conll") for one in ("train", "dev", "test"))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        files = {
            "pool": write(place / "pool.jsonl", pool),
            "dev": write(place / "dev.jsonl", dev[:200]),
            "test": write(place / "test.jsonl", test),
        }
        for seed in given.seeds:
            for strategy in given.strategies:
                course(files, pool, strategy, given.measure, seed, given)


if __name__ == "__main__":
    main()
