"""Time grows as the input does, and memory does not: small forms of ``tests/benchmarks/growth.py``.

Seconds are the processor's, which others on the machine hardly change; eight times the input may take
20 times as many, where what grows with the square takes 64.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft

MOST = 20


def seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


@pytest.fixture(scope="module")
def tagger(
    start: Any, data_files: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    folder = tmp_path_factory.mktemp("growth")
    return ft.load(start(["ner"], folder / "run", max_steps=1, ner=data_files["ner"]).output)


def test_one_long_text_takes_time_as_its_length(tagger: Any) -> None:
    def predict(words: int) -> None:
        (answer,) = tagger.predict([" ".join(["anna", "went", "to", "london"] * (words // 4))])
        assert len(answer["tokens"]) == words

    predict(400)
    small = min(seconds(lambda: predict(2_000)) for _ in range(2))
    assert seconds(lambda: predict(16_000)) < MOST * small


def test_a_table_takes_time_as_its_columns(tmp_path: Path) -> None:
    def read(columns: int, number: int) -> None:
        path = tmp_path / f"{columns}-{number}.csv"
        row = ",".join(f"{number}{i}" for i in range(columns))
        path.write_text(f"{','.join(f'c{i}' for i in range(columns))}\n{row}\n{row}\n")
        assert len(ft.read_table(path, owner="task").column_names) == columns + 1

    read(10, 0)
    small = min(seconds(lambda number=number: read(500, number)) for number in (1, 2))  # type: ignore[misc]
    assert seconds(lambda: read(4_000, 3)) < MOST * small


def growth() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "growth.py"
    spec = importlib.util.spec_from_file_location("ft_test_growth", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
def test_memory_stays_flat_over_many_texts() -> None:
    once = growth().once
    assert once("requests", 100_000) < 1.1 * once("requests", 20_000)
