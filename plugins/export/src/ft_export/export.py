"""From a finished run to one whose model is exported: made, measured, refused or kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

import ft
from ft import Trained, UserError
from ft_export.form.calibrate import observe
from ft_export.form.calls import Calls, recorded
from ft_export.form.graphs import Format, make_graphs, write_graphs
from ft_export.form.loaded import INDEX, ExportedModel, Graph
from ft_export.form.onnx_int8 import harm, layers_of, quantised, run
from ft_export.form.stacks import fewest
from ft_export.form.torch_int8 import Plan, check_machine, in_int8, write_plan
from ft_export.parity import (
    ASKED,
    Parity,
    compare_calls,
    compare_shapes,
    count_changed,
    in_float32,
    main_metric,
    predictions,
    size_of,
    speeds,
    standing_in,
)

if TYPE_CHECKING:
    from datasets import Dataset

FORMS = "exports"
"""The folder within a run's folder that its exported forms are in, unless another is named."""

CLOSE = 1e-3
"""The default tolerance of floats, as a share of the largest output."""

EQUAL, EQUAL_INT8 = 0.999, 0.99
"""The default shares of decisions that must be the same."""

UNMEASURED = "speed is not measured: the task's examples are no requests"

PLUGIN = "exported"
LEFT = (".safetensors", ".safetensors.index.json", "README.md")
"""Names, or their ends, of what is not copied from the run's model: weights, and its card."""
LEFT_OF_TORCH = ("README.md",)
"""The same where the weights are needed."""
TRIED_CALLS = 4
"""Calls that the harm of int8 to each layer is measured on."""

WATCHED = 8
"""Examples on which it is seen how layers of a torch model are called."""

CPU = torch.device("cpu")

Form = TypeVar("Form")


@dataclass
class Job:
    """What is exported, and how.

    Attributes:
        source: the run.
        to: the form.
        int8: whether weights are made integers of 8 bits.
        data: a file to evaluate on in place of the run's split.
        split: the split to evaluate on.
        tolerance: see `Parity.check`; ``None``: no bound.
        decisions: see `Parity.check`.
        say: is told what happens.
    """

    source: Path
    to: Format
    int8: bool
    data: Path | None
    split: str
    tolerance: float | None
    decisions: float
    say: Callable[[str], None]


def export(
    run_folder: str | Path,
    to: Format = "onnx",
    *,
    int8: bool = False,
    output: str | Path | None = None,
    data: str | Path | None = None,
    split: str = "test",
    tolerance: float | None = None,
    decisions: float | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Path, Parity]:
    """Export the model of a run; the new folder is a run like any other.

    Args:
        run_folder: the folder of a finished run.
        to: ``onnx`` or ``openvino``; ``torch``, which is there in int8 alone and for processors.
        int8: make the weights integers of 8 bits, where that does not change too many decisions.
        output: the new folder; by default ``exports/<form>`` in the run's own.
        data: a file to compare the two on in place of the run's split.
        split: the split to compare them on.
        tolerance: the largest difference of outputs that is allowed, as a share of the largest
            output; default: 0.001, and none for int8.
        decisions: the smallest share of decisions that must be the same; default: 0.999, for int8 0.99.
        say: is told what happens.

    Returns:
        The new folder, and what was measured.

    Raises:
        ft.UserError: the run cannot be exported, or the exported model does not answer alike.
    """
    source = Path(run_folder)
    if int8 and to == "openvino":
        raise UserError("--int8 is there for --to onnx and --to torch", hint="leave it out")
    if to == "torch" and not int8:
        raise UserError("the run's model is in the form of torch already", hint="give --int8")
    target = Path(output) if output else source / FORMS / f"{to}{'-int8' if int8 else ''}"
    job = Job(
        source,
        to,
        int8,
        None if data is None else Path(data),
        split,
        CLOSE if tolerance is None and not int8 else tolerance,
        decisions if decisions is not None else EQUAL_INT8 if int8 else EQUAL,
        say,
    )
    if not (source / "record.json").is_file():
        raise UserError(
            "there is no finished run here",
            where=str(source),
            hint="give the folder that `ft run` printed at its end",
        )
    if target.exists():
        raise UserError("this is there already", where=str(target), hint="name another --output")
    say("load the run and evaluate it")
    if (source / "model" / INDEX).exists():
        raise UserError(
            "this run is exported itself", where=str(source), hint="name the trained run"
        )
    trained = ft.load(source)
    if to == "torch":
        check_machine(next((one.device for one in trained.model.parameters()), CPU))
    with recorded(trained.model) as calls:
        before = trained.evaluate(job.data, split=split)
    if to != "torch":
        calls.check()
    elif tolerance is not None and not calls.whole:
        raise UserError(
            "outputs are not compared here: a plugin of this run calls parts of the model by themselves",
            where="--tolerance",
            hint="leave it out: decisions and scores are compared",
        )
    made: dict[str, Any] = {}

    def write(folder: Path) -> None:
        made["in_float"] = _write(job, trained, calls, folder)

    def measure(folder: Path) -> dict[str, Any]:
        made["parity"] = parity = _measure(job, trained, calls, before, folder, made["in_float"])
        parity.check(job.tolerance, job.decisions)
        (folder / "parity.txt").write_text(ft.table_text(parity.table()) + "\n", encoding="utf-8")
        told = {"to": to, "int8": int8, **parity.to_json()}
        gain = parity.speed and parity.speed[1] / parity.speed[0]
        scores = {key: one.to_json() for key, one in parity.metrics.items()}
        return {"export": told, "speedup": gain, "metrics": {split: scores}}

    try:
        ft.derive(source, target, [PLUGIN], write, measure)
    except UserError:
        if "parity" in made:
            say(ft.table_text(made["parity"].table()))
        raise
    return target, made["parity"]


