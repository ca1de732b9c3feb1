"""The baselines' figures on MovieLens ml-latest-small, against those of public libraries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ft_recommend.baselines import bm25, measure, popularity

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
DATA = Path(os.environ.get("FT_TEST_DATA") or SHARED) / "movielens_small"


@pytest.fixture
def loaded(load: Any) -> Any:
    if not DATA.is_dir():
        pytest.skip(f"the data is not at {DATA}; set FT_TEST_DATA to the folder that holds it")
    return load({name: str(DATA / f"{name}.csv") for name in ("interactions", "items")})


def test_the_reference_split_and_its_baselines(loaded: Any) -> None:
    data, plugin = loaded
    corpus = plugin._corpus
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 99616,
        "validation": 610,
        "test": 610,
    }
    assert len(corpus.catalogue) == 9742
    assert corpus.catalogue.text_columns == ("title", "genres", "tags")
    assert list(corpus.catalogue.space.knots) == ["year"]
    assert list(corpus.catalogue.space.values) == ["genres"]
    scorers = {"popularity": popularity(corpus.popularity), "BM25": bm25(corpus.catalogue.texts)}
    cold = corpus.popularity == 0
    found = measure(scorers, data.splits["test"], cold, top=10, exclude=True, seed=0)
    ndcg = {name: metrics["ndcg@10"].value for name, metrics in found.items()}
    assert ndcg["popularity"] == pytest.approx(0.019, abs=0.002)
    assert ndcg["BM25"] == pytest.approx(0.018, abs=0.003)
