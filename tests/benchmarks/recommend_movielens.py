"""recommend on MovieLens ml-latest-small: three seeds, intervals, baselines, and new items.

    python tests/benchmarks/recommend_movielens.py [--data FOLDER] [--seeds 0 1 2] [--epochs 8]
        [--tuned-share 0] [--cold-share 0.2] [--starter] [--output FOLDER]

Each user's last interaction by time is held out, every interaction counts as liked, and every unseen
item is ranked. With ``--cold-share`` that share of the items, drawn by the seed, is withheld from
training, and the scores of new items are those of users whose held-out item is among them; they
are pooled over the seeds. ``--starter`` takes the ratings of the starter package instead.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import ft

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "movielens_small"


def main() -> None:
    """Train, then print one line a seed and the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--starter", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--head-learning-rate", type=float, default=5e-3)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--tuned-share", type=float, default=0.0)
    parser.add_argument("--cold-share", type=float, default=0.0)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=JSON", help="more settings")
    given = parser.parse_args()
    settings: dict[str, Any] = {
        "tuned_share": given.tuned_share,
        "cold_share": given.cold_share,
        **{key: json.loads(value) for key, value in (one.split("=", 1) for one in given.set)},
    }
    if not given.starter:
        settings["interactions"] = str(given.data / "interactions.csv")
        settings["items"] = str(given.data / "items.csv")
    output = given.output or Path(tempfile.mkdtemp(prefix="recommend-"))
    pooled: list[dict[str, Any]] = []
    results = []
    for seed in given.seeds:
        started = perf_counter()
        result = ft.run(
            ["recommend"],
            recommend=settings,
            seed=seed,
            epochs=given.epochs,
            batch_size=given.batch_size,
            max_tokens=32 * given.batch_size,
            learning_rate=given.learning_rate,
            head_learning_rate=given.head_learning_rate,
            output=output / f"seed{seed}",
        )
        results.append(result)
        lines = (output / f"seed{seed}" / "predictions" / "test.jsonl").read_text().splitlines()
        pooled += [json.loads(line) for line in lines]
        for table in result.tables:
            print(f"\nseed {seed}: {table.title}; {table.note}")
            for row in (table.columns, *table.rows):
                print("  ".join(f"{cell!s:<25}" for cell in row))
        seconds = result.record["train_seconds"]
        print(f"training {seconds:.0f} s, everything {perf_counter() - started:.0f} s", flush=True)
    print("\nmean over the seeds (lowest and highest)")
    for name in results[0].metrics["test"]:
        values = [result.metrics["test"][name].value for result in results]
        print(f"  {name:<16} {np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})")
    gains: dict[str, list[float]] = {}
    for one in pooled:
        gains.setdefault(one["user"], []).append(gain(one["rank"]))
    by_user = np.array([np.mean(values) for values in gains.values()])
    print(f"ndcg@10, mean of the seeds for each user: {interval(by_user)}")
    folders = [output / f"seed{seed}" for seed in given.seeds]
    if given.cold_share:
        print_new(folders)


def gain(rank: float) -> float:
    """nDCG@10 of one relevant item at a rank counted from 1."""
    return float(1 / np.log2(1 + rank)) if rank <= 10 else 0.0


def interval(values: np.ndarray) -> str:
    """The mean with its 95 % interval from resampling."""
    low, high, _ = ft.bootstrap_items(lambda rows: float(values[rows].mean()), len(values))
    return f"{values.mean():.4f} [{low:.4f}, {high:.4f}]"


def print_new(folders: list[Path]) -> None:
    """nDCG@10 among new items, of users whose held-out item is new, pooled over the seeds."""
    found: dict[str, list[float]] = {}
    for folder in folders:
        lines = (folder / "predictions" / "test.jsonl").read_text().splitlines()
        asked = [one for one in map(json.loads, lines) if "cold_rank" in one]
        found.setdefault("recommend", []).extend(gain(one["cold_rank"]) for one in asked)
        for name, ranks in baseline_ranks(folder / "model", asked).items():
            found.setdefault(name, []).extend(map(gain, ranks))
    print(f"\nnDCG@10 among new items alone, {len(found['recommend'])} held-out new items")
    for name, gains in found.items():
        print(f"  {name:<16} {interval(np.array(gains))}")


def baseline_ranks(model: Path, asked: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Ranks among new items by the baselines, from what is saved beside a model that left its
    encoder as it was.
    """
    from safetensors.numpy import load_file

    from ft_recommend.baselines import bm25, cosine, popularity
    from ft_recommend.knowledge import Knowledge
    from ft_recommend.ranking import rank_of

    knowledge, head = Knowledge.load(model), load_file(model / "head.safetensors")
    catalogue, known = knowledge.catalogue, knowledge.users
    new = head["popularity"] == 0
    users = [known.row_of[one["user"]] for one in asked]
    histories = [known.liked[user][:-1] for user in users]
    scorers = {
        "popularity": popularity(head["popularity"]),
        "BM25": bm25(catalogue.texts),
        "frozen encoder": cosine(head["bank"]),
    }
    ranks: dict[str, list[float]] = {name: [] for name in scorers}
    for name, scorer in scorers.items():
        for one, user, scores in zip(asked, users, scorer(histories), strict=True):
            allowed = new.copy()
            allowed[(known.seen or known.liked)[user][:-1]] = False
            ranks[name].append(rank_of(scores, catalogue.row_of[one["target"]], allowed).rank)
    return ranks


if __name__ == "__main__":
    main()
