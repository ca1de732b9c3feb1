"""Memory that reading a mapped file has taken is given back, and no value is lost by it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ft.engine import mapped
from ft.engine.mapped import give_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux")

COUNT = 4 << 20


@pytest.fixture
def weights(tmp_path: Path) -> Iterator[Tensor]:
    """A tensor of 16 MB that lies in a file."""
    save_file({"w": torch.arange(COUNT, dtype=torch.float32)}, tmp_path / "w.safetensors")
    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        yield file.get_tensor("w")


def resident(kind: str) -> float:
    """Megabytes of this process that are pages of files, or its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith(f"{kind}:")) / 1024


def test_pages_that_were_read_are_given_back(weights: Tensor) -> None:
    before = resident("RssFile")
    total = weights.double().sum()
    assert resident("RssFile") > before + 12
    give_back([weights])
    assert resident("RssFile") < before + 2
    assert torch.equal(weights.double().sum(), total)


def test_what_was_written_stays(weights: Tensor) -> None:
    kept = weights.clone()
    for one in (weights, kept):
        one[1000:5000] = -1
        one[COUNT - 1] = -2
    own = resident("RssAnon")
    give_back([weights, weights[7:1000], weights[::3], torch.ones(1), torch.empty(0)])
    assert torch.equal(weights, kept)
    assert resident("RssAnon") < own + 2


def test_memory_of_no_file_stays() -> None:
    own = torch.arange(COUNT, dtype=torch.float32)
    give_back([own])
    assert torch.equal(own, torch.arange(COUNT, dtype=torch.float32))


def test_without_a_table_of_pages_nothing_happens(
    weights: Tensor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mapped, "PAGES", tmp_path / "none")
    before = weights.sum()
    give_back([weights])
    assert torch.equal(weights.sum(), before)
