"""The hook `order`: which examples an epoch sees, and in which batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ft import Config, Loss, Plugin, PluginError, hookimpl, mix_into_order

HERE = Path(__file__)


class Seen(Plugin):
    """Writes down the ids that are encoded for training."""

    name = "seen"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.ids: dict[int, list[int]] = {}

    @hookimpl
    def encode(self, inner: Callable[..., Any], run: Any, examples: Any, training: bool) -> Any:
        if training:
            self.ids.setdefault(run.epoch, []).extend(examples["example_id"])
        return inner(run, examples, training)

    @hookimpl
    def on_run_end(self, run: Any) -> None:
        (run.output / f"seen-{run.ranks.index}.json").write_text(json.dumps(self.ids))


class Short(Plugin):
    """A curriculum: the shorter half in the first epoch, then all."""

    name = "short"

    @hookimpl
    def order(self, inner: Callable[..., Any], run: Any, epoch: int) -> Any:
        ids = inner(run, epoch)
        if epoch > 1:
            return ids
        lengths = [len(tokens) for tokens in run.data.splits["train"]["tokens"]]
        shortest = set(sorted(range(len(lengths)), key=lengths.__getitem__)[:24])
        return [i for i in ids if i in shortest]


class Pairs(Plugin):
    """Batches of three, drawn anew in every epoch."""

    name = "pairs"

    @hookimpl
    def order(self, run: Any, epoch: int) -> Any:
        rng = self.rng_at(epoch)
        return [tuple(rng.integers(0, 48, 3).tolist()) for _ in range(4 + epoch)]


class Drifting(Plugin):
    """An order that depends on the weights, and on how often it was asked for."""

    name = "drifting"
    asked = 0

    @hookimpl
    def order(self, run: Any, epoch: int) -> Any:
        self.asked += 1
        (run.output / f"asked-{run.ranks.index}").touch()
        bits = sum(float(p.detach().double().sum()) for p in run.model.parameters())
        rng = np.random.default_rng([abs(hash(bits)), self.asked])
        return rng.permutation(48)[:40]

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.asked}

    def load_state_dict(self, state: Any) -> None:
        self.asked = state.get("asked", 0)


class Rates(Plugin):
    """Writes down the share of the run at which each step's rate is asked for."""

    name = "rates"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.shares: list[float] = []

    def learning_rate(self, run: Any, progress: float) -> float:
        self.shares.append(progress)
        return 1 - progress

    @hookimpl
    def on_run_end(self, run: Any) -> None:
        (run.output / "shares.json").write_text(json.dumps(self.shares))


class Guess(Plugin):
    """Trains from the second epoch on on examples of a pool too, with tags that depend on the weights."""

    name = "guess"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.guessed: dict[str, list[str]] = {}

    @hookimpl
    def load_data(self, inner: Callable[..., Any], run: Any) -> Any:
        data = inner(run)
        rows = data.splits["test"].select_columns(["tokens"])
        return data.with_rows("pool", rows)

    @hookimpl
    def on_epoch_start(self, run: Any, epoch: int) -> None:
        if epoch > 1:
            first = len(run.data.splits["train"])
            items = run.predict("pool").items
            self.guessed = {str(first + i): one["tags"] for i, one in enumerate(items) if i % 3}

    @hookimpl
    def order(self, inner: Callable[..., Any], run: Any, epoch: int) -> Any:
        return self.rng_at(epoch).permutation([*inner(run, epoch), *map(int, self.guessed)])

    @hookimpl
    def encode(self, inner: Callable[..., Any], run: Any, examples: Any, training: bool) -> Any:
        if training:
            pairs = zip(examples["example_id"], examples["tags"], strict=True)
            tags = [self.guessed.get(str(i), own) for i, own in pairs]
            examples = {**examples, "tags": tags}
        return inner(run, examples, training)

    def state_dict(self) -> dict[str, Any]:
        return {"guessed": self.guessed}

    def load_state_dict(self, state: Any) -> None:
        self.guessed = dict(state.get("guessed", {}))


