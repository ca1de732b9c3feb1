"""What every method does: put itself into an encoder, save itself, and stand aside for a plain model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ft_peft.settings import PeftSettings

Change = Callable[[dict[str, Any], str], None]
"""Makes the entries of a module in a state dict, whose names begin with a text, those of a plain model."""


class Method(ABC):
    """A way to train little of an encoder.

    Args:
        settings: those of the plugin.
    """

    def __init__(self, settings: PeftSettings) -> None:
        self.settings = settings

    @abstractmethod
    def attach(self, model: nn.Module) -> None:
        """Put what learns into the encoder of a model, which stands still.

        Raises:
            ConfigError: the encoder has no place for it.
        """

    @abstractmethod
    def plain(self, model: nn.Module, *, merge: bool) -> list[tuple[nn.Module, Change]]:
        """The modules of a model whose entries in a state dict are not those of a plain one.

        Args:
            model: with what was attached.
            merge: let the plain weights hold what was learnt.
        """

    @abstractmethod
    def write(self, model: nn.Module, base: str | None, folder: Path) -> None:
        """Write what was attached, and the head, into a folder that is there.

        Args:
            model: it.
            base: the name of the pre-trained model, if it has one that others know.
            folder: where.
        """

    @abstractmethod
    def read(self, model: nn.Module, folder: Path) -> None:
        """Put what `write` wrote into a plain model, for prediction."""


@contextmanager
def saved_as_plain(changes: list[tuple[nn.Module, Change]]) -> Iterator[None]:
    """Within it, modules give a state dict with the names and weights of a plain model.

    The model itself goes on as it is, so that a task that computes with it while it is saved, such as
    the vectors of its answers, has what was learnt.
    """
    handles = [
        module.register_state_dict_post_hook(
            lambda _, state, prefix, __, change=change: change(state, prefix)
        )
        for module, change in changes
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def base_entries(state: dict[str, Any], prefix: str) -> None:
    """Leave of a wrapped layer's entries those of the layer itself, under the names that it had."""
    base = f"{prefix}base_layer."
    for key in [one for one in state if one.startswith(prefix)]:
        value = state.pop(key)
        if key.startswith(base):
            state[prefix + key.removeprefix(base)] = value


def place_of(model: nn.Module, encoder: nn.Module) -> str:
    """The encoder's name in its model, with a dot behind it; nothing where it is the whole."""
    name = next(name for name, module in model.named_modules() if module is encoder)
    return f"{name}." if name else ""


def heads_of(model: nn.Module, own: type[nn.Module]) -> dict[str, nn.Module]:
    """The outermost modules that learn and are of no method, by their names in the model.

    Args:
        model: with what a method has put into its encoder.
        own: the kind of module that the method put there.
    """
    found: dict[str, nn.Module] = {}

    def look(module: nn.Module, place: str) -> None:
        for name, child in module.named_children():
            if isinstance(child, own):
                continue
            if any(isinstance(one, own) for one in child.modules()):
                look(child, f"{place}{name}.")
            elif any(parameter.requires_grad for parameter in child.parameters()):
                found[f"{place}{name}"] = child

    look(model, "")
    return found


def entries(module: nn.Module, place: str) -> Mapping[str, Tensor]:
    """The entries of a module's state dict under longer names, on the processor."""
    return {
        f"{place}{key}": value.detach().cpu().contiguous().clone()
        for key, value in module.state_dict().items()
    }
