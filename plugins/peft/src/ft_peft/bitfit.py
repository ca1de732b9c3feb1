"""BitFit: the biases of the encoder learn."""

from __future__ import annotations

from pathlib import Path

from torch import nn
from typing_extensions import override

from ft import ConfigError
from ft_peft.methods import Change, Method
from ft_peft.parts import encoder_of


class BitFit(Method):
    """Biases alone (Ben Zaken et al. 2022, arXiv 2106.10199): weights of the encoder itself, no adapter."""

    @override
    def attach(self, model: nn.Module) -> None:
        encoder = encoder_of(model)
        biases = [p for name, p in encoder.named_parameters() if name.split(".")[-1] == "bias"]
        if not biases:
            raise ConfigError(
                f"the encoder, a {type(encoder).__name__}, has no biases, and the method bitfit "
                "trains nothing else of it",
                where="peft.method",
                hint="take lora",
            )
        for parameter in biases:
            parameter.requires_grad_(True)

    @override
    def plain(self, model: nn.Module, *, merge: bool) -> list[tuple[nn.Module, Change]]:
        return []

    @override
    def write(self, model: nn.Module, base: str | None, folder: Path) -> None:
        """Nothing: peft has no file for it, and the model is a plain one."""

    @override
    def read(self, model: nn.Module, folder: Path) -> None:
        """Nothing: the model is a plain one."""
