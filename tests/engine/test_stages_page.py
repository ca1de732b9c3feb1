"""The page that says what holds in each hook, compared with what holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import ft
from ft import hookimpl
from ft.cli.main import main
from ft.contract import hookspecs

HERE = Path(__file__)
PAGE = HERE.parents[2] / "docs" / "reference" / "stages.md"
SPLITS = ("validation", "test")

Row = tuple[str, str, str, str]
"""Hook, stage, mode of the model, whether torch records gradients."""


def seen(run: Any, hook: str) -> list[str]:
    """What holds in a hook, in the words of the page."""
    stage = "the split's" if run.stage in SPLITS else f"`{run.stage}`"
    modes = {module.training for module in run.model.modules()} if run.model is not None else None
    words = {None: "no model yet", (False,): "`eval`", (True,): "`train`"}
    mode = words.get(None if modes is None else tuple(modes), "mixed")
    return [hook, stage, mode, "yes" if torch.is_grad_enabled() else "no"]


class Everywhere(ft.Plugin):
    """Writes down what holds in every hook."""

    name = "everywhere"

    def write(self, run: Any, hook: str, **more: Any) -> None:
        path = Path(run.output) / f"held-{run.ranks.index}.jsonl"
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            main = None if run.ranks.count == 1 else run.ranks.main
            file.write(json.dumps([*seen(run, hook), main]) + "\n")

    @hookimpl
    def load_data(self, inner: Any, run: Any) -> Any:
        self.write(run, "load_data")
        return inner(run)

    @hookimpl
    def build_head(self, inner: Any, run: Any, data: Any) -> Any:
        self.write(run, "build_head")
        return inner(run, data)

    @hookimpl
    def save_model(self, inner: Any, run: Any, model: Any, folder: Any) -> None:
        self.write(run, "save_model")
        inner(run, model, folder)

    @hookimpl
    def load_model(self, inner: Any, run: Any, folder: Any) -> Any:
        self.write(run, "load_model")
        return inner(run, folder)

    @hookimpl
    def order(self, inner: Any, run: Any, epoch: int) -> Any:
        self.write(run, "order")
        return inner(run, epoch)

    @hookimpl
    def build_optimizer(self, inner: Any, run: Any, groups: Any) -> Any:
        self.write(run, "build_optimizer")
        return inner(run, groups)

    @hookimpl
    def encode(self, inner: Any, run: Any, examples: Any, training: bool) -> Any:
        self.write(run, "encode for training" if training else "encode otherwise")
        return inner(run, examples, training)

    @hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        self.write(run, "compute_loss")
        loss = inner(run, model, batch)
        run.divergence(loss.outputs, loss.outputs, batch)
        return loss

    @hookimpl
    def loss_of(self, inner: Any, run: Any, outputs: Any, batch: Any) -> Any:
        self.write(run, "loss_of")
        return inner(run, outputs, batch)

    @hookimpl
    def divergence(self, inner: Any, run: Any, outputs: Any, other: Any, batch: Any) -> Any:
        self.write(run, "divergence")
        return inner(run, outputs, other, batch)

    @hookimpl
    def infer(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        self.write(run, "infer")
        return inner(run, model, batch)

    @hookimpl
    def decode(self, inner: Any, run: Any, outputs: Any, examples: Any) -> Any:
        self.write(run, "decode")
        return inner(run, outputs, examples)

    @hookimpl
    def evaluate(self, inner: Any, run: Any, predictions: Any) -> Any:
        self.write(run, "evaluate")
        return inner(run, predictions)

    @hookimpl
    def read_request(self, inner: Any, run: Any, request: Any) -> Any:
        self.write(run, "read_request")
        return inner(run, request)

    @hookimpl
    def on_features(self, run: Any) -> None:
        self.write(run, "on_features")

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        self.write(run, "on_run_start")

    @hookimpl
    def on_epoch_start(self, run: Any) -> None:
        self.write(run, "on_epoch_start")

    @hookimpl
    def on_gradients(self, run: Any) -> None:
        self.write(run, "on_gradients")

    @hookimpl
    def on_step(self, run: Any) -> None:
        self.write(run, "on_step")

    @hookimpl
    def on_log(self, run: Any) -> None:
        self.write(run, "on_log")

    @hookimpl
    def on_epoch_end(self, run: Any) -> None:
        self.write(run, "on_epoch_end")

    @hookimpl
    def on_record(self, run: Any) -> None:
        self.write(run, "on_record")

    @hookimpl
    def on_run_end(self, run: Any) -> None:
        self.write(run, "on_run_end")


def page() -> dict[tuple[str, ...], str]:
    """The rows of the page: what holds, and in which processes."""
    rows = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 6:
            hook, stages, mode, gradients, _, processes = cells
            for stage in stages.split(", "):
                rows[hook.replace("`", ""), stage, mode, gradients] = processes
    return rows


def held(folder: Path, rank: int = 0) -> list[list[Any]]:
    return [json.loads(line) for line in (folder / f"held-{rank}.jsonl").open()]


def test_the_page_tells_of_each_hook_what_holds(
    go: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each hook is in the account, in the trace and in `--explain` too."""
    trace = tmp_path / "trace.json"
    result = go(["texts", f"{HERE}:Everywhere"], epochs=1, trace=trace)
    ft.predict(result.output, ["anna went to london"])
    list(ft.predict(result.output, ["anna went to london"]))
    found = {tuple(row[:4]) for row in held(result.output)}
    told = page()
    evaluated = ("compute_loss for the loss of an evaluation", "the split's", "`eval`", "no")
    assert sorted(found - set(told)) == []
    # Evaluation asks the task alone for its loss, which this technique does not see.
    assert sorted(set(told) - found) == [evaluated]
    hooks = {hook.partition(" ")[0] for hook, *_ in told}
    assert hooks == {name for name, one in vars(hookspecs).items() if hasattr(one, "ft_kind")}
    costs = {row["hook"] for row in result.record["costs"] if row["plugin"] == "everywhere"}
    traced = {one["cat"] for one in json.loads(trace.read_text()) if "cat" in one}
    # A trial of saving is accounted as a whole; a record is sealed before the last event.
    assert hooks - costs == {"load_model", "read_request", "on_run_end"}
    assert hooks - traced == {"load_model", "read_request"}
    capsys.readouterr()
    tasks = f"{HERE.parents[1] / 'tasks.py'}:TextsTask"
    assert main(["run", "--plugins", f"{tasks},{HERE}:Everywhere", "--explain"]) == 0
    said = {line.strip() for line in capsys.readouterr().out.splitlines()}
    for hook in hooks:
        assert any(line.startswith(f"{hook}: ") and "everywhere" in line for line in said), hook


def test_the_page_tells_which_processes_call_a_hook(
    together: Any, still: Path, tmp_path: Path
) -> None:
    tasks = f"{HERE.parents[1] / 'tasks.py'}:TextsTask"
    options = "epochs=1 batch_size=8 precision=fp32 device=cpu report=false advice=false"
    values = [f"run.model={still}", *(f"run.{one}" for one in options.split())]
    arguments = ["run", "--plugins", f"{tasks},{HERE}:Everywhere"]
    arguments += [part for one in values for part in ("-o", one)]
    together.run([*arguments, "--output", tmp_path / "run"])
    main, other = ({row[0] for row in held(tmp_path / "run", rank)} for rank in (0, 1))
    told = {
        hook for (hook, *_), processes in page().items() if processes.startswith("the main one")
    }
    assert other <= main
    assert main - other == told & main
    assert told <= main | {"read_request"}
