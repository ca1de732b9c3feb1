"""Linear layers of a torch model in 8 bits: how they are quantised, how they compute, and their files.

Weights are int8 with one scale for each output channel; activations are uint8 with one fixed scale for each tensor, known from
calibration (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"), so
that the answer to a text does not depend on the texts beside it. Before that each input channel is divided by a number of its own,
and the weights are multiplied by it, so that channels of very different sizes can share a scale (Xiao et al. 2023, "SmoothQuant").
From a layer with a GELU to the next layer there are integers alone; what a few outlier channels have beyond their range is
computed in float32 (after Dettmers et al. 2022, "LLM.int8()").
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ft import DataError
from ft_export.form.loaded import INDEX

VECTORS = "int8.safetensors"
"""The file of the numbers that input channels are divided by."""

MAGIC = 1.5 * 2**23
"""Added to a float32, it leaves the rounded number in the lowest bits."""

INSTEAD = "use the run itself"

LARGEST = 127
"""The largest absolute value of a quantised weight."""


class Inputs:
    """How the inputs of layers become integers from 0 to 255: ``round(input / smooth / scale) + zero``.

    Args:
        scale: of all channels.
        zero: the zero point.
        smooth: what each channel is divided by before, (inputs,).
        apart: the outlier channels: what they have beyond the range is computed in float32.
    """

    def __init__(self, scale: float, zero: int, smooth: Tensor, apart: Sequence[int] = ()) -> None:
        self.scale = scale
        self.zero = zero
        self.smooth = smooth
        self.apart = list(apart)
        self._factors = 1 / (smooth * scale)
        self._shift = torch.tensor(MAGIC + zero)

    def beyond(self, values: Tensor) -> Tensor:
        """What the outlier channels have beyond the range, (rows, outliers)."""
        return (values.float().flatten(0, -2)[:, self.apart] - self.high).clamp_min_(0)

    @property
    def high(self) -> float:
        """The largest value that has an integer, before it was divided."""
        return (255 - self.zero) * self.scale

    def quantised(self, values: Tensor) -> Tensor:
        """The integers, of the same shape; made once for all layers that get these values."""
        if values.is_inference():
            return self._quantised(values)
        owner, version, made = getattr(values, "int8", (None, 0, values))
        if owner is not self or version != values._version:
            made = self._quantised(values)
            values.int8 = self, values._version, made  # type: ignore[attr-defined]
        return made

    def _quantised(self, values: Tensor) -> Tensor:
        made = torch.addcmul(self._shift, values.float(), self._factors)
        return made.clamp_(MAGIC, MAGIC + 255).view(torch.int32).to(torch.uint8)


@dataclass(frozen=True)
class Layer:
    """A linear layer in 8 bits.

    Attributes:
        name: of the module.
        inputs: the key of its `Inputs`.
        activation: the module with the GELU behind the layer, which becomes a part of it; ``None`` if there is none.
        gelu: what torch calls that GELU's kind, ``none`` or ``tanh``.
        outputs: the key of the `Inputs` of the layers behind the GELU, where they get its integers; ``None``: its floats.
    """

    name: str
    inputs: str
    activation: str | None = None
    gelu: str | None = None
    outputs: str | None = None


@dataclass(frozen=True)
class Plan:
    """The layers of a model that are computed in 8 bits.

    Attributes:
        layers: in order.
        inputs: how inputs are made integers, by key.
    """

    layers: Sequence[Layer]
    inputs: Mapping[str, Inputs] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What a layer computes with.

    Attributes:
        inputs: how its inputs are quantised.
        weight: integers in the order of oneDNN.
        scales: of the weights, (outputs,).
        zeros: zero points of the weights, all 0.
        columns: of the weights, for the outlier channels of the inputs, (outliers, outputs).
        gelu: the kind of GELU behind it; ``None`` without one.
        given: how its outputs are quantised; ``None`` where they are floats.
        rows: of the weights and the bias, for the outlier channels of the outputs, (outliers, inputs + 1).
    """

    inputs: Inputs
    weight: Tensor
    scales: Tensor
    zeros: Tensor
    columns: Tensor
    gelu: str | None
    given: Inputs | None
    rows: Tensor


