"""A search as the command line calls it, on a tiny model or with runs that only pretend."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ft import Metric, Result
from ft.cli.main import main
from ft_kit import tiny_bert
from ft_kit.tasks import VOCABULARY

TASK = "ft_kit.tasks:WordsTask"
RATE = "run.learning_rate"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT that knows the words of the task."""
    return tiny_bert(tmp_path_factory.mktemp("tiny"), VOCABULARY, dropout=0.0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path_factory.getbasetemp() / "ft-cache"))


class Fake:
    """Stands in for the run of a trial: its score is best at a learning rate of 1e-3.

    Attributes:
        rates: of every run, in order.
        epochs: of every run, as far as it came.
        before: called with the number of the run before it begins; may raise.
        lower: the metric is one where lower is better.
    """

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.epochs: list[int] = []
        self.before: Callable[[int], None] = lambda number: None
        self.lower = False

    def __call__(
        self, base: Any, values: Mapping[str, Any], folder: Path, judge: Callable[..., Any]
    ) -> Result:
        folder.mkdir(parents=True, exist_ok=True)
        self.rates.append(values.get(RATE, 1e-3))
        self.epochs.append(0)
        self.before(len(self.rates) - 1)
        stops = []
        for epoch in (1, 2, 3):
            self.epochs[-1] = epoch
            metric = self.metric(epoch / 3)
            why = judge(epoch, "score", metric)
            if why:
                stops.append({"plugin": "tune", "reason": why, "step": epoch})
                break
        record = {
            "best": {"step": 3, "metric": "score", "value": metric.value},
            "notes": ["a note"],
            "findings": [],
            "stops": stops,
            "epoch": epoch,
            "total_seconds": 1.0,
        }
        scores = {"validation": {"score": metric}, "test": {"score": metric}}
        return Result(folder, scores, [], record, "score")

    def metric(self, share: float) -> Metric:
        good = share * math.exp(-abs(math.log10(self.rates[-1]) + 3))
        return Metric(-good if self.lower else good, higher_is_better=not self.lower)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Runs that only pretend."""
    pretended = Fake()
    monkeypatch.setattr("ft_study.tune.search.run_trial", pretended)
    return pretended


@pytest.fixture
def arguments(model: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """Those of a short search: ``arguments("--trials", "3")``."""

    def arguments(*more: str, search: str | None = f"{RATE}=1e-5..1e-2") -> list[str]:
        settings = ["precision=fp32", "device=cpu", "lint=off", "report=false"]
        return [
            *("tune", "--plugins", TASK, "--model", str(model)),
            *("--output", str(tmp_path / "search"), "--epochs", "3", "--batch-size", "8"),
            *(("--search", search) if search else ()),
            *(part for one in settings for part in ("-o", f"run.{one}")),
            *more,
        ]

    return arguments


@pytest.fixture
def tune(
    arguments: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Runs a search and gives its result: ``tune("--trials", "3")``; with ``code`` what it says."""

    def tune(*more: str, code: int = 0, **named: Any) -> Any:
        ended = main([*arguments(*more, **named), "--json"])
        told = capsys.readouterr()
        assert ended == code, told.err
        return json.loads(told.out) if code == 0 else told.err

    return tune
