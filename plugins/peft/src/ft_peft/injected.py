"""LoRA, AdaLoRA and IA3: the layers that peft puts in the place of linear ones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from peft import (
    AdaLoraConfig,
    IA3Config,
    LoraConfig,
    PeftConfig,
    get_peft_model_state_dict,
    inject_adapter_in_model,
    set_peft_model_state_dict,
)
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D
from typing_extensions import override

from ft_peft.methods import Change, Method, base_entries, entries, heads_of, place_of
from ft_peft.parts import encoder_of
from ft_peft.targets import last_linear, targets_of

WEIGHTS = "adapter_model.safetensors"
"""What peft calls an adapter's weights."""

ROOT = "base_model.model."
"""What peft puts before every name."""

RANK = 8

FACTOR = 2.0
"""What a change counts where no alpha is given."""

GROWN = 1.5
"""AdaLoRA begins with so many times the rank that is left at its end."""


class Injected(Method):
    """LoRA (Hu et al. 2022, arXiv 2106.09685), with rsLoRA (Kalajdzievski 2023, arXiv 2312.03732) and DoRA
    (Liu et al. 2024, arXiv 2402.09353); AdaLoRA (Zhang et al. 2023, arXiv 2303.10512); IA3 (Liu et al.
    2022, arXiv 2205.05638).
    """

    @override
    def attach(self, model: nn.Module) -> None:
        encoder = encoder_of(model)
        self._targets = targets_of(encoder, self.settings)
        self._ends = last_linear(encoder, self.settings.layers)
        kinds = {type(encoder.get_submodule(name)) for name in self._targets}
        self._turned = Conv1D in kinds  # GPT-2 keeps its matrices transposed
        with warnings.catch_warnings():  # of an adapter that was there before, which there is not
            warnings.simplefilter("ignore")
            inject_adapter_in_model(self._config(""), encoder)

    def _config(self, place: str, heads: list[str] | None = None) -> PeftConfig:
        """Peft's own settings, for layers whose names begin with a text."""
        own = self.settings
        named: dict[str, Any] = {
            "target_modules": [place + name for name in self._targets],
            "fan_in_fan_out": self._turned,
            "modules_to_save": heads,
        }
        if own.method == "ia3":
            ends = [place + name for name in self._ends if name in self._targets]
            return IA3Config(feedforward_modules=ends, **named)
        rank = own.rank or RANK
        named["lora_dropout"] = own.dropout or 0.0
        if own.method == "adalora":
            # The plugin gives the budget out itself: here it matters only that there are some steps.
            first = max(rank + 1, round(GROWN * rank))
            alpha = own.alpha or FACTOR * first
            return AdaLoraConfig(
                target_r=rank, init_r=first, lora_alpha=alpha, total_step=1, **named
            )
        alpha = own.alpha or FACTOR * (rank**0.5 if own.rslora else rank)
        return LoraConfig(
            r=rank, lora_alpha=alpha, use_rslora=own.rslora, use_dora=own.dora, **named
        )

    @override
    def plain(self, model: nn.Module, *, merge: bool) -> list[tuple[nn.Module, Change]]:
        layers = [one for one in model.modules() if isinstance(one, BaseTunerLayer)]
        return [(one, _merged(one) if merge else base_entries) for one in layers]

    @override
    def write(self, model: nn.Module, base: str | None, folder: Path) -> None:
        encoder = encoder_of(model)
        found = get_peft_model_state_dict(encoder, save_embedding_layers=False)
        # Of a model that is no model of transformers, peft alone loads the encoder.
        whole = isinstance(model, PreTrainedModel)
        place = place_of(model, encoder) if whole else ""
        heads = heads_of(model, BaseTunerLayer) if whole else {}
        state: dict[str, Tensor] = {
            f"{ROOT}{place}{name}": value.detach().cpu().contiguous().clone()
            for name, value in found.items()
        }
        for name, head in heads.items():
            state |= entries(head, f"{ROOT}{name}.")
        save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
        config = self._config(place, list(heads) or None)
        config.inference_mode, config.base_model_name_or_path = True, base
        config.save_pretrained(str(folder))

    @override
    def read(self, model: nn.Module, folder: Path) -> None:
        self.attach(model)
        encoder = encoder_of(model)
        expected = get_peft_model_state_dict(encoder, save_embedding_layers=False)
        kept = load_file(folder / WEIGHTS)
        # The names in the file may begin with the encoder's place in its model.
        own = {
            name: kept[key]
            for name in expected
            for key in kept
            if key.startswith(ROOT) and f".{key.removeprefix(ROOT)}".endswith(f".{name}")
        }
        lost = [name for name in expected if name not in own]
        if lost:
            raise ValueError(f"{folder / WEIGHTS} does not have {lost[0]}")
        set_peft_model_state_dict(encoder, own)
        encoder.requires_grad_(False)


def _merged(layer: Any) -> Change:
    def change(state: dict[str, Any], prefix: str) -> None:
        base_entries(state, prefix)
        copied = deepcopy(layer)
        copied.merge()
        base: Mapping[str, Tensor] = copied.get_base_layer().state_dict()
        state.update({prefix + name: value for name, value in base.items()})

    return change