def _write(job: Job, trained: Trained, calls: Calls, folder: Path) -> list[str] | None:
    """Fill the folder of the exported model.

    Returns:
        The layers that int8 leaves in float; ``None`` without int8.
    """
    left_out: list[str] | None = None
    if job.to == "torch":
        plan, left_out = _planned(job, trained)
    else:
        job.say(f"translate the model to {job.to}")
        graphs = make_graphs(trained.model, calls, job.to)
        if job.int8:
            job.say("quantise it")
            graphs, left_out = _quantise(job, trained, calls, graphs)
    model = job.source / "model"
    for path in sorted(model.rglob("*")):
        # Configuration, tokenizer, and what the run's plugins keep there.
        if path.is_file() and not path.name.endswith(LEFT_OF_TORCH if job.to == "torch" else LEFT):
            copy = folder / path.relative_to(model)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    if job.to == "torch":
        write_plan(plan, folder)
    else:
        write_graphs(graphs, job.to, folder)
    return left_out


def _planned(job: Job, trained: Trained) -> tuple[Plan, list[str]]:
    """Which layers of a torch model are computed in 8 bits, and those that stay in float.

    Raises:
        UserError: there are no examples to see the ranges of inputs on.
    """
    model = trained.model
    rows = _other_rows(job, trained)
    if rows is None:
        raise UserError(
            "--to torch --int8 is calibrated on examples of the run's data, of another split than the one that is "
            "compared, and none can be read",
            where=str(job.source),
            hint="put the data back where it was, or export --to onnx --int8",
        )
    job.say(f"calibrate on {len(rows)} examples")
    with in_float32(model):
        found = observe(
            model,
            lambda: trained.predictions(rows.select(range(min(WATCHED, len(rows))))),
            lambda: trained.predictions(rows),
        )
    return _chosen(
        job,
        trained,
        rows,
        found.plan,
        lambda plan: in_int8(model, plan),
        lambda: list(found.harm()),
    )


def _quantise(
    job: Job, trained: Trained, calls: Calls, graphs: list[tuple[list[str], Any, Any]]
) -> tuple[list[tuple[list[str], Any, Any]], list[str]]:
    """Graphs in int8, and the layers that stay in float because int8 would change too much."""
    layers = [layers_of(program) for _, program, _ in graphs]

    def made(left_out: Sequence[str] = ()) -> list[tuple[list[str], Any, Any]]:
        return [
            (
                names,
                quantised(program, call, [n for one in left_out for n in found.get(one, ())]),
                call,
            )
            for (names, program, call), found in zip(graphs, layers, strict=True)
        ]

    def using(candidate: list[tuple[list[str], Any, Any]]) -> AbstractContextManager[None]:
        model = ExportedModel([Graph(names, run(program)) for names, program, _ in candidate])
        return standing_in(trained.model, model)

    def worst() -> list[str]:
        hurt: dict[str, float] = {}
        for (_, program, _), found, kept in zip(graphs, layers, calls.kinds.values(), strict=True):
            hurt |= harm(program, found, kept[:TRIED_CALLS])
        return sorted(hurt, key=lambda layer: -hurt[layer])

    rows = _other_rows(job, trained)
    if rows is None:
        return made(), []
    return _chosen(job, trained, rows, made, using, worst)


