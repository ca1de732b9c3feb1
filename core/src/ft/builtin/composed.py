"""The model of several tasks with one encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn


class Composed(nn.Module):
    """The models of several tasks with one encoder inside.

    Attributes:
        tasks: the models by the names of their tasks.
        config: of the encoder.
    """

    def __init__(self, models: Mapping[str, nn.Module], encoder: nn.Module) -> None:
        super().__init__()
        self.tasks = nn.ModuleDict(models)
        self.config = encoder.config
        self._encoder = [encoder]  # in a list, so that it is registered in the models alone

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """What the models of all tasks answer, ``NAME.OUTPUT`` each, with one pass of the encoder."""
        with self.one_pass():
            answers = {name: model(**inputs) for name, model in self.tasks.items()}
        return {
            f"{name}.{key}": one
            for name, own in answers.items()
            for key, one in own.items()
            if isinstance(one, Tensor)
        }

    @property
    def whole_calls(self) -> dict[str, str]:
        """The modules inside that may be called in the place of this one, the tasks' models, each with what
        the names of its outputs begin with among those of all.
        """
        return {f"tasks.{name}": f"{name}." for name in self.tasks}

    @property
    def base_model(self) -> nn.Module:
        """The encoder of all tasks."""
        return self._encoder[0]

    @contextmanager
    def one_pass(self) -> Iterator[None]:
        """Within it the encoder runs once for the same inputs: tasks that ask again get its answer."""
        encoder = self.base_model
        encoder.forward = remembered(encoder.forward)
        try:
            yield
        finally:
            del encoder.forward

    def get_input_embeddings(self) -> nn.Module:
        """Those of the encoder."""
        return cast(Any, self.base_model).get_input_embeddings()  # type: ignore[no-any-return]

    def save_pretrained(self, folder: Path) -> None:
        """Each task's whole model in a folder of its name, and the encoder beside them."""
        for name, model in self.tasks.items():
            cast(Any, model).save_pretrained(Path(folder) / name)
        cast(Any, self.base_model).save_pretrained(folder)


class OfTask(nn.Module):
    """The model of one task, where something else stands in for that of all, such as an exported model.

    Args:
        whole: answers as `Composed.forward` does.
        task: the name of the task.
    """

    def __init__(self, whole: Callable[..., Any], task: str) -> None:
        super().__init__()
        self._whole = [whole]  # in a list, so that it is no module inside
        self._start = f"{task}."
        self.eval()

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """What the task's model answers, by name."""
        found = self._whole[0](**inputs).items()
        start = self._start
        return {key.removeprefix(start): one for key, one in found if key.startswith(start)}


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is called once for the same arguments, and gives its answer again."""
    seen: list[tuple[Any, Any, Any]] = []

    def call(*given: Any, **named: Any) -> Any:
        for before, named_before, answer in seen:
            if _same(before, given) and _same(named_before, named):
                return answer
        answer = function(*given, **named)
        seen.append((given, named, answer))
        return answer

    return call


def _same(one: Any, other: Any) -> bool:
    """Whether two calls are given the same: the very tensors, or equal values."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return one is other
    return bool(one == other)