class Bare(Plugin):
    """Puts the examples of a pool into an epoch and gives them no answer."""

    name = "bare"
    far = 0

    @hookimpl
    def load_data(self, inner: Callable[..., Any], run: Any) -> Any:
        data = inner(run)
        return data.with_rows("pool", data.splits["test"].select_columns(["tokens"]))

    @hookimpl
    def order(self, inner: Callable[..., Any], run: Any, epoch: int) -> Any:
        first, pooled = len(run.data.splits["train"]), len(run.data.splits["pool"])
        return [*inner(run, epoch), first + pooled - 1 + self.far]


class Far(Bare):
    """Names an example that is behind the pool."""

    name = "far"
    far = 1


class Alone(Bare):
    """Learns from unlabelled examples without an answer."""

    name = "alone"

    @hookimpl
    def compute_loss(self, inner: Callable[..., Any], run: Any, model: Any, batch: Any) -> Any:
        if "labels" in batch:
            return inner(run, model, batch)
        outputs = model(**batch)
        run.log(self, "unlabelled", len(batch["input_ids"]))
        logits = outputs["logits"].log_softmax(-1)
        entropy = -(logits.exp() * logits).sum(-1)
        return Loss(entropy.sum(), entropy.numel(), dict(outputs))


class AnswerConfig(Config):
    """What the order is."""

    what: str = "far"


class Answer(Plugin):
    """Orders that are none."""

    name = "answer"
    Config = AnswerConfig

    @hookimpl
    def order(self, run: Any, epoch: int) -> Any:
        if self.config.what == "predict":
            run.predict("validation")
        answers = {"far": [0, 48], "empty": [], "text": ["a"], "predict": range(48)}
        return answers[self.config.what]


def spec(name: str) -> str:
    return f"{HERE}:{name}"


def seen(run: Path, rank: int = 0) -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads((run / f"seen-{rank}.json").read_text())
    return found


@pytest.mark.parametrize(
    ("name", "step"), [("Short", 6), ("Pairs", 8), ("Drifting", 8), ("Drifting", 5)]
)
def test_an_order_is_resumed_to_the_bit(resumed: Any, name: str, step: int) -> None:
    whole, _ = resumed(["words", spec(name)], step=step, evaluate_steps=2)
    record = json.loads((whole / "record.json").read_text())
    assert record["steps"] == {"Short": 3 + 6, "Pairs": 5 + 6, "Drifting": 10}[name]
    calls = {(row["plugin"], row["hook"]): row["calls"] for row in record["costs"]}
    assert calls[name.lower(), "order"] == 2


def test_the_default_is_asked_for_by_epoch_and_sees_everything(go: Any) -> None:
    run = go(["words", spec("Seen")], epochs=2)
    ids = seen(run.output)
    assert all(sorted(epoch) == list(range(48)) for epoch in ids.values())
    assert ids["1"] != ids["2"]
    assert run.record["chains"]["order"] == "standard"


def test_fixed_batches_are_the_steps(go: Any) -> None:
    run = go(["words", spec("Seen"), spec("Pairs")], epochs=2)
    ids = seen(run.output)
    assert [len(ids[epoch]) for epoch in ("1", "2")] == [3 * 5, 3 * 6]
    assert run.record["steps"] == 11


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"epochs": 2}, [0, 1 / 6, 2 / 6, *(0.5 + i / 12 for i in range(6))]),
        ({"epochs": 1.5}, [0, 2 / 9, 4 / 9, *(2 / 3 + i / 9 for i in range(3))]),
        ({"epochs": 2, "max_steps": 4}, [0, 0.25, 0.5, 0.75]),
    ],
)
def test_the_rate_follows_the_share_of_the_epochs(
    go: Any, settings: dict[str, Any], shares: list[float]
) -> None:
    run = go(["words", spec("Short"), spec("Rates")], **settings)
    told = json.loads((run.output / "shares.json").read_text())
    assert told == pytest.approx(shares)
    assert run.record["steps"] == len(shares)


@pytest.mark.parametrize(
    ("what", "said"), [("far", "the id 48"), ("empty", "no examples"), ("text", "no sequence")]
)
def test_what_is_no_order_is_refused(go: Any, what: str, said: str) -> None:
    with pytest.raises(PluginError, match=f"order returned for epoch 1 .*{said}") as caught:
        go(["words", spec("Answer")], answer={"what": what})
    assert "'answer'" in str(caught.value.who)