def _chosen(
    job: Job,
    trained: Trained,
    rows: Dataset,
    made: Callable[[Sequence[str]], Form],
    using: Callable[[Form], AbstractContextManager[None]],
    worst: Callable[[], list[str]],
) -> tuple[Form, list[str]]:
    """A form in int8 that keeps the decisions, and the layers that stay in float for that.

    What is left in float is chosen on the validation split, or else on examples of training: the
    split that the result is measured on has no part in it.

    Args:
        job: what is exported.
        trained: the run.
        rows: examples.
        made: the form, but for some layers.
        using: lets the run predict with a form.
        worst: all layers, those first that int8 hurts most.

    Raises:
        UserError: no such form keeps them.
    """
    with in_float32(trained.model):
        answers = trained.predictions(rows).items

    def enough(candidate: Form) -> bool:
        with using(candidate):
            count, changed = count_changed(answers, trained.predictions(rows).items)
        return 1 - changed / max(1, count) >= job.decisions

    whole = made(())
    if enough(whole):
        return whole, []
    job.say("int8 changes too many decisions: look for the layers that it hurts")
    layers = worst()
    left_out = fewest(layers[:-1], lambda some: enough(made(some)))
    if left_out is None:
        raise UserError(
            "int8 changes too many decisions of this model, even if all layers but the least sensitive one stay in "
            "float",
            hint="export without --int8, or say with --decisions how much may change",
        )
    return made(left_out), left_out


def _other_rows(job: Job, trained: Trained) -> Dataset | None:
    """Examples that are not those of the parity table, drawn at random; ``None`` where the run's data is gone."""
    for name in ("validation", "train"):
        if name == job.split:
            continue
        try:
            rows = trained.data(split=name).splits.get(name)
        except UserError:
            continue
        if rows is not None and len(rows):
            drawn = np.random.default_rng(0).permutation(len(rows))[:ASKED]
            return rows.select(np.sort(drawn))
    return None


def _measure(
    job: Job,
    trained: Trained,
    calls: Calls,
    before: Any,
    folder: Path,
    in_float: list[str] | None,
) -> Parity:
    """Compare the run with what was made of it."""
    job.say("compare it with the run")
    after = ft.load(folder)
    result = after.evaluate(job.data, split=job.split)
    name = job.split if job.data is None else f"{job.split}-{job.data.stem}"
    ours, theirs = predictions(job.source, name), predictions(folder, name)
    count, changed = count_changed(ours, theirs)
    notes = []
    if calls.rounded:  # the rounding is the run's, which the exported model is not to be blamed for
        notes.append(f"beside the run as it computes, in bf16, {changed:,} decisions change")
        rows = trained.data(job.data, split=job.split).splits[job.split]
        with in_float32(trained.model):
            ours = trained.predictions(rows, job.split).items
        count, changed = count_changed(ours, after.predictions(rows, job.split).items)
    longest = json.loads((job.source / "task.json").read_text(encoding="utf-8"))["max_length"]
    kept = [call for kind in calls.kinds.values() for call in kind]
    speed = speeds(trained, after, predictions(job.source, f"{name}.examples"))
    return Parity(
        shapes=compare_shapes(trained.model, after.model, calls, longest) if calls.whole else {},
        outputs=compare_calls(trained.model, after.model, kept) if calls.whole else None,
        decisions=count,
        changed=changed,
        scores=(main_metric(before, job.split), main_metric(result, job.split)),
        metric=f"{before.main} ({name})",
        size=(size_of(job.source / "model"), size_of(folder / "model")),
        speed=speed,
        in_float=in_float,
        metrics=result.metrics[job.split],
        notes=notes + ([] if speed else [UNMEASURED]),
    )