class Int8Linear(nn.Linear):
    """A linear layer that multiplies integers of 8 bits; it does not learn."""

    side_by_side = True
    prepared: Prepared

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """``gelu(x @ weight.T + bias)``, or without the GELU, in float32 or as the integers of the next layers.

        Raises:
            DataError: a gradient is asked for, or integers come that no layer before this one gave.
        """
        own, taken, given = self.prepared, self.prepared.inputs, self.prepared.given
        if input.requires_grad and torch.is_grad_enabled():
            raise DataError("layers of 8 bits have no gradients", hint=INSTEAD)
        kind = torch.float32 if given is None else torch.uint8
        whole = input if input.dtype is torch.uint8 else taken.quantised(input)
        if not whole.numel():
            return whole.new_empty(*whole.shape[:-1], self.out_features, dtype=kind)
        found: Tensor = torch.ops.onednn.qlinear_pointwise(
            whole,
            taken.scale,
            taken.zero,
            own.weight,
            own.scales,
            own.zeros,
            self.bias,
            1.0 if given is None else given.scale,
            0 if given is None else given.zero,
            kind,
            "none" if own.gelu is None else "gelu",
            [],
            own.gelu or "",
        )
        if taken.apart or (given is not None and given.apart):
            with torch.autocast("cpu", enabled=False):
                if taken.apart:
                    beyond = _kept(input) if whole is input else taken.beyond(input)
                    found.flatten(0, -2).addmm_(beyond, own.columns)
                if given is not None and given.apart:
                    found.beyond = self._beyond(input, given)  # type: ignore[attr-defined]
        return found

    def _beyond(self, input: Tensor, given: Inputs) -> Tensor:  # noqa: A002
        """What the outlier channels of the outputs have beyond the range, (rows, outliers)."""
        rows, values = self.prepared.rows, input.float().flatten(0, -2)
        states = torch.addmm(rows[:, -1], values, rows[:, :-1].T)
        # torch's own GELU makes a kernel of oneDNN for each number of rows, which takes longer than these few numbers.
        if self.prepared.gelu == "tanh":
            bent = states + 0.044715 * states.pow(3)
            shares = torch.sigmoid(math.sqrt(8 / math.pi) * bent)
        else:
            shares = torch.special.ndtr(states)
        return shares.mul_(states).sub_(given.high).clamp_min_(0)


def _kept(integers: Tensor) -> Tensor:
    found: Tensor | None = getattr(integers, "beyond", None)
    if found is None:
        raise DataError(
            "the model took another way through its layers than in the calibration", hint=INSTEAD
        )
    return found


class FusedActivation(nn.Module):
    """Stands for an activation that the layer before it has computed."""

    side_by_side = True

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """The input."""
        return input


def multiplied(rows: Tensor, weight: Tensor, inputs: Inputs) -> Tensor:
    """What a layer without bias makes of inputs, by the same rounding in float32.

    Args:
        rows: (rows, inputs).
        weight: (outputs, inputs).
        inputs: how they are made integers.
    """
    whole, scales = _whole(weight, inputs)
    steps = (inputs.quantised(rows.clone()).float() - inputs.zero) * inputs.scale
    found = steps @ (whole.float() * scales[:, None]).T
    return found + inputs.beyond(rows) @ weight[:, inputs.apart].T