def test_examples_of_a_pool_are_trained_on_and_resumed(resumed: Any) -> None:
    whole, _ = resumed(["words", spec("Guess"), spec("Seen")], step=9, evaluate_steps=2)
    ids, pool = seen(whole), range(48, 60)
    assert sorted(ids["1"]) == list(range(48))
    assert sorted(ids["2"]) == [*range(48), *(one for one in pool if (one - 48) % 3)]
    record = json.loads((whole / "record.json").read_text())
    assert record["steps"] == 6 + 7
    assert "pool" not in record["metrics"]


def test_examples_of_a_pool_need_an_answer_or_a_loss_of_their_own(go: Any) -> None:
    with pytest.raises(PluginError, match="without a gold answer") as caught:
        go(["words", spec("Bare")])
    assert "leave out their ids in order" in str(caught.value.hint)
    with pytest.raises(PluginError, match=r"the id 60, .* 48 training examples and 12 of the pool"):
        go(["words", spec("Far")])
    run = go(["words", spec("Alone")], epochs=1)
    logged = [json.loads(line) for line in (run.output / "metrics.jsonl").open()]
    assert [line["alone/unlabelled"] for line in logged if "alone/unlabelled" in line] == [1.0]


@pytest.fixture
def arguments(still: Path) -> list[str]:
    options = "epochs=2 batch_size=8 learning_rate=1e-3 precision=fp32 device=cpu report=false"
    return [
        *("run", "-o", f"run.model={still}"),
        *(part for one in options.split() for part in ("-o", f"run.{one}")),
    ]


def test_the_main_process_orders_for_all(
    together: Any, arguments: list[str], tmp_path: Path
) -> None:
    tasks = f"{HERE.parents[1] / 'tasks.py'}:WordsTask"
    plugins = ",".join([tasks, spec("Seen"), spec("Drifting")])
    together.run([*arguments, "--plugins", plugins, "--output", tmp_path / "run"])
    assert [path.name for path in tmp_path.glob("run/asked-*")] == ["asked-0"]
    for epoch in ("1", "2"):
        both = [one for rank in (0, 1) for one in seen(tmp_path / "run", rank)[epoch]]
        assert len(both) == len(set(both)) == 40


def test_all_processes_train_on_the_pool(
    together: Any, arguments: list[str], tmp_path: Path
) -> None:
    tasks = f"{HERE.parents[1] / 'tasks.py'}:WordsTask"
    plugins = ",".join([tasks, spec("Guess"), spec("Seen")])
    together.run([*arguments, "--plugins", plugins, "--output", tmp_path / "run"])
    both = [one for rank in (0, 1) for one in seen(tmp_path / "run", rank)["2"]]
    assert sorted(both) == [*range(48), *(one for one in range(48, 60) if (one - 48) % 3)]


def test_what_all_processes_do_cannot_be_asked_for_by_one(
    together: Any, arguments: list[str], tmp_path: Path
) -> None:
    tasks = f"{HERE.parents[1] / 'tasks.py'}:WordsTask"
    plugins = ["--plugins", f"{tasks},{spec('Answer')}", "-o", "answer.what=predict"]
    processes = together.start([*arguments, *plugins, "--output", tmp_path / "run"])
    codes = [one.wait() for one in processes]
    said = "".join(one.stderr for one in processes)
    assert 0 not in codes, said
    assert "the main process calls alone" in said
    assert "on_epoch_start" in said


def test_further_examples_come_at_random_places_and_leave_fixed_batches_whole() -> None:
    ids = mix_into_order(np.arange(5), [5, 6, 7], 2, np.random.default_rng(0)).tolist()
    assert sorted(ids) == list(range(8))
    assert ids != list(range(8))
    batches = mix_into_order([(0, 1, 2), (3, 4)], [5, 6, 7], 2, np.random.default_rng(0))
    assert {(0, 1, 2), (3, 4)} < set(batches)
    assert sorted(map(len, batches)) == [1, 2, 2, 3]
    assert sorted(i for batch in batches for i in batch) == list(range(8))
    assert mix_into_order([], [5], 2, np.random.default_rng(0)).tolist() == [5]
