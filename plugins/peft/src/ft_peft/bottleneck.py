"""Bottleneck adapters: a small network behind the feed-forward network of each layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from typing_extensions import override

from ft_peft.methods import Change, Method, base_entries
from ft_peft.parts import encoder_of
from ft_peft.targets import last_linear

WEIGHTS = "bottlenecks.safetensors"

WIDTH = 32

SMALL = 0.02
"""Standard deviation of the weights that lead into a bottleneck; those that lead out begin at 0."""


class Bottleneck(nn.Module):
    """A linear layer, and what a narrow layer adds to its output.

    Args:
        base_layer: gives (..., size).
        size: of its output.
        width: of the narrow layer.
    """

    def __init__(self, base_layer: nn.Module, size: int, width: int) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.down = nn.Linear(size, width)
        self.up = nn.Linear(width, size)
        nn.init.normal_(self.down.weight, std=SMALL)
        for parameter in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(parameter)

    @property
    def weight(self) -> Tensor:
        """That of the linear layer: models look at its type."""
        return self.base_layer.weight  # type: ignore[return-value]

    def forward(self, inputs: Tensor) -> Tensor:
        """The output of the layer with what the bottleneck adds to it."""
        found: Tensor = self.base_layer(inputs)
        added: Tensor = self.up(nn.functional.gelu(self.down(found)))
        return found + added


class Bottlenecks(Method):
    """Adapters where Pfeiffer et al. 2021 (arXiv 2005.00247) found them best: one a layer (Houlsby et al.
    2019, arXiv 1902.00751, put a second one behind attention).
    """

    @override
    def attach(self, model: nn.Module) -> None:
        encoder = encoder_of(model)
        for name in last_linear(encoder, self.settings.layers):
            layer: Any = encoder.get_submodule(name)
            size = layer.out_features if isinstance(layer, nn.Linear) else layer.nf
            made = Bottleneck(layer, size, self.settings.width or WIDTH)
            encoder.set_submodule(name, made.to(layer.weight.device))

    @override
    def plain(self, model: nn.Module, *, merge: bool) -> list[tuple[nn.Module, Change]]:
        return [(one, base_entries) for one in model.modules() if isinstance(one, Bottleneck)]

    @override
    def write(self, model: nn.Module, base: str | None, folder: Path) -> None:
        save_file(
            {
                f"{place}.{name}": value.detach().cpu().contiguous()
                for place, one in encoder_of(model).named_modules()
                if isinstance(one, Bottleneck)
                for name, value in one.state_dict().items()
                if not name.startswith("base_layer.")
            },
            folder / WEIGHTS,
        )

    @override
    def read(self, model: nn.Module, folder: Path) -> None:
        self.attach(model)
        encoder = encoder_of(model)
        odd = encoder.load_state_dict(load_file(folder / WEIGHTS), strict=False).unexpected_keys
        if odd:
            raise ValueError(f"{folder / WEIGHTS} does not fit the model: {odd[0]}")
        encoder.requires_grad_(False)
