"""Whether an exported model answers as the trained one does: differences, decisions, scores, speed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ft import DataError, Metric, Result, Table, Trained, UserError, to_json
from ft_export.form.calls import Call, Calls, reshaped, whole_calls
from ft_export.form.graphs import answer

SHAPES = ((1, 1), (7, 3))
"""Sizes of batches that are tried beside 1 x the longest: (examples, positions)."""

ASKED = 512
"""Examples that speed is measured on at most."""

NEAR = 0.01
"""Share of the range of predicted numbers up to which two of them are the same decision."""

ROUNDS = 3
"""Times that each form answers them; the fastest counts, for other work can only slow it down."""


@dataclass(frozen=True)
class Difference:
    """How far outputs are apart.

    Attributes:
        largest: absolute difference of two numbers.
        share: the same, as a share of the largest output.
    """

    largest: float
    share: float


@dataclass
class Parity:
    """What was measured of an exported model beside the trained one.

    Attributes:
        shapes: differences of the outputs by the size of the batch, such as ``1 x 64``.
        outputs: the difference of the outputs over the calls that were kept of the evaluation; ``None`` where the run calls
            parts of its model.
        decisions: answers without their probabilities; words of tagged text, or else examples. A run that rounds to bf16
            is asked in float32.
        changed: those among them that are not the same.
        scores: the main metric and its interval (value, low, high), before and after.
        metric: its name.
        size: bytes of the model's files, before and after.
        speed: examples a second on this machine, before and after; ``None`` if not measured.
        in_float: layers that int8 would have hurt; ``None`` where nothing was quantised.
        metrics: all scores of the exported model.
        notes: what else is to be said.
    """

    shapes: dict[str, Difference]
    outputs: Difference | None
    decisions: int
    changed: int
    scores: tuple[Metric, Metric]
    metric: str
    size: tuple[int, int]
    speed: tuple[float, float] | None
    in_float: list[str] | None
    metrics: Mapping[str, Metric]
    notes: list[str] = field(default_factory=list)

    @property
    def equal(self) -> float:
        """The share of decisions that are the same."""
        return 1 - self.changed / max(1, self.decisions)

    def check(self, tolerance: float | None, decisions: float) -> None:
        """Refuse a model that does not answer alike.

        Args:
            tolerance: the largest difference of outputs, as a share of the largest output.
            decisions: the smallest share of equal decisions.

        Raises:
            UserError: it does not.
        """
        seen = [*self.shapes.values(), *([] if self.outputs is None else [self.outputs])]
        worst = max((one.share for one in seen), default=0.0)
        faults = []
        if tolerance is not None and not worst <= tolerance:
            faults.append(
                f"its outputs differ by {worst:.2g} of the largest output, and "
                f"--tolerance allows {tolerance:g}"
            )
        if not self.equal >= decisions:
            faults.append(
                f"{self.changed:,} of {self.decisions:,} decisions are not the same, and --decisions allows "
                f"{math.floor((1 - decisions) * self.decisions + 1e-9):,}, which are {1 - decisions:.2%}"
            )
        if faults:
            raise UserError(
                f"the exported model does not answer as the run does: {'; '.join(faults)}",
                hint=f"{'' if self.in_float is None else 'export without --int8, or '}say how much may change",
            )

    def to_json(self) -> dict[str, Any]:
        """What the record holds."""
        values = {key: value for key, value in vars(self).items() if key != "metrics"}
        plain: dict[str, Any] = json.loads(to_json(values))
        return {**plain, "scores": [one.to_json() for one in self.scores], "equal": self.equal}

    def table(self) -> Table:
        """What people read."""
        before, after = self.scores
        rows: list[tuple[Any, ...]] = [
            (f"outputs at {shape}, largest difference", "", f"{one.largest:.2g} ({one.share:.1g})")
            for shape, one in self.shapes.items()
        ]
        if self.outputs is not None:
            told = f"{self.outputs.largest:.2g} ({self.outputs.share:.1g})"
            rows.append(("outputs in the evaluation, largest difference", "", told))
        rows += [
            ("decisions changed", "", f"{self.changed:,} of {self.decisions:,}"),
            (self.metric, _score(before), _score(after)),
            ("megabytes", *(f"{one / 1e6:.1f}" for one in self.size)),
        ]
        if self.speed:
            rows.append(("examples a second here", *(f"{one:.0f}" for one in self.speed)))
        notes = list(self.notes)
        if self.in_float is not None:
            kept = ", ".join(self.in_float)
            notes.append(
                f"in float, because int8 would change too many decisions: {kept}"
                if kept
                else "all layers are in int8"
            )
        title = "Parity: the run, and what was exported of it"
        note = "in brackets: as a share of the largest output" + "".join(f"\n{n}" for n in notes)
        return Table(title, ("measured", "run", "exported"), tuple(rows), note)


def _score(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return f"{metric.value:.4f}"
    return f"{metric.value:.4f} [{metric.low:.4f}, {metric.high:.4f}]"


def compare_calls(model: nn.Module, exported: nn.Module, calls: Sequence[Call]) -> Difference:
    """The largest difference of what two models answer to the same calls.

    Raises:
        UserError: their outputs have other names or shapes, so that the graph is wrong.
    """
    largest, scale = 0.0, 0.0
    for call in calls:
        ours, theirs = answer(model, call), answer(exported, call)
        for name, value in ours.items():
            other: Tensor | None = theirs.get(name)
            if other is None or other.shape != value.shape:
                raise UserError(
                    f"the exported model gives the output '{name}' in the shape "
                    f"{None if other is None else tuple(other.shape)}, and not {tuple(value.shape)}"
                )
            if value.is_floating_point() and value.numel():
                gap = float((value - other).abs().max())
                largest = max(largest, gap if gap == gap else float("inf"))
                scale = max(scale, float(value.abs().max()))
            elif not bool((value == other).all()):
                largest = float("inf")
    return Difference(largest, largest / scale if scale else largest)


def compare_shapes(
    model: nn.Module, exported: nn.Module, calls: Calls, longest: int
) -> dict[str, Difference]:
    """The differences for batches of other sizes than any that the graph was made with.

    Args:
        model: the trained one.
        exported: the other.
        calls: whose inputs are repeated and cut to these sizes.
        longest: positions that the run takes at most.
    """
    found = {}
    for batch, length in (*SHAPES[:1], (1, longest), *SHAPES[1:]):
        made = [reshaped(kept, batch, length) for kept in calls.kinds.values()]
        if all(_answers(model, call) for call in made):
            found[f"{batch} x {length}"] = compare_calls(model, exported, made)
    return found


def _answers(model: nn.Module, call: Call) -> bool:
    """Whether a call made up by cutting another is one: an input may name places in a text, cut off now."""
    try:
        answer(model, call)
    except (IndexError, RuntimeError):
        return False
    return True


@contextmanager
def standing_in(model: nn.Module, exported: nn.Module) -> Iterator[None]:
    """Let another model answer in the place of a trained one that is in memory."""
    parts = {"": "", **whole_calls(model)}
    modules = {start: model.get_submodule(name) for name, start in parts.items()}
    for start, module in modules.items():
        module.forward = partial(_outputs, exported, start)
    try:
        yield
    finally:
        for module in modules.values():
            del module.forward


@contextmanager
def in_float32(model: nn.Module) -> Iterator[None]:
    """Let a model that is in memory compute in the precision of its weights, as an exported one does.

    So do the parts that a plugin, or the writing of a text, may call by themselves.
    """
    wholes = [model.get_submodule(name) for name in {"": "", **whole_calls(model)}]
    modules = {id(one): one for whole in wholes for one in (whole, *_parts(whole))}.values()
    for module in modules:
        module.forward = partial(_unrounded, module.forward)
    try:
        yield
    finally:
        for module in modules:
            del module.forward


def _parts(model: nn.Module) -> Iterator[nn.Module]:
    """The parts of a model that have parts: the encoder, or the encoder and the decoder in it."""
    for part in model.children():
        if any(part.children()):
            yield part
            if part is getattr(model, "base_model", None):
                yield from (one for one in part.children() if any(one.children()))


def _unrounded(forward: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        return forward(*given, **named)


def _outputs(exported: nn.Module, start: str, **inputs: Tensor) -> dict[str, Tensor]:
    """The outputs whose names begin in a certain way, without that."""
    found = exported.forward(**inputs).items()
    return {name.removeprefix(start): one for name, one in found if name.startswith(start)}


def decisions_of(items: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """What each answer decides: all of it but probabilities; each tag for itself where there are tags."""
    return [
        item["tags"] if isinstance(item.get("tags"), list) else [_decided(item)] for item in items
    ]


def _decided(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _decided(one) for key, one in value.items() if not isinstance(one, float)}
    if isinstance(value, list):
        return [_decided(one) for one in value if not isinstance(one, float)]
    return value


def count_changed(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> tuple[int, int]:
    """How many decisions there are, and how many of them are not the same.

    An answer that is a number is the same if it is no further away than a hundredth of the range of all of these.
    """
    numbers = [[_number(item) for item in items] for items in (before, after)]
    known = [[one for one in some if one is not None] for some in numbers]
    if before and len(known[0]) == len(known[1]) == len(before):
        far = NEAR * (max(known[0]) - min(known[0]))
        apart = (abs(x - y) for x, y in zip(*known, strict=True))
        return len(before), sum(not one <= far for one in apart)
    ours, theirs = decisions_of(before), decisions_of(after)
    pairs = list(zip(ours, theirs, strict=True))
    changed = sum(
        sum(x != y for x, y in zip(a, b, strict=True)) if len(a) == len(b) else len(a)
        for a, b in pairs
    )
    return sum(map(len, ours)), changed


def _number(item: Mapping[str, Any]) -> float | None:
    """What an answer says, where it is nothing but a number."""
    found = [value for value in item.values() if isinstance(value, float)]
    return found[0] if len(found) == len(item) == 1 else None


def predictions(run: Path, name: str) -> list[dict[str, Any]]:
    """The predictions that an evaluation wrote, or with ``.examples`` what they are of."""
    text = (run / "predictions" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def main_metric(result: Result, split: str) -> Metric:
    """The metric that the run is chosen by."""
    return result.metrics[split][str(result.main)]


def speeds(
    before: Trained, after: Trained, rows: Sequence[Mapping[str, Any]]
) -> tuple[float, float] | None:
    """Examples a second of two models in turn, from request to answer.

    Returns:
        ``None`` where the task does not take its own examples as requests.
    """
    asked = list(rows[:ASKED])
    best = [float("inf"), float("inf")]
    try:
        for _ in range(ROUNDS):
            for i, trained in enumerate((before, after)):
                started = time.perf_counter()
                trained.predict(asked)
                best[i] = min(best[i], time.perf_counter() - started)
    except DataError:
        return None
    return len(asked) / best[0], len(asked) / best[1]


def size_of(model: Path) -> int:
    """Bytes of the files of a model."""
    return sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
