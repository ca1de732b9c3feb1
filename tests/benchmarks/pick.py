"""Labels that `ft pick`'s strategies need for the score that random choice reaches, on real data.

    python tests/benchmarks/pick.py --data DIR [--sets banking77] [--pool 3000] [--test 1000] [--seeds 5]

``DIR`` holds ``banking77`` (texts of 77 intents) and ``wnut17`` (sentences with entities). The labels
of the training file are taken for those that an annotator would give: the rounds begin with the same
random texts, each asks for more, and the test split is scored after each. The starter's encoder is
frozen and computed once; a softmax layer on it is trained anew after each round. So a comparison of
strategies takes minutes on a processor; scores are below those of a model that is trained as a whole.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ft
from ft_curate.picking.choose import choose, uncertainty

STRATEGIES = {
    "random": ("random", "margin"),
    "mixed": ("mixed", "margin"),
    "uncertain": ("uncertain", "margin"),
    "mixed, entropy": ("mixed", "entropy"),
    "diverse": ("diverse", "margin"),
}
SHARE_RANDOM = 0.1


@dataclass
class Data:
    """What is labelled, and what is scored.

    Attributes:
        vectors: of each item (a text, a word) of the pool: (items, hidden).
        labels: of each: (items,).
        texts: (texts, hidden) for diversity.
        of: (items,), the text that each is of.
        test: vectors of the test's items.
        score: the score of probabilities for them.
    """

    vectors: torch.Tensor
    labels: torch.Tensor
    texts: np.ndarray
    of: np.ndarray
    test: torch.Tensor
    score: Callable[[np.ndarray], float]


class Encoder:
    """The starter's encoder, frozen."""

    def __init__(self) -> None:
        from transformers import AutoModel, AutoTokenizer

        folder = ft.starter("model")
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder).eval()

    @torch.no_grad()
    def words(self, sentences: Sequence[Sequence[str]]) -> tuple[list[torch.Tensor], np.ndarray]:
        """Of each sentence: the state at the first piece of each word, and the mean of all."""
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        states: list[torch.Tensor] = [torch.empty(0)] * len(sentences)
        means = np.zeros((len(sentences), self.model.config.hidden_size), np.float32)
        for begin in range(0, len(order), 64):
            some = order[begin : begin + 64]
            batch = self.tokenizer(
                [list(sentences[i]) for i in some],
                is_split_into_words=True,
                truncation=True,
                padding=True,
                return_tensors="pt",
            )
            found = self.model(**batch)[0]
            mask = batch["attention_mask"][..., None]
            means[some] = ((found * mask).sum(1) / mask.sum(1)).numpy()
            for k, i in enumerate(some):
                ids = batch.word_ids(k)
                firsts = {
                    word: at for at, word in reversed(list(enumerate(ids))) if word is not None
                }
                states[i] = found[k, [firsts.get(w, 0) for w in range(len(sentences[i]))]]
        return states, means


def some(rows: list[Any], count: int) -> list[Any]:
    """That many of them, drawn once."""
    return [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:count]]


def banking(folder: Path, encoder: Encoder, pool: int, scored: int) -> Data:
    """Texts with one of 77 intents; accuracy."""
    rows = {}
    for split in ("train", "test"):
        with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as stream:
            rows[split] = some(list(csv.DictReader(stream)), pool if split == "train" else scored)
    names = sorted({row["label"] for row in rows["train"]})
    ids = {name: k for k, name in enumerate(names)}
    means = {s: encoder.words([r["text"].split() for r in part])[1] for s, part in rows.items()}
    gold = np.array([ids[row["label"]] for row in rows["test"]])
    labels = torch.tensor([ids[row["label"]] for row in rows["train"]])
    return Data(
        torch.from_numpy(means["train"]),
        labels,
        means["train"],
        np.arange(len(labels)),
        torch.from_numpy(means["test"]),
        lambda shares: float((shares.argmax(1) == gold).mean()),
    )


def wnut(folder: Path, encoder: Encoder, pool: int, scored: int) -> Data:
    """Sentences with entities; strict F1 of spans."""
    config = ft.WordsConfig(train=str(folder / "train.conll"), test=str(folder / "test.conll"))
    read = ft.read_words(config, None, owner="wnut17")
    columns = ("tokens", "tags")
    train, test = (
        {name: [row[name] for row in part] for name in columns}
        for part in (
            some(list(read.splits["train"]), pool),
            some(list(read.splits["test"]), scored),
        )
    )
    assert read.schema.words is not None
    names = read.schema.words.labels
    ids = {name: k for k, name in enumerate(names)}
    states, means = encoder.words(train["tokens"])
    others, _ = encoder.words(test["tokens"])
    gold = [set(ft.tags.spans(tags)) for tags in test["tags"]]
    ends = np.cumsum([len(one) for one in test["tokens"]])

    def score(shares: np.ndarray) -> float:
        chosen = [names[k] for k in shares.argmax(1)]
        found = [
            set(ft.tags.spans(chosen[end - len(tokens) : end]))
            for end, tokens in zip(ends, test["tokens"], strict=True)
        ]
        right = sum(len(a & b) for a, b in zip(found, gold, strict=True))
        return 2 * right / max(1, sum(map(len, found)) + sum(map(len, gold)))

    return Data(
        torch.cat(states),
        torch.tensor([ids[tag] for tags in train["tags"] for tag in tags]),
        means,
        np.repeat(np.arange(len(train["tokens"])), [len(one) for one in train["tokens"]]),
        torch.cat(others),
        score,
    )


