"""Several processes train the one model that a single process trains."""

from __future__ import annotations

import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ft.engine.batch.batches import divide, lengths
from ft.engine.ranks.agreement import Agreement
from ft.engine.ranks.ranks import Ranks
from ft.engine.ranks.state import add_others, of_this_rank
from ft_kit import tiny_bert
from ft_kit.tasks import VOCABULARY

STUMBLE = f"{Path(__file__).parents[2] / 'techniques.py'}:Stumble"


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory, data_files: dict[str, Any]) -> list[str]:
    """A run whose numbers do not depend on how its batches are cut."""
    model = tiny_bert(tmp_path_factory.mktemp("still"), VOCABULARY, dropout=0.0)
    data = [f"ner.{split}={path}" for split, path in data_files["ner"].items()]
    rest = ["precision=fp32", "device=cpu", "batch_size=8", "epochs=2", "learning_rate=1e-3"]
    settings = [*data, *(f"run.{one}" for one in rest)]
    return [
        "run",
        "--plugins",
        f"ner,adversarial,{STUMBLE}",
        "--model",
        str(model),
        *(part for one in settings for part in ("-o", one)),
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("alone") / "run"


@pytest.fixture
def alone(arguments: list[str], children: Any, place: Path) -> Path:
    """The run in one process."""
    if not place.exists():
        code, child = children.run([*arguments, "--output", place])
        assert code == 0, child.stderr
    return place


def losses(run: Path, comparing: ModuleType) -> list[float]:
    lines = comparing.lines(run / "metrics.jsonl")
    return [line["loss"] for line in lines if "loss" in line]


def test_two_processes_stopped_in_one_go_on_as_one(
    together: Any, arguments: list[str], alone: Path, comparing: ModuleType, tmp_path: Path
) -> None:
    """A signal to either process stops both, with a checkpoint that one process takes up."""
    armed, output = tmp_path / "armed", tmp_path / "run"
    armed.touch()
    stumble = ["-o", f"stumble.armed={armed}", "-o", "stumble.how=int", "-o", "stumble.step=4"]
    processes = together.start([*arguments, *stumble, "--output", output])
    assert [one.wait() for one in processes] == [130, 130], processes[0].stderr
    assert "stopped at step 4 of 10" in processes[0].stderr
    assert processes[1].stdout + processes[1].stderr == ""

    code, child = together.children.run(["run", "--resume", output])
    assert code == 0, child.stderr
    assert "resumed at step 4 of 10" in child.stdout
    assert "processes are 1 now, and were 2" in child.stdout
    assert losses(output, comparing) == pytest.approx(losses(alone, comparing), rel=1e-5)


def test_two_processes_give_the_result_of_one(
    together: Any, arguments: list[str], alone: Path, comparing: ModuleType, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    first, second = together.run([*arguments, "--output", output])
    assert "everything is in" in first.stdout
    assert second.stdout + second.stderr == ""
    assert losses(output, comparing) == pytest.approx(losses(alone, comparing), rel=1e-5)
    one, other = (comparing.lines(run / "predictions/test.jsonl") for run in (output, alone))
    assert one == other
    records = [comparing.read(run / "record.json") for run in (output, alone)]
    for name in ("steps", "tokens", "stops"):
        assert records[0][name] == records[1][name]
    loss = [record["metrics"]["test"]["loss"]["value"] for record in records]
    assert loss[0] == pytest.approx(loss[1], rel=1e-5)
    assert records[0]["machine"]["processes"] == 2


def test_a_loss_that_is_not_finite_in_one_process_stops_both(
    together: Any, arguments: list[str], tmp_path: Path
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    stumble = ["-o", f"stumble.armed={armed}", "-o", "stumble.how=diverge", "-o", "stumble.step=3"]
    processes = together.start([*arguments, *stumble, "--output", tmp_path / "run"])
    assert [one.wait() for one in processes] == [1, 1]
    said = [one.stderr for one in processes]
    assert sum("the loss is nan in step 3" in text for text in said) == 1
    assert sum("error" in text for text in said) == 1


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 9))
def test_a_batch_is_divided_by_tokens(sizes: list[int], parts: int) -> None:
    features = [{"input_ids": [1] * n, "number": i} for i, n in enumerate(sizes)]
    shares = divide(features, parts)
    assert len(shares) == parts
    given = sorted(feature["number"] for share in shares for feature in share)
    assert given == list(range(len(sizes)))
    fair = sum(sizes) / parts
    for share in shares:
        assert abs(sum(lengths(share)) - fair) <= max([*sizes, fair])
        assert sum(lengths(share)) <= fair + max(sizes, default=0)


class Several(Ranks):
    """One of several processes, the others of which have given what they were told to."""

    def __init__(self, index: int, told: list[Any]) -> None:
        super().__init__(index, len(told))
        self.told = told

    def gather(self, value: Any) -> list[Any]:
        return [value if one is None else one for one in self.told]


class FakeRun:
    """As much of a run as is asked for here."""

    def __init__(self, ranks: Ranks) -> None:
        from ft.contract.settings import RunConfig
        from ft.engine.batch.memory import Budget

        self.ranks = ranks
        self.stops: list[dict[str, Any]] = []
        self.config = RunConfig(max_tokens=100)
        self.budget = Budget(100, 100)


def test_what_any_process_wishes_all_of_them_do() -> None:
    stop = {"plugin": "p", "reason": "enough", "step": 3}
    run: Any = FakeRun(Several(1, [([1.0, 70.0, 1.0], [stop]), None, ([0.0, 0.0, 1.0], [stop])]))
    agreement = Agreement(run)
    assert not agreement.leave
    agreement.renew()
    assert agreement.leave
    assert agreement.age == 70.0
    assert run.stops == [stop]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_process_alone_does_what_it_wishes_at_once(how: signal.Signals) -> None:
    run: Any = FakeRun(Ranks())
    agreement = Agreement(run)
    with agreement.interrupt:
        assert not agreement.leave
        signal.raise_signal(how)
        assert agreement.leave


def state(draws: int, **sums: float) -> dict[str, Any]:
    return {
        "random": {"torch": draws},
        "plugins": {"p": {"rng": draws, "state": {"seen": 1}}},
        "progress": {"step": 3, "sums": {name: (v, "float32") for name, v in sums.items()}},
    }


def saved(budgets: tuple[int, ...] = (100, 50, 100)) -> dict[str, Any]:
    """What three processes save."""
    told: list[Any] = [None]
    for index, budget in enumerate(budgets[1:], 1):
        one = state(index, loss=10.0**index)
        told.append(
            {
                **one,
                "sums": one["progress"]["sums"],
                "budget": {"training": budget, "prediction": 100},
            }
        )
    run: Any = FakeRun(Several(0, told))
    whole = state(0, loss=1.0)
    add_others(run, whole)
    return whole


def test_each_process_takes_up_its_own_state() -> None:
    for index in range(3):
        run: Any = FakeRun(Ranks(index, 3))
        own = of_this_rank(run, saved())
        assert own["random"] == {"torch": index}
        assert own["plugins"] == {"p": {"rng": index, "state": {"seen": 1}}}
        assert own["progress"]["sums"] == {"loss": (10.0**index, "float32")}


@given(st.integers(1, 6))
def test_nothing_of_the_sums_is_lost_when_the_number_of_processes_changes(count: int) -> None:
    owns = []
    for index in range(count):
        run: Any = FakeRun(Ranks(index, count))
        owns.append(of_this_rank(run, saved()))
        # Nobody has seen that passes of 100 tokens fit everywhere.
        assert run.budget.training == 50
    totals = [one["progress"]["sums"].get("loss", (0.0, ""))[0] for one in owns]
    assert sum(totals) == 111.0


def test_a_state_takes_no_more_room_than_what_differs() -> None:
    (first, _) = saved()["others"]
    assert first["plugins"] == {"p": {"rng": 1}}
