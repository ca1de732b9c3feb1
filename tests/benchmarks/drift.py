"""How often `ft drift` alarms where nothing has changed, and how often it finds another source.

    python tests/benchmarks/drift.py --data DIR [--encoder tiny] [--draws 1000] [--out FILE]

``DIR`` holds ``sst2`` and ``financial_phrasebank``, each with ``train.csv``, ``dev.csv``, ``test.csv``. A
run of ``sentiment`` with the starter's encoder, frozen, or with a tiny one that it trains, learns 300
sentences of SST-2. Features of sentences that it has not learned are computed once. Nothing changed: two
samples without repeats from them, drawn anew each time. Another source: a share of the new sample is of
the other data set. Stated power (``--power`` draws): for each number that ``ft drift`` compares, a share of the other source
that makes its distance the one that ``ft drift`` says is found in 80 of 100 cases.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import ft
from ft_curate.drifting import chance
from ft_curate.drifting.compare import compare
from ft_curate.drifting.drift import Drift
from ft_curate.drifting.features import Features, features
from ft_curate.opened import Opened
from ft_curate.vectors import Encoder
from ft_kit import tiny_bert

ALPHA = 0.05
BOUND = 0.1


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def only(found: Features, rows: np.ndarray) -> Features:
    """The features of some texts."""
    return replace(
        found,
        numbers={name: values[rows] for name, values in found.numbers.items()},
        labels=None if found.labels is None else found.labels[rows],
        vectors=None if found.vectors is None else found.vectors[rows],
    )


def joined(one: Features, other: Features) -> Features:
    """The features of the texts of both."""
    assert one.labels is not None
    assert other.labels is not None
    assert one.vectors is not None
    assert other.vectors is not None
    return replace(
        one,
        numbers={name: np.concatenate([v, other.numbers[name]]) for name, v in one.numbers.items()},
        labels=np.concatenate([one.labels, other.labels]),
        vectors=np.concatenate([one.vectors, other.vectors]),
    )


def powers(
    own: Features, strange: Features, old: int, new: int, draws: int
) -> list[dict[str, Any]]:
    """How often each number's drift is found at the distance that is stated for these sizes."""
    random = np.random.default_rng(2)
    total, many = len(own.numbers["length"]), len(strange.numbers["length"])
    sides = np.repeat([False, True], [total, many])
    lines = []
    for name, values in own.numbers.items():
        both = np.concatenate([values, strange.numbers[name]])
        whole = float(chance.distance(both)(sides[None])[0][0])
        found: list[bool] = []
        stated = share = 0.0
        for draw in range(draws + 1):
            order = random.permutation(total)
            count = int(random.binomial(new, share))  # so that the new texts are of a mixture
            some = only(own, order[old : old + new - count])
            if count:
                some = joined(some, only(strange, random.permutation(many)[:count]))
            tests = compare(only(own, order[:old]), some, alpha=ALPHA, bound=BOUND, seed=draw)
            if draw == 0:
                said = Drift("", old, new, tuple(tests), (), ALPHA).size
                stated, share = said, said / whole if whole else 2.0
                if share > 1:
                    break
                continue
            found.append(next(test.drift for test in tests if test.name == name))
        line = {
            "number": name,
            "old": old,
            "new": new,
            "stated_distance": round(stated, 3),
            "distance_of_the_other_source": round(whole, 3),
            "draws": len(found),
            "found": float(np.mean(found)) if found else None,
        }
        print(json.dumps(line), flush=True)
        lines.append(line)
    return lines


def main() -> None:
    """Compute the features, draw, print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--changed", type=int, default=100, help="draws of each changed source")
    parser.add_argument("--power", type=int, default=0, help="draws at the stated power")
    parser.add_argument("--encoder", choices=["starter", "tiny"], default="starter")
    parser.add_argument("--texts", type=int, default=3000, help="sentences to draw from")
    parser.add_argument("--old", type=int, default=300)
    parser.add_argument("--sizes", type=int, nargs="*", default=[50, 300])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = [
        row
        for split in ("train", "dev", "test")
        for row in read(given.data / "sst2" / f"{split}.csv")
    ]
    rows = list({row["text"]: row for row in rows}.values())
    np.random.default_rng(0).shuffle(rows)
    other = list(
        {r["text"]: r for r in read(given.data / "financial_phrasebank" / "train.csv")}.values()
    )
    with tempfile.TemporaryDirectory() as folder:
        words = {word for row in rows[:300] for word in row["text"].lower().split()}
        tiny = given.encoder == "tiny"
        model = {"model": str(tiny_bert(Path(folder) / "tiny", words, hidden=64))} if tiny else {}
        run = ft.run(
            ["sentiment"],
            sentiment={"train": rows[:300], "validation": rows[300:400]},
            freeze="none" if tiny else "encoder",
            epochs=2,
            learning_rate=1e-3 if tiny else 1e-2,
            advice=False,
            report=False,
            lint="off",
            output=Path(folder) / "run",
            **model,
        )
        opened = Opened.read(run.output)
        encoder = Encoder(opened)

        def of(part: list[dict[str, str]]) -> Features:
            return features(
                opened, encoder, [row["text"] for row in part], [row["text"] for row in part]
            )

        own, strange = of(rows[400 : 400 + given.texts]), of(other)
    random = np.random.default_rng(1)
    total, many = len(own.numbers["length"]), len(strange.numbers["length"])
    lines: list[dict[str, Any]] = []
    for share, size, draws in [
        *((0.0, size, given.draws) for size in given.sizes),
        *((share, size, given.changed) for size in given.sizes for share in (0.1, 0.25, 0.5, 1.0)),
    ]:
        if not draws:
            continue
        began = time.process_time()
        alarms, hits, low = [], [], {}
        for draw in range(draws):
            order = random.permutation(total)
            count = round(share * size)
            new = only(own, order[given.old : given.old + size - count])
            if count:
                new = joined(new, only(strange, random.permutation(many)[:count]))
            found = compare(only(own, order[: given.old]), new, alpha=ALPHA, bound=BOUND, seed=draw)
            alarms.append(any(test.drift for test in found))
            hits.append(any(test.corrected <= ALPHA for test in found))
            for test in found:
                low.setdefault(test.name, []).append(test.p <= ALPHA)
        line = {
            "share_of_other_source": share,
            "old": given.old,
            "encoder": given.encoder,
            "new": size,
            "draws": draws,
            "significant": float(np.mean(hits)),
            "alarm": float(np.mean(alarms)),
            "each": {name: float(np.mean(one)) for name, one in low.items()},
            "seconds_each": round((time.process_time() - began) / draws, 3),
        }
        print(json.dumps(line), flush=True)
        lines.append(line)
    for size in given.sizes if given.power else ():
        lines += powers(own, strange, given.old, size, given.power)
    if given.out:
        given.out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
