"""What is counted of each plugin: calls, time, extra passes and examples; and the trace."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ft
from ft import Plugin, hookimpl
from ft.builtin.standard.plugin import Standard
from ft.hooks.chain import Member
from ft.hooks.hooks import Hooks
from ft.hooks.trace import Trace
from ft.reporters.text import cost_table


class Core(Standard):
    @hookimpl
    def load_data(self, run: Any) -> Any:
        return None

    @hookimpl
    def encode(self, examples: Any) -> Any:
        return {"input_ids": list(examples)}

    @hookimpl
    def build_head(self, run: Any) -> Any:
        return None

    @hookimpl
    def compute_loss(self, batch: Any) -> Any:
        return batch

    @hookimpl
    def decode(self, outputs: Any) -> Any:
        return outputs

    @hookimpl
    def evaluate(self, run: Any) -> Any:
        return run.hooks.provide("compute_loss", run, None, 1)

    @hookimpl
    def read_request(self, request: Any) -> Any:
        return request


class Times(Plugin):
    """Calls `inner` so many times."""

    times = 1

    @hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        results = [inner(run, model, batch) for _ in range(self.times)]
        return results[-1] if results else 0

    @hookimpl
    def encode(self, inner: Any, run: Any, examples: Any, training: bool) -> Any:
        results = [inner(run, examples, training)["input_ids"] for _ in range(self.times)]
        return {"input_ids": [one for result in results for one in result]}


class Early(Plugin):
    @hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        run.hooks.ledger.backward()
        return inner(run, model, batch)


def hooks(*plugins: Plugin, trace: Trace | None = None) -> Hooks:
    members = [Member(f"p{i}", plugin, None, None) for i, plugin in enumerate(plugins)]
    core = Member("core", Core(), None, None)
    for member in [*members, core]:
        member.plugin.seed(member.name, 0)
    return Hooks(members, [core], trace=trace)


def times(number: int) -> Plugin:
    return type("Some", (Times,), {"times": number})()


def counted(made: Hooks, what: str, hook: str = "compute_loss") -> dict[str, int]:
    return {row["plugin"]: row[what] for row in made.ledger.summary() if row["hook"] == hook}


def test_extra_forward_passes_are_those_that_leaving_the_plugin_out_would_save() -> None:
    made = hooks(times(2), times(1), times(3))
    for _ in range(5):
        made.call("compute_loss", None, None, 0)
    assert counted(made, "calls") == {"core": 30, "p0": 15, "p1": 15, "p2": 5}
    # Six passes a call: without p0 there would be three, without p2 two, without p1 six.
    assert counted(made, "extra_forwards") == {"core": 0, "p0": 15, "p1": 0, "p2": 20}


def test_a_technique_that_skips_inner_has_no_extra_passes() -> None:
    made = hooks(times(0), times(2))
    made.call("compute_loss", None, None, 0)
    assert counted(made, "extra_forwards") == {"p0": 0, "p1": 0}


def test_the_loss_of_outputs_is_no_first_pass() -> None:
    class Outputs(Core):
        @hookimpl
        def compute_loss(self, run: Any, batch: Any) -> Any:
            return run.hooks.call("loss_of", run, None, batch)

        @hookimpl
        def loss_of(self, batch: Any) -> Any:
            return batch

    class Before(Plugin):
        @hookimpl
        def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
            run.hooks.call("loss_of", run, None, batch)
            return inner(run, model, batch)

    technique, core = (
        Member("p0", Before(), None, None),
        Member("core", Outputs(), None, None),
    )
    for member in (technique, core):
        member.plugin.seed(member.name, 0)
    made = Hooks([technique], [core])
    made.call("compute_loss", SimpleNamespace(hooks=made), None, 0)
    assert counted(made, "extra_forwards") == {"core": 0, "p0": 0}


def test_passes_for_a_measure_of_its_own_count_for_the_plugin() -> None:
    class Measure(Plugin):
        @hookimpl
        def evaluate(self, inner: Any, run: Any, predictions: Any) -> Any:
            inner(run, predictions)
            run.hooks.provide("compute_loss", run, None, 1)
            run.hooks.provide("compute_loss", run, None, 1)

    made = hooks(Measure())
    made.call("evaluate", SimpleNamespace(hooks=made), None)
    assert counted(made, "extra_forwards", "evaluate") == {"core": 0, "p0": 2}


def test_backward_passes_count_for_who_asks() -> None:
    made = hooks(times(2), Early())
    made.call("compute_loss", SimpleNamespace(hooks=made), None, 0)
    made.ledger.backward()  # the loop's own
    assert counted(made, "extra_backwards") == {"core": 0, "p0": 0, "p1": 1}


def test_extra_features() -> None:
    made = hooks(times(3), times(1))
    made.call("encode", None, ["a", "b"], True)
    assert counted(made, "extra_examples", "encode") == {"core": 0, "p0": 4, "p1": 0}


def test_time_is_exclusive_and_frames_survive_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("ft.hooks.costs.perf_counter", lambda: float(next(clock)))

    class Fails(Plugin):
        @hookimpl
        def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
            inner(run, model, batch)
            raise ValueError("no")

    class Catches(Plugin):
        @hookimpl
        def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
            with pytest.raises(ValueError, match="no"):
                inner(run, model, batch)
            return inner

    made = hooks(Fails(), Catches())
    made.call("compute_loss", None, None, 0)
    made.call("compute_loss", None, None, 0)
    # The clock ticks whenever it is read: 1 second within core, 3 - 1 in Fails, 5 - 3 in Catches.
    assert counted(made, "seconds") == {"core": 2.0, "p0": 4.0, "p1": 4.0}


def test_a_run_records_what_its_plugins_cost(go: Any, data_files: dict[str, Any]) -> None:
    result = go(
        ["ner", "augment", "adversarial"],
        max_steps=4,
        ner=data_files["ner"],
        augment={"copies": 3},
        adversarial={"method": "fgm", "start": 0.0},
    )
    rows = {(row["plugin"], row["hook"]): row for row in result.record["costs"]}
    loss = rows["adversarial", "compute_loss"]
    assert (loss["calls"], loss["extra_forwards"], loss["extra_backwards"]) == (4, 4, 4)
    assert rows["augment", "load_data"]["extra_examples"] == 80
    assert rows["standard", "compute_loss"]["extra_forwards"] == 0
    assert result.record["peak_memory"]["host"] > 1_000_000


def test_the_table_has_the_extras_that_there_are() -> None:
    row = {"plugin": "a", "hook": "encode", "calls": 1, "seconds": 0.5}
    plain = cost_table([{**row, "extra_forwards": 0, "extra_examples": 0}])
    assert plain.columns == ("plugin", "hook", "calls", "seconds")
    more = cost_table([{**row, "extra_forwards": 0, "extra_examples": 7}, row])
    assert more.columns == ("plugin", "hook", "calls", "seconds", "extra examples")
    assert [line[-1] for line in more.rows] == [7, None]


def events(path: Path) -> list[dict[str, Any]]:
    return [event for event in json.loads(path.read_text()) if event["ph"] == "X"]


def test_a_run_writes_a_trace(go: Any, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    result = go(["words", "kit-twice"], max_steps=3, trace=path)
    found = events(path)
    costs = {(row["plugin"], row["hook"]): row["calls"] for row in result.record["costs"]}
    for (plugin, hook), calls in costs.items():
        assert sum(event["name"] == f"{plugin} {hook}" for event in found) == calls
    steps = [event for event in found if event["name"] == "kit-twice compute_loss"]
    assert [event["args"]["step"] for event in steps] == [0, 1, 2]
    assert {event["args"]["epoch"] for event in steps} == {1}
    assert {event["pid"] for event in found} == {os.getpid()}
    for outer in steps:
        inside = [
            event
            for event in found
            if event["name"] == "standard compute_loss"
            and outer["ts"] <= event["ts"]
            and event["ts"] + event["dur"] <= outer["ts"] + outer["dur"]
        ]
        assert len(inside) == 2


def test_a_trace_is_bounded_and_says_what_it_left_out(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "t.json", dict, most=3)
    made = hooks(times(1), trace=trace)
    for _ in range(4):
        made.call("compute_loss", None, None, 0)
    assert "holds no more than that, and 5 later calls are left out" in trace.close()
    assert len(events(trace.path)) == 3


def test_a_trace_of_a_run_that_failed_is_whole(go: Any, tmp_path: Path) -> None:
    armed, path = tmp_path / "armed", tmp_path / "trace.json"
    armed.touch()
    with pytest.raises(RuntimeError, match="stumbled"):
        go(["words", "stumble"], stumble={"armed": str(armed), "step": 2}, trace=path)
    assert events(path)[-1]["name"] == "stumble compute_loss"


def test_a_trace_that_cannot_be_written_is_refused(go: Any, tmp_path: Path) -> None:
    with pytest.raises(ft.UserError, match=r"--trace .*the trace cannot be written"):
        go(["words"], trace=tmp_path / "no" / "trace.json")
    assert not (tmp_path / "run1").exists()


def test_a_full_disk_ends_the_trace_and_not_the_run() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    trace = Trace(full, dict)
    made = hooks(trace=trace)
    for i in range(2000):
        assert made.call("compute_loss", None, None, i) == i
    assert "broken off: No space left" in trace.close()


def test_without_a_trace_no_call_is_wrapped_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trace, "around", lambda *_: pytest.fail("the trace is off"))
    assert hooks(times(2)).call("compute_loss", None, None, 1) == 1