def trained(vectors: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.nn.Linear:
    """A softmax layer, by L-BFGS with a little weight decay."""
    layer = torch.nn.Linear(vectors.shape[1], classes)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(layer(vectors), labels)
        value = value + 1e-4 * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return layer


def course(
    data: Data, strategy: str, measure: str, seed: int, rounds: range
) -> list[tuple[int, float]]:
    """Labelled texts and the score after each round."""
    random = np.random.default_rng(seed)
    classes = int(data.labels.max()) + 1
    texts = len(data.texts)
    centre = data.vectors.mean(0)
    scale = data.vectors.std()
    vectors, test = (data.vectors - centre) / scale, (data.test - centre) / scale
    labelled = np.zeros(texts, bool)
    labelled[np.random.default_rng(seed).permutation(texts)[: rounds.start]] = True
    found = []
    while True:
        mask = torch.from_numpy(labelled[data.of])
        layer = trained(vectors[mask], data.labels[mask], classes)
        with torch.no_grad():
            found.append((int(labelled.sum()), data.score(layer(test).softmax(1).numpy())))
            if labelled.sum() >= rounds.stop:
                return found
            left = np.flatnonzero(~labelled)
            drawn = random.permutation(left)[: round(SHARE_RANDOM * rounds.step)]
            rest = np.setdiff1d(left, drawn)
            unsure = np.zeros(len(rest))
            if strategy in ("mixed", "uncertain"):
                shares = layer(vectors).softmax(1).double().numpy()
                ends = np.searchsorted(data.of, rest, "right")
                begins = np.searchsorted(data.of, rest, "left")
                unsure = np.array(
                    [uncertainty(shares[a:b], measure) for a, b in zip(begins, ends, strict=True)]  # type: ignore[arg-type]
                )
        chosen = choose(
            unsure,
            rounds.step - len(drawn),
            strategy,  # type: ignore[arg-type]
            lambda rows, rest=rest: data.texts[rest[list(rows)]],  # type: ignore[misc]
            random,
        )
        labelled[drawn] = True
        labelled[rest[chosen]] = True


def needed(found: Sequence[tuple[int, float]], wanted: float) -> float:
    """Labels until a score is reached, between rounds on a line; nan where it is not."""
    for (a, low), (b, high) in itertools.pairwise(found):
        if high >= wanted:
            return a if low >= wanted else a + (b - a) * (wanted - low) / (high - low)
    return float("nan")


def report(path: Path) -> None:
    """Labels until the scores that random choice has after some: means over the seeds, and their range."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for name in dict.fromkeys(line["set"] for line in lines):
        own = [line for line in lines if line["set"] == name]
        counts = [count for count in own[0]["for_random"] if int(count) % 500 == 0]
        print(
            f"\n{name}\n\n| | " + " | ".join(f"random has {n}" for n in counts) + " | at the end |"
        )
        print("|---" * (len(counts) + 2) + "|")
        for strategy in dict.fromkeys(line["strategy"] for line in own):
            some = [line for line in own if line["strategy"] == strategy]
            cells = []
            for count in counts:
                needed = [line["for_random"][count] for line in some]
                reached = [one for one in needed if one == one]
                cell = (
                    f"{np.mean(reached):.0f} [{min(reached):.0f}, {max(reached):.0f}]"
                    if reached
                    else ""
                )
                never = len(needed) - len(reached)
                cells.append(
                    f"{cell}{'; ' if cell and never else ''}"
                    + f"never {never} of {len(needed)}" * (never > 0)
                )
            last = np.mean([line["course"][-1][1] for line in some])
            print(f"| {strategy} | " + " | ".join(cells) + f" | {last:.3f} |")


def main() -> None:
    """Run every strategy with every seed; print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--report", type=Path, help="print the tables of what --out has left there")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="*", default=["banking77", "wnut17"])
    parser.add_argument("--pool", type=int, default=100_000, help="texts to choose from")
    parser.add_argument("--test", type=int, default=100_000, help="texts that are scored")
    parser.add_argument("--rounds", type=int, nargs=3, default=[200, 1500, 100])
    parser.add_argument("--strategies", nargs="*", default=list(STRATEGIES))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.report:
        report(given.report)
        return
    encoder, lines = Encoder(), []
    for name in given.sets:
        began = time.process_time()
        read = banking if name == "banking77" else wnut
        data = read(given.data / name, encoder, given.pool, given.test)
        print(f"{name}: encoded, {time.process_time() - began:.0f} processor seconds", flush=True)
        rounds = range(*given.rounds)
        for seed in range(given.seeds):
            wanted: dict[int, float] = {}
            for label in dict.fromkeys(["random", *given.strategies]):
                found = course(data, *STRATEGIES[label], seed, rounds)
                wanted = wanted or dict(found)
                line: dict[str, Any] = {
                    "set": name,
                    "seed": seed,
                    "strategy": label,
                    "course": found,
                }
                line["for_random"] = {
                    str(count): round(needed(found, wanted[count]), 1) for count in list(wanted)[1:]
                }
                lines.append(line)
                print(json.dumps(line), flush=True)
        print(f"{name}: {time.process_time() - began:.0f} processor seconds", flush=True)
    if given.out:
        given.out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
