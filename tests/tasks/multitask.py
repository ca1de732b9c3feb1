"""Several tasks on one encoder."""

from __future__ import annotations

from typing import Any

from pydantic import Field

import ft
from ft import hookimpl


class Multitask(ft.Plugin):
    """Trains the tasks that it is told together."""

    name = "multitask"
    own_items = True

    class Config(ft.Config):
        tasks: dict[str, str] = Field(description="the plugin of each task by the task's name")
        settings: dict[str, dict[str, Any]] = Field({}, description="of each task by its name")
        weights: dict[str, float] = Field({}, description="of each task's loss by its name")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.tasks = ft.compose(self.config.tasks, self.config.settings, self.config.weights)

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        return cls(config).tasks.run_defaults()

    @hookimpl
    def load_data(self, run: Any) -> Any:
        return self.tasks.load_data(run)

    @hookimpl
    def build_head(self, run: Any, data: Any) -> Any:
        return self.tasks.build_head(run, data)

    @hookimpl
    def encode(self, run: Any, examples: Any, training: bool) -> Any:
        return self.tasks.encode(run, examples, training)

    @hookimpl
    def compute_loss(self, run: Any, model: Any, batch: Any) -> Any:
        return self.tasks.compute_loss(run, model, batch)

    @hookimpl
    def loss_of(self, run: Any, outputs: Any, batch: Any) -> Any:
        # A task with few items counts as much as one with many.
        return run.join({self.tasks.name_of(batch): self.tasks.loss_of(run, outputs, batch)})

    @hookimpl
    def divergence(self, run: Any, outputs: Any, other: Any, batch: Any) -> Any:
        return self.tasks.divergence(run, outputs, other, batch)

    @hookimpl
    def infer(self, run: Any, model: Any, batch: Any) -> Any:
        return self.tasks.infer(run, model, batch)

    @hookimpl
    def decode(self, run: Any, outputs: Any, examples: Any) -> Any:
        return self.tasks.decode(run, outputs, examples)

    @hookimpl
    def evaluate(self, run: Any, predictions: Any) -> Any:
        return self.tasks.evaluate(run, predictions)

    @hookimpl
    def read_request(self, run: Any, request: Any) -> Any:
        return self.tasks.read_request(run, request)

    def request_schema(self, run: Any) -> Any:
        return self.tasks.request_schema(run)
