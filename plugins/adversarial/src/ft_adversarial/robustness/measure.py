"""How much of a metric is left under attack and under typing errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from ft import EXAMPLE_ID, Evaluation, Metric, Predictions, Schema, Table, derive_seed
from ft_adversarial.robustness.attack import attack
from ft_adversarial.robustness.settings import RobustnessConfig
from ft_adversarial.robustness.typing_errors import typos

if TYPE_CHECKING:
    from ft import Run

Columns = Mapping[str, list[Any]]

ATTACKED = "under_attack"
MISSPELT = "under_typos"


def measure(
    config: RobustnessConfig,
    inner: Callable[..., Evaluation],
    run: Run,
    predictions: Predictions,
    clean: Evaluation,
) -> Evaluation:
    """The clean evaluation with ``<main>_under_attack``, ``<main>_under_typos`` and a table.

    Args:
        config: radius and steps of the attack, rate of typing errors.
        inner: scores predictions.
        run: predicts the split again, each time under other conditions.
        predictions: the clean ones.
        clean: their evaluation.
    """
    split = predictions.split
    with run.aside():
        context = partial(_context, config, run)
        under = {ATTACKED: inner(run, run.predict(split, context=context))}
    if misspelling(predictions.schema):
        with run.aside():
            edit = partial(misspell, predictions.schema, split, config.typo_rate)
            under[MISSPELT] = inner(run, run.predict(split, edit=edit))
    else:
        run.note("robustness: this task has no text that may be edited, so no typing errors")
    metrics: dict[str, Metric] = dict(clean.metrics)
    for condition, evaluation in under.items():
        metrics[f"{clean.main}_{condition}"] = evaluation.metrics[clean.main]
    rows = tuple(
        (name, metric.value, *(one.metrics[name].value for one in under.values()))
        for name, metric in clean.metrics.items()
        if all(name in one.metrics for one in under.values())
    )
    table = Table(
        "Robustness",
        ("metric", "clean", *(condition.replace("_", " ") for condition in under)),
        rows,
        f"attack: PGD, {config.attack_steps} steps, l2 radius {config.attack_radius:g} on each "
        f"text's word embeddings; typing errors: {config.typo_rate:.1%} of letters",
    )
    return replace(clean, metrics=metrics, tables=[*clean.tables, table])


def misspelling(schema: Schema) -> bool:
    """Whether typing errors can be made at all."""
    return bool(schema.words or any(text.editable for text in schema.texts))


def misspell(schema: Schema, split: str, rate: float, examples: Columns) -> Columns:
    """Raw examples with typing errors in their words and editable texts; new columns.

    The errors depend on the split and the example's place in it alone, so every run is scored on
    the same misspelt texts.
    """
    new = dict(examples)
    rngs = [
        np.random.Generator(np.random.PCG64(derive_seed(0, "typos", split, example_id)))
        for example_id in examples[EXAMPLE_ID]
    ]
    if schema.words:
        column = schema.words.tokens
        new[column] = [
            typos(words, rng, rate) for words, rng in zip(examples[column], rngs, strict=True)
        ]
    for text in schema.texts:
        if text.editable:
            new[text.column] = [
                typos([value], rng, rate)[0] if isinstance(value, str) else value
                for value, rng in zip(examples[text.column], rngs, strict=True)
            ]
    return new


def _context(
    config: RobustnessConfig, run: Run, model: nn.Module, batch: Mapping[str, Tensor]
) -> AbstractContextManager[Any]:
    def loss(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        return run.loss(model, batch).total

    return attack(
        model,
        batch,
        loss,
        config.attack_radius,
        config.attack_steps,
        special_ids=run.tokenizer.all_special_ids,
    )
