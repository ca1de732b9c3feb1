"""How the layers of a model are called: which get the same values, and who else uses what a layer gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary


class Watch(TorchFunctionMode, ABC):
    """Sees every function that gets tensors."""

    @abstractmethod
    def see(self, given: Sequence[Tensor], call: Callable[[], Any]) -> Any:
        """Call the function and give back its result.

        Args:
            given: the tensors that it gets.
            call: calls it.
        """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        return self.see(list(tensors_in([args, named])), lambda: func(*args, **named))


class Uses(Watch):
    """Counts how often each tensor is used by a function, or given back by the model.

    Attributes:
        of: uses by the number of the tensor (see `number`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.of: Counter[int] = Counter()
        self._numbers = WeakTensorKeyDictionary()
        self._next = count(1)

    def number(self, value: Tensor) -> int:
        """A number that no other tensor has or had."""
        if value not in self._numbers:
            self._numbers[value] = next(self._next)
        found: int = self._numbers[value]
        return found

    def see(self, given: Sequence[Tensor], call: Callable[[], Any]) -> Any:
        """Count a use, unless the function gives back the tensor as it was, as dropout does in evaluation."""
        versions = list(map(_version, given))
        made = call()
        results = list(tensors_in(made))
        for value, version in zip(given, versions, strict=True) if results else ():
            same = any(one is value for one in results) and _version(value) == version
            self.of[self.number(value)] += not same
        return made


class Strays(Watch):
    """Sees which tensors of certain layers are used by anything but other certain layers.

    Attributes:
        owned: the tensors, each with a key.
        inside: how many of the layers that may use them are under way.
        found: keys of tensors that others use.
    """

    def __init__(self) -> None:
        super().__init__()
        self.owned = WeakTensorKeyDictionary()
        self.inside = 0
        self.found: set[str] = set()

    def see(self, given: Sequence[Tensor], call: Callable[[], Any]) -> Any:
        """Note a use that gives other tensors, or fails: whoever asks for the size or type alone gets none."""
        own = [one for one in given if one in self.owned]
        wrong = set() if self.inside else {self.owned[one] for one in own}
        try:
            made = call()
        except Exception:
            self.found |= wrong
            raise
        results = list(tensors_in(made))
        if results and not all(any(one is other for other in results) for one in own):
            self.found |= wrong
        return made


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in lists, tuples and mappings within each other."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from tensors_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors_in(one)


def _version(value: Tensor) -> int:
    return -1 if value.is_inference() else value._version


@contextmanager
def outermost(model: nn.Module, see: Callable[[Tensor], None]) -> Iterator[None]:
    """Show the tensors that a model, or a part of it that is called by itself, gives to its caller."""
    depth = 0

    def enter(*_: Any) -> None:
        nonlocal depth
        depth += 1

    def leave(module: nn.Module, given: Any, output: Any) -> None:
        nonlocal depth
        depth -= 1
        if not depth:
            for one in tensors_in(output):
                see(one)

    hooks = []
    for module in model.modules():
        hooks.append(module.register_forward_pre_hook(enter))
        hooks.append(module.register_forward_hook(leave, always_call=True))
    with removed(hooks):
        yield


@contextmanager
def removed(hooks: Sequence[Any]) -> Iterator[None]:
    """Remove hooks of modules at the end."""
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
