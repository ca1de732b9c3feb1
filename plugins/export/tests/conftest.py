"""Tiny runs of several tasks, trained once."""

from __future__ import annotations

import importlib.util
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import ft
from ft_export.form import calibrate
from ft_kit import tiny_bert

PEOPLE = ("anna", "ben", "clara", "dora")
PLACES = ("london", "paris", "new york")
OTHER = ("went", "to", "the", "and", "saw", "a", "house", "in", ",", ".")
GOOD, BAD = ("good", "great", "fine"), ("bad", "poor", "awful")
WORDS = [word for name in (*PEOPLE, *PLACES, *OTHER, *GOOD, *BAD) for word in name.split()]


def write_conll(path: Path, sentences: int, seed: int) -> str:
    """Write a file in which every name and place is tagged."""
    rng = random.Random(seed)
    blocks = []
    for number in range(sentences):
        lines = []
        # One sentence in ten is longer than the model's window.
        for words in rng.choices((*PEOPLE, *PLACES, *OTHER), k=90 if number % 10 == 9 else 6):
            kind = "PER" if words in PEOPLE else "LOC" if words in PLACES else ""
            for i, word in enumerate(words.split()):
                lines.append(f"{word} {('I-' if i else 'B-') + kind if kind else 'O'}")
        blocks.append("\n".join(lines))
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return str(path)


def write_reviews(path: Path, count: int, seed: int) -> str:
    """Write a table of reviews with a label each."""
    rng = random.Random(seed)
    lines = ["text,label"]
    for _ in range(count):
        label, words = rng.choice((("good", GOOD), ("bad", BAD)))
        text = " ".join(rng.choices((*words, *OTHER[:5]), k=rng.randint(3, 12)))
        lines.append(f"{text} {rng.choice(words)},{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path_factory.getbasetemp() / "ft-cache"))


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train a task on a tiny model: ``train("ner", epochs=5, train="a.conll")`` gives the folder."""
    base = tmp_path_factory.mktemp("runs")
    model = tiny_bert(base / "tiny", WORDS)
    count = 0

    def run(plugins: Any, epochs: float = 1, run: Any = None, **settings: Any) -> Path:
        nonlocal count
        count += 1
        names = [plugins] if isinstance(plugins, str) else plugins
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FT_CACHE", str(base / "cache"))
            result = ft.run(
                names,
                output=base / f"run{count}",
                **{names[0].partition(":")[0]: settings},
                **{
                    "model": str(model),
                    "epochs": epochs,
                    "batch_size": 16,
                    "learning_rate": 1e-2,
                    "precision": "fp32",
                    "device": "cpu",
                    "lint": "off",
                    "report": False,
                    "advice": False,
                    **(run or {}),
                },
            )
        return result.output

    return run


@pytest.fixture(scope="session")
def ner(train: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that finds names and places, in sentences that are longer than its window too."""
    folder = tmp_path_factory.mktemp("ner")
    return train(
        "ner",
        epochs=5,
        train=write_conll(folder / "train.conll", 160, 1),
        validation=write_conll(folder / "validation.conll", 30, 2),
        test=write_conll(folder / "test.conll", 40, 3),
    )


@pytest.fixture(scope="session")
def hurt(ner: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of `ner`, with one input of the classifier made large and its weights small: the same function, which a
    single scale for all inputs cannot hold in 8 bits.
    """

    def write(folder: Path) -> None:
        shutil.copytree(ner / "model", folder, dirs_exist_ok=True)
        tensors = load_file(folder / "model.safetensors")
        for name in ("weight", "bias"):
            tensors[f"bert.encoder.layer.1.output.LayerNorm.{name}"][0] *= 1e4
        tensors["classifier.weight"][:, 0] /= 1e4
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    folder = tmp_path_factory.mktemp("hurt") / "run"
    ft.derive(ner, folder, [], write, lambda _: {})
    return folder


@pytest.fixture(scope="session")
def sentiment(train: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that tells good reviews from bad ones."""
    folder = tmp_path_factory.mktemp("sentiment")
    return train(
        "sentiment",
        epochs=4,
        train=write_reviews(folder / "train.csv", 120, 1),
        validation=write_reviews(folder / "validation.csv", 40, 2),
        test=write_reviews(folder / "test.csv", 60, 3),
    )


@pytest.fixture(scope="session")
def several(train: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one encoder for names and places in sentences and for the mood of reviews."""
    folder = tmp_path_factory.mktemp("several")
    splits = {"train": 1, "validation": 2, "test": 3}
    people = {k: write_conll(folder / f"{k}.conll", 24, n) for k, n in splits.items()}
    mood = {k: write_reviews(folder / f"{k}.csv", 24, n) for k, n in splits.items()}
    return train(
        "multitask",
        tasks={"people": "ner", "mood": "sentiment"},
        settings={"people": people, "mood": mood},
    )


@pytest.fixture(scope="session")
def hub() -> Iterator[Any]:
    """A `HubServer` of this folder's own."""
    path = Path(__file__).with_name("hub_server.py")
    spec = importlib.util.spec_from_file_location("ft_export_hub_server", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    server = module.HubServer()
    yield server
    server.close()


@pytest.fixture
def small_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers of tiny models are large enough."""
    monkeypatch.setattr(calibrate, "SMALLEST", 1)
