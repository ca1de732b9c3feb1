"""A tiny model and a file of sentences with names and places."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft

PEOPLE = ("anna", "ben", "clara", "dora")
PLACES = ("london", "paris", "new york")
OTHER = ("went", "to", "the", "and", "saw", "a", "house", "in", "with")
VOCABULARY = [word for name in (*PEOPLE, *PLACES, *OTHER) for word in name.split()]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path_factory.getbasetemp() / "ft-cache"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ft.testing import tiny_bert

    return tiny_bert(tmp_path_factory.mktemp("tiny"), VOCABULARY)


@pytest.fixture
def conll(tmp_path: Path) -> Callable[[str, int, int], str]:
    """Write a file: ``conll("train.conll", sentences, seed)``; every name and place is tagged."""

    def write(name: str, sentences: int, seed: int) -> str:
        rng = random.Random(seed)
        blocks = []
        for _ in range(sentences):
            lines = []
            for words in rng.choices((*PEOPLE, *PLACES, *OTHER), k=rng.randint(3, 9)):
                kind = "PER" if words in PEOPLE else "LOC" if words in PLACES else ""
                for i, word in enumerate(words.split()):
                    lines.append(f"{word} {('I-' if i else 'B-') + kind if kind else 'O'}")
            blocks.append("\n".join(lines))
        (tmp_path / name).write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
        return str(tmp_path / name)

    return write


@pytest.fixture
def train(tiny_model: Path, tmp_path: Path) -> Callable[..., Any]:
    """Train `ner` on the tiny model: ``train(train="a.conll", epochs=2)``."""

    def run(epochs: float = 1, **settings: Any) -> Any:
        return ft.run(
            ["ner"],
            ner=settings,
            model=str(tiny_model),
            epochs=epochs,
            batch_size=8,
            learning_rate=3e-3,
            precision="fp32",
            device="cpu",
            lint="off",
            output=tmp_path / "run",
        )

    return run