def _whole(weight: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Weights as integers, for inputs that were divided, and the scale of each output."""
    smooth = weight.detach().float() * inputs.smooth
    scales = smooth.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
    return (smooth / scales[:, None]).round().to(torch.int8), scales


def _prepared(module: nn.Linear, layer: Layer, plan: Plan) -> Prepared:
    inputs = plan.inputs[layer.inputs]
    given = None if layer.outputs is None else plan.inputs[layer.outputs]
    weight = module.weight.detach().float()
    bias = weight.new_zeros(len(weight)) if module.bias is None else module.bias.detach().float()
    whole, scales = _whole(weight, inputs)
    kept = [] if given is None else given.apart
    return Prepared(
        inputs,
        torch.ops.onednn.qlinear_prepack(whole, None),
        scales,
        torch.zeros(len(scales), dtype=torch.int),
        weight[:, inputs.apart].T.contiguous(),
        layer.gelu if layer.activation else None,
        given,
        torch.cat([weight, bias[:, None]], 1)[kept],
    )


@contextmanager
def in_int8(model: nn.Module, plan: Plan) -> Iterator[None]:
    """Let layers of a model be computed in 8 bits meanwhile.

    Raises:
        DataError: it has no such layers.
    """
    modules = {layer.name: model.get_submodule(layer.name) for layer in plan.layers}
    kinds = {name: type(module) for name, module in modules.items()}
    names = [layer.activation for layer in plan.layers if layer.activation]
    activations = {name: model.get_submodule(name) for name in names}
    make_int8(model, plan)
    try:
        yield
    finally:
        for name, module in modules.items():
            module.__class__ = kinds[name]
            del vars(module)["prepared"]
        for name, activation in activations.items():
            model.set_submodule(name, activation, strict=True)


def make_int8(model: nn.Module, plan: Plan) -> None:
    """Replace linear layers of a model by such of 8 bits.

    Raises:
        DataError: it has no such layers.
    """
    made = []
    for layer in plan.layers:
        module = model.get_submodule(layer.name)
        if not isinstance(module, nn.Linear):
            raise DataError(f"'{layer.name}' of the model is no linear layer")
        made.append((module, _prepared(module, layer, plan)))
    for layer, (module, values) in zip(plan.layers, made, strict=True):
        module.__class__ = Int8Linear
        vars(module)["prepared"] = values
        if layer.activation:
            model.set_submodule(layer.activation, FusedActivation(), strict=True)


def write_plan(plan: Plan, folder: Path) -> None:
    """Write what `load_int8` reads into the folder of a model."""
    index = {
        "format": "torch",
        "layers": [asdict(layer) for layer in plan.layers],
        "inputs": {
            key: {"scale": one.scale, "zero": one.zero, "apart": one.apart}
            for key, one in plan.inputs.items()
        },
    }
    save_file({key: one.smooth for key, one in plan.inputs.items()}, folder / VECTORS)
    (folder / INDEX).write_text(f"{json.dumps(index, indent=2)}\n", encoding="utf-8")


def load_int8(
    model: nn.Module, index: Mapping[str, Any], folder: Path, device: torch.device
) -> nn.Module:
    """Replace the linear layers of a model that its folder names by such of 8 bits.

    Raises:
        DataError: the folder does not hold what `ft export` writes for this model, or this machine cannot compute it.
    """
    check_machine(device, str(folder))
    try:
        smooth = load_file(folder / VECTORS)
        plan = Plan(
            [Layer(**one) for one in index["layers"]],
            {
                key: Inputs(float(one["scale"]), int(one["zero"]), smooth[key], one["apart"])
                for key, one in index["inputs"].items()
            },
        )
        make_int8(model, plan)
    except (
        OSError,
        SafetensorError,
        AttributeError,
        IndexError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise DataError(
            f"this is not what `ft export` writes for this model ({type(error).__name__}: {error})",
            where=str(folder / INDEX),
        ) from error
    return model.requires_grad_(False)


def check_machine(device: torch.device, where: str | None = None) -> None:
    """See that layers of 8 bits can be computed here.

    Raises:
        DataError: the device is a GPU, or the processor has no VNNI: sums of products would overflow, or take long.
    """
    if device.type != "cpu":
        raise DataError(
            f"the torch form in 8 bits runs on a CPU only, and the device is {device}",
            where=where,
            hint="set CUDA_VISIBLE_DEVICES= to hide the GPU, or use the run itself",
        )
    has = getattr(torch.cpu, "get_capabilities", dict)()
    name = has.get("cpu_name", "this processor")
    if not (has.get("avx512_vnni") or has.get("avx_vnni") or torch.cpu._is_vnni_supported()):
        raise DataError(
            f"torch multiplies in 8 bits on processors with VNNI, and this one ({name}) has none",
            where=where,
            hint="use the run itself, or ft export --to onnx --int8",
        )
