"""Entity types that come in two steps: how much of the first is kept, by each way to keep it.

    python tests/benchmarks/refresh.py --data DIR --out results.jsonl --seeds 0 1 2

``DIR`` holds the folder ``wnut17``. A first run learns three of its six entity types, on sentences with at
least one of them. A second one goes on with other sentences, which have at least one of the other three:

- ``all``: the new sentences are labelled for all six types, as corrections of answers are;
- ``new``: they are labelled for the three new types alone, as if the old ones were nothing.

F1 is that of strict spans on the test sentences, over the old types, before and after, and over the new
ones after. Time is that of the processor, of the whole second run. Each finished run is a line of the
output, and is not made again; ``--report`` prints the tables.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Any

OLD = ("person", "location", "group")
NEW = ("corporation", "creative-work", "product")

Sentence = tuple[list[str], list[str]]

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "all none": ("", {}),
    "all replay .05": ("replay", {"replay": {"share": 0.05}}),
    "all replay .1": ("replay", {"replay": {"share": 0.1}}),
    "all replay .5": ("replay", {"replay": {"share": 0.5}}),
    "all linear_probe": ("linear_probe", {}),
    "all replay .1, linear_probe": ("replay,linear_probe", {"replay": {"share": 0.1}}),
    "all l2sp": ("l2sp", {}),
    "all l2sp .1": ("l2sp", {"l2sp": {"weight": 0.1}}),
    "all l2sp 1": ("l2sp", {"l2sp": {"weight": 1.0}}),
    "all lwf": ("lwf", {}),
    "all wise": ("wise", {"wise": {"points": 4}}),
    "new none": ("", {}),
    "new replay .1": ("replay", {"replay": {"share": 0.1}}),
    "new lwf": ("lwf", {}),
    "new complete": ("", {"from_run": {"complete": True}}),
    "new complete, replay .05": (
        "replay",
        {"replay": {"share": 0.05}, "from_run": {"complete": True}},
    ),
    "new complete, replay .1": (
        "replay",
        {"replay": {"share": 0.1}, "from_run": {"complete": True}},
    ),
    "all anew": ("", {}),
}
"""By what is labelled and how the old is kept: the techniques and their settings.

