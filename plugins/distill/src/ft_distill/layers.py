"""Hidden states and attention of student and teacher, layer by layer, taken where they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ft import ConfigError
from ft_distill.losses import attention_apart, states_apart
from ft_distill.student import layers_of

QUERIES = ("query", "q_lin", "q_proj", "q", "query_proj")
KEYS = ("key", "k_lin", "k_proj", "k", "key_proj")

Seen = dict[tuple[str, int], Tensor]


class Layers:
    """The layers of a student and of a teacher that are compared.

    Args:
        student: its model.
        teacher: its model.
        path: of the teacher, for messages.
        chosen: the teacher's layer for each of the student's, from 1; by default evenly taken.
        hidden: compare hidden states.
        attention: compare attention.
        where: the setting, for messages.

    Raises:
        ConfigError: the two have no such layers, or of another shape.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        path: str,
        chosen: Sequence[int] | None,
        *,
        hidden: bool,
        attention: bool,
        where: str,
    ) -> None:
        own, theirs = (list(layers_of(one, where)[2]) for one in (student, teacher))
        if chosen is None or max(chosen, default=0) > len(theirs):
            chosen = evenly(len(own), len(theirs))
        if len(own) > len(theirs):
            raise ConfigError(
                f"the student has {len(own)} layers, and its teacher {path} {len(theirs)}",
                where=where,
                hint="leave hidden and attention out, or take a smaller student",
            )
        pairs = (own, [theirs[k - 1] for k in chosen])
        self._student, self._teacher = (self._watched(one, hidden, attention) for one in pairs)
        configs = [getattr(one, "config", None) for one in (student, teacher)]
        sizes = [getattr(one, "hidden_size", None) for one in configs]
        if hidden and (sizes[0] is None or sizes[0] != sizes[1]):
            raise ConfigError(
                f"hidden states of the student have {sizes[0]} numbers, those of its teacher {path} "
                f"{sizes[1]}",
                where=where,
                hint="leave hidden out, or take a student of the teacher's width",
            )
        heads = [getattr(one, "num_attention_heads", None) for one in configs]
        if attention and (
            heads[0] is None
            or heads[0] != heads[1]
            or not all(
                ("key", k) in part
                for part in (self._student, self._teacher)
                for k in range(len(own))
            )
        ):
            raise ConfigError(
                f"attention cannot be compared with that of the teacher {path}: the student has "
                f"{heads[0]} heads and the teacher {heads[1]}, and both must have queries and keys apart",
                where=where,
                hint="leave attention out for this pair",
            )
        self._heads: int = heads[0] or 1
        self._count = len(own)
        self.hidden, self.attention = hidden, attention

    @staticmethod
    def _watched(
        layers: Sequence[nn.Module], hidden: bool, attention: bool
    ) -> dict[tuple[str, int], nn.Module]:
        """The modules whose outputs are taken."""
        found: dict[tuple[str, int], nn.Module] = {}
        for k, layer in enumerate(layers):
            if hidden:
                found["hidden", k] = layer
            for name, module in layer.named_modules() if attention else ():
                last = name.rpartition(".")[2]
                for what, names in (("query", QUERIES), ("key", KEYS)):
                    if last in names:
                        found.setdefault((what, k), module)
        return found

    @contextmanager
    def student(self) -> Iterator[Seen]:
        """Take what the student's layers give in the last pass within."""
        with _taken(self._student) as seen:
            yield seen

    @contextmanager
    def teacher(self) -> Iterator[Seen]:
        """Take what the teacher's layers give in the last pass within."""
        with _taken(self._teacher) as seen:
            yield seen

    def apart(self, what: str, student: Seen, teacher: Seen, mask: Tensor) -> Tensor:
        """How far the layers are apart, their mean for every token, (batch, tokens).

        Args:
            what: ``hidden`` or ``attention``.
            student: what its layers gave.
            teacher: what those of the teacher gave.
            mask: (batch, tokens), 1 where there is a token.
        """
        made: Callable[[int], Tensor]
        if what == "hidden":
            made = lambda k: states_apart(student["hidden", k], teacher["hidden", k])  # noqa: E731
        else:
            made = lambda k: attention_apart(  # noqa: E731
                (student["query", k], student["key", k]),
                (teacher["query", k], teacher["key", k]),
                mask,
                self._heads,
            )
        return torch.stack([made(k) for k in range(self._count)]).mean(0)


@contextmanager
def _taken(modules: dict[tuple[str, int], nn.Module]) -> Iterator[Seen]:
    seen: Seen = {}

    def taking(key: tuple[str, int]) -> Callable[..., None]:
        def take(module: nn.Module, inputs: Any, output: Any) -> None:
            seen[key] = output[0] if isinstance(output, tuple) else output

        return take

    handles = [module.register_forward_hook(taking(key)) for key, module in modules.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def evenly(count: int, of: int) -> tuple[int, ...]:
    """So many layers of so many, counted from 1, evenly taken up to the last."""
    return tuple(round((k + 1) * of / count) for k in range(count))
