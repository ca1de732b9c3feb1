"""A task whose data has the very roles that a technique needs, where no other task has them all."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ft.contract.plugin import Config, hookimpl
from ft.contract.results import Evaluation, Metric, Predictions
from ft.contract.schema import LABELS, Label, Schema, Target, Text, Words
from ft_kit.tasks import PLACES, InMemory, Row, SizeConfig, WordsTask, sentence

NAMES = ("no", "maybe", "yes")


class RolesConfig(SizeConfig):
    """Which roles."""

    roles: tuple[str, ...] = Field((), description="roles as in needs_schema, one of each entry")


class RolesTask(InMemory):
    """Texts, and words or a label to be learnt, with any other roles beside them."""

    name = "kit-roles"
    Config: ClassVar[type[Config]] = RolesConfig
    config: RolesConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        vars(self)["schema"] = schema_of(self.config.roles)

    def row(self, rng: random.Random) -> Row:
        """An example with every column of the schema."""
        words = sentence(rng, self.config.longest)
        tags = ["B-LOC" if word in PLACES else "O" for word in words]
        place = bool(set(words) & set(PLACES))
        made = {
            **{text.column: " ".join(words) for text in self.schema.texts},
            **{target.column: _answer(target, words, rng) for target in self.schema.targets},
            **{name: [[0.5]] for name in self.schema.images},
            **{name: rng.random() for name in self.schema.numbers},
            **{name: rng.choice(NAMES) for name in self.schema.categories},
        }
        if self.schema.group:
            made[self.schema.group] = rng.choice(NAMES)
        if self.schema.words:
            made |= {"tokens": words, "tags": tags}
        label = self.schema.label
        if label is not None and label.kind in ("single", "ordinal"):
            made[label.column] = "yes" if place else "no"
        return made

    @hookimpl
    def evaluate(self, run: Any, predictions: Predictions) -> Evaluation:
        """How many there are: what is predicted depends on the roles."""
        return Evaluation({"examples": Metric(float(len(predictions.items)))}, "examples")


def schema_of(needs: tuple[str, ...]) -> Schema:
    """A schema that has every role, of an entry such as ``words|texts`` the first."""
    roles = {need.split("|")[0] for need in needs}
    kinds: Mapping[str, Any] = {
        role: role.partition(":")[2] for role in sorted(roles) if ":" in role
    }
    labels = [kind for role, kind in kinds.items() if kind in LABELS]
    words = "words" in roles or "tags" in roles or "target:tags" in roles
    if "label" in roles or not words:
        labels = labels or ["single"]
    targets: list[Target] = [
        Label(f"label_{kind}" if i else "label", () if kind == "number" else NAMES, kind)
        for i, kind in enumerate(labels)
    ]
    targets += [
        Target(f"gold_{kind}", NAMES if kind == "relations" else (), kind)
        for kind in kinds.values()
        if kind not in (*LABELS, "tags")
    ]
    texts = ("text", "other")[: 2 if "pair" in roles else 1]
    return Schema(
        words=Words(labels=WordsTask.schema.words.labels) if words else None,  # type: ignore[union-attr]
        texts=[Text(column) for column in texts],
        targets=targets,
        images=("image",) if "images" in roles else (),
        group="group" if "group" in roles else None,
        numbers=("number",) if "numbers" in roles else (),
        categories=("category",) if "categories" in roles else (),
    )


def _answer(target: Target, words: list[str], rng: random.Random) -> Any:
    answers: Mapping[str, Any] = {
        "multi": rng.sample(NAMES, 2),
        "number": rng.random(),
        "text": words[0],
        "spans": [{"start": 0, "end": len(words[0])}],
        "relations": [{"head": 0, "tail": 0, "label": NAMES[0]}],
        "order": words,
    }
    return answers.get(target.kind, rng.choice(NAMES))