``anew`` does not go on: a new run learns the sentences of both steps, for as many epochs as the first one.
"""


def read(path: Path) -> list[Sentence]:
    found = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.splitlines() if line.strip()]
        if rows:
            found.append(([row[0] for row in rows], [row[-1] for row in rows]))
    return found


def only(sentences: Iterable[Sentence], types: Sequence[str]) -> list[Sentence]:
    """The sentences, of whose tags those of some types are left."""
    return [
        (words, [tag if tag[2:] in types else "O" for tag in tags]) for words, tags in sentences
    ]


def having(sentences: Iterable[Sentence], types: Sequence[str]) -> list[Sentence]:
    return [one for one in sentences if any(tag[2:] in types for tag in one[1])]


def write(path: Path, sentences: Iterable[Sentence]) -> str:
    rows = [{"tokens": words, "tags": tags} for words, tags in sentences]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def files(data: Path, folder: Path, sizes: argparse.Namespace) -> dict[str, str]:
    """The files of both steps, the same for every seed and every way."""
    draw = random.Random(0)
    train, dev, test = (read(data / "wnut17" / f"{one}.conll") for one in ("train", "dev", "test"))
    draw.shuffle(train)
    new = having(train, NEW)[: sizes.new]
    rest = [one for one in having(train, OLD) if one not in new][: sizes.old]
    some = having(dev, OLD)[: sizes.dev], having(dev, NEW)[: sizes.dev]
    draw.shuffle(test)
    return {
        "old": write(folder / "old.jsonl", only(rest, OLD)),
        "old dev": write(folder / "old-dev.jsonl", only(some[0], OLD)),
        "all": write(folder / "all.jsonl", new),
        "all dev": write(folder / "all-dev.jsonl", some[1]),
        "anew": write(folder / "anew.jsonl", [*only(rest, OLD), *new]),
        "anew dev": write(folder / "anew-dev.jsonl", [*only(some[0], OLD), *some[1]]),
        "new": write(folder / "new.jsonl", only(new, NEW)),
        "new dev": write(folder / "new-dev.jsonl", only(some[1], NEW)),
        "test": write(folder / "test.jsonl", having(test, (*OLD, *NEW))[: sizes.test]),
    }


def scores(run: Path, test: str) -> dict[str, float]:
    """F1 of strict spans over the old types and over the new ones."""
    import ft

    model = ft.load(run)
    rows = [json.loads(line) for line in Path(test).read_text(encoding="utf-8").splitlines()]
    found = model.predict([{"tokens": row["tokens"]} for row in rows])
    told = {}
    for name, types in (("old", OLD), ("new", NEW)):
        right = predicted = gold = 0
        for row, answer in zip(rows, found, strict=True):
            truth, said = (
                {one for one in ft.tags.spans(tags) if one[2] in types}
                for tags in (row["tags"], answer["tags"])
            )
            right, predicted, gold = (
                right + len(truth & said),
                predicted + len(said),
                gold + len(truth),
            )
        told[name] = 2 * right / max(1, predicted + gold)
    return told


def train(
    plugins: list[str],
    paths: dict[str, str],
    step: str,
    output: Path,
    seed: int,
    sizes: Any,
    rate: float,
    **more: Any,
) -> float:
    """Train, and give the seconds of the processor."""
    import ft

    began = process_time()
    ft.run(
        ["ner", *plugins],
        ner={"train": paths[step], "validation": paths[f"{step} dev"]},
        output=output,
        seed=seed,
        learning_rate=rate,
        freeze=sizes.freeze,
        report=False,
        advice=False,
        lint="off",
        **more,
    )
    return process_time() - began


def run_seed(paths: dict[str, str], folder: Path, seed: int, sizes: argparse.Namespace) -> None:
    done = {(one["seed"], one["way"]) for one in lines(sizes.out)}
    if all((seed, way) in done for way in sizes.ways):
        return
    first = folder / f"first-{seed}"
    seconds = train([], paths, "old", first, seed, sizes, sizes.rate, epochs=sizes.epochs)
    before = scores(first, paths["test"])["old"]
    note(sizes.out, {"seed": seed, "way": "first", "before": before, "seconds": seconds})
    for way in sizes.ways:
        if (seed, way) in done:
            continue
        techniques, settings = WAYS[way]
        given = {name: dict(values) for name, values in settings.items()}
        given.setdefault("from_run", {})["run"] = str(first)
        for technique in techniques.split(",") if techniques else ():
            if technique != "linear_probe":
                run = [str(first)] if technique == "replay" else str(first)
                given.setdefault(technique, {})["run"] = run
        output = folder / f"{seed}-{way.replace(' ', '-')}"
        plugins = ["from_run", *(techniques.split(",") if techniques else [])]
        step = way.split()[0]
        rate = sizes.more_rate or sizes.rate
        if way == "all anew":
            seconds = train([], paths, "anew", output, seed, sizes, sizes.rate, epochs=sizes.epochs)
        else:
            seconds = train(
                plugins, paths, step, output, seed, sizes, rate, epochs=sizes.more, **given
            )
        told = scores(output, paths["test"])
        row = {"seed": seed, "way": way, "before": before, "seconds": seconds, **told}
        note(sizes.out, row)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.open()] if path.exists() else []


def note(path: Path, row: dict[str, Any]) -> None:
    with path.open("a") as stream:
        stream.write(json.dumps(row) + "\n")
    print(row, flush=True)


def report(path: Path) -> None:
    rows = [one for one in lines(path) if one["way"] != "first"]
    base = {
        (one["seed"], one["way"].split()[0]): one["seconds"] for one in rows if "none" in one["way"]
    }
    print("| labelled | kept by | seeds | old F1 before | after | kept | new F1 | time |")
    print("|---|---|---|---|---|---|---|---|")
    for way in WAYS:
        own = [one for one in rows if one["way"] == way]
        if not own:
            continue
        labelled, _, kept = way.partition(" ")
        ratio = [one["seconds"] / base[one["seed"], labelled] for one in own]
        shares = sorted(one["old"] / one["before"] for one in own)
        print(
            f"| {labelled} | {kept} | {len(own)} | {mean(one['before'] for one in own):.3f} | "
            f"{mean(one['old'] for one in own):.3f} | {mean(shares):.0%} ({shares[0]:.0%} to "
            f"{shares[-1]:.0%}) | {mean(one['new'] for one in own):.3f} | {mean(ratio):.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--old", type=int, default=400, help="sentences of the first step")
    parser.add_argument("--new", type=int, default=120, help="sentences of the second step")
    parser.add_argument("--dev", type=int, default=80, help="validation sentences of each step")
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=4, help="of the first step")
    parser.add_argument("--more", type=int, default=3, help="epochs of the second step")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--more-rate", type=float, help="of the second step; default: the same")
    parser.add_argument("--freeze", type=int, default=3, help="lowest layers that do not learn")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--report", action="store_true")
    sizes = parser.parse_args()
    if sizes.report:
        report(sizes.out)
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = files(sizes.data, Path(folder), sizes)
        for seed in sizes.seeds:
            run_seed(paths, Path(folder), seed, sizes)


if __name__ == "__main__":
    main()
