"""Techniques of the kit that make a run hard: examples at the edge, and a stop in mid-run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ft.contract.plugin import Config, Plugin, hookimpl
from ft.contract.results import Loss
from ft.contract.schema import EXAMPLE_ID, Schema

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ft.contract.run import Run

Columns = Mapping[str, list[Any]]
Kind = Literal["empty", "long"]

LONG = 300
"""Words of a long example at least: more than the tiny model takes at once."""


class Stopped(RuntimeError):
    """What `Stop` raises."""


class StopConfig(Config):
    """When to stop."""

    armed: str = Field(description="stop only while this file is there, and remove it")
    step: int = Field(gt=0, description="the optimizer step to fail in, counted from 1")


class Stop(Plugin):
    """Fails once in a step, as a machine that goes down."""

    name = "kit-stop"
    Config = StopConfig
    config: StopConfig

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """The loss as it is, until it is time.

        Raises:
            Stopped: now.
        """
        loss = inner(run, model, batch)
        armed = Path(self.config.armed)
        if run.step + 1 == self.config.step and armed.exists():
            armed.unlink()
            raise Stopped("stopped by the kit")
        return loss


class EdgesConfig(Config):
    """Which edge."""

    kind: Kind = Field("empty", description="texts without a word, or far too long ones")
    report: str = Field(description="file that gets requests for prediction, as JSON")


class Edges(Plugin):
    """Makes every second training example empty, or longer than the model takes."""

    name = "kit-edges"
    Config = EdgesConfig
    config: EdgesConfig

    @hookimpl
    def encode(
        self, inner: Callable[..., Columns], run: Run, examples: Columns, training: bool
    ) -> Columns:
        """Alter the examples of training; those of evaluation stay with their predictions."""
        assert run.data is not None
        if training:
            ids = examples[EXAMPLE_ID]
            chosen = [i for i, example_id in enumerate(ids) if example_id % 2]
            examples = altered(examples, chosen, run.data.schema, self.config.kind)
        return inner(run, examples, training)

    @hookimpl
    def on_run_end(self, run: Run) -> None:
        """Write requests: the first validation examples, altered, as a user would ask."""
        assert run.data is not None
        schema = run.data.schema
        split = run.data.splits.get("validation") or run.data.splits["train"]
        rows = [split[i] for i in range(min(2, len(split)))]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        new = altered(columns, range(len(rows)), schema, self.config.kind)
        hidden = schema.gold
        asked = [
            {name: column[i] for name, column in new.items() if name not in hidden}
            for i in range(len(rows))
        ]
        facts = {"kinds": alterable(schema, self.config.kind), "requests": asked}
        if schema.group is not None:
            # The requests of a ranking task have a form of their own.
            facts["requests"] = []
        Path(self.config.report).write_text(json.dumps(facts, default=str), encoding="utf-8")


def alterable(schema: Schema, kind: Kind) -> list[str]:
    """The columns of words and texts that can be emptied or lengthened."""
    words = [schema.words.tokens] if schema.words else []
    # Behind the end of a text that offsets point into there is room; in it there is not.
    texts = [text.column for text in schema.texts if text.editable or kind == "long"]
    return words + texts


def altered(examples: Columns, chosen: Any, schema: Schema, kind: Kind) -> dict[str, list[Any]]:
    """New columns in which the chosen examples are empty, or long."""
    new = {name: list(column) for name, column in examples.items()}
    along = [schema.words.tokens, schema.words.tags] if schema.words else []
    for i in chosen:
        for column in along:
            if column is not None and new.get(column) and new[column][i] is not None:
                new[column][i] = [] if kind == "empty" else _repeat(new[column][i])
        for name in alterable(schema, kind):
            if isinstance(new[name][i], str):
                new[name][i] = "" if kind == "empty" else _long_text(new[name][i])
    return new


def _repeat(words: list[Any]) -> list[Any]:
    return list(words) * (LONG // max(1, len(words)) + 1)


def _long_text(text: str) -> str:
    return " ".join([text, *(["house"] * LONG)])
