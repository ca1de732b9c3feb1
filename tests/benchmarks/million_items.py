"""Lists out of a million items: by matrix product, and by FAISS where it is installed.

    python tests/benchmarks/million_items.py [--items 1000000] [--users 100] [--dimension 128]

Vectors are random, each user has had fifty items, and the ten best of the others are named.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from time import perf_counter

import numpy as np

from ft_recommend import ranking


def main() -> None:
    """Time both ways, and compare their lists."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--dimension", type=int, default=128)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    items = rng.normal(size=(given.items, given.dimension + 1)).astype(np.float32)
    users = rng.normal(size=(given.users, given.dimension + 1)).astype(np.float32)
    had = [rng.choice(given.items, 50, replace=False) for _ in range(given.users)]
    found = {}
    for way, begin in (("matrix product", given.items + 1), ("FAISS", 0)):
        if way == "FAISS" and not find_spec("faiss"):
            print("FAISS is not installed")
            continue
        ranking.FAISS_FROM = begin
        started = perf_counter()
        search = ranking.Search(items)
        ready = perf_counter()
        found[way] = [rows.tolist() for rows, _ in search.best(users, had, 10)]
        each = 1000 * (perf_counter() - ready) / given.users
        print(f"{way}: {ready - started:.1f} s to begin, {each:.0f} ms a user")
    if len(found) > 1:
        one, other = found.values()
        print(f"the same lists for {sum(map(list.__eq__, one, other))} of {given.users} users")


if __name__ == "__main__":
    main()
