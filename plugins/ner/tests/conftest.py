"""A tiny model trained on sentences with names and places."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft

PEOPLE = ("anna", "ben", "clara", "dora")
PLACES = ("london", "paris", "new york")
OTHER = ("went", "to", "the", "and", "saw", "a", "house", "in", ",", ".")
VOCABULARY = [word for name in (*PEOPLE, *PLACES, *OTHER) for word in name.split()]


def write_conll(path: Path, sentences: int, seed: int) -> str:
    """Write a file in which every name and place is tagged."""
    rng = random.Random(seed)
    blocks = []
    for _ in range(sentences):
        lines = []
        for words in rng.choices((*PEOPLE, *PLACES, *OTHER), k=rng.randint(3, 9)):
            kind = "PER" if words in PEOPLE else "LOC" if words in PLACES else ""
            for i, word in enumerate(words.split()):
                lines.append(f"{word} {('I-' if i else 'B-') + kind if kind else 'O'}")
        blocks.append("\n".join(lines))
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Train `ner` on a tiny model: ``train(train="a.conll", epochs=2)``."""
    from ft_kit import tiny_bert

    folder = tmp_path_factory.mktemp("ner")
    model = tiny_bert(folder / "tiny", VOCABULARY)
    count = 0

    def run(epochs: float = 1, **settings: Any) -> Any:
        nonlocal count
        count += 1
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FT_CACHE", str(folder / "cache"))
            return ft.run(
                ["ner"],
                ner=settings,
                model=str(model),
                epochs=epochs,
                batch_size=16,
                learning_rate=1e-2,
                precision="fp32",
                device="cpu",
                lint="off",
                output=folder / f"run{count}",
            )

    return run


@pytest.fixture(scope="session")
def trained(train: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The result of a run that has learnt its file."""
    folder = tmp_path_factory.mktemp("data")
    return train(
        train=write_conll(folder / "a.conll", 160, 1),
        test=write_conll(folder / "b.conll", 40, 2),
        epochs=5,
    )
