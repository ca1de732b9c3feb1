"""Linear layers whose weights stay as they are: the same outputs, with weights that are prepared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import ft
from ft.builtin.processor.linear import (
    KeptLinear,
    NarrowLinear,
    StillLinear,
    keep_still,
    keep_weights,
    narrow_in_float32,
)
from ft_kit import tiny_bert
from ft_kit.tasks import VOCABULARY


def pair(inputs: int, outputs: int, bias: bool) -> tuple[nn.Linear, nn.Linear]:
    """A layer, and one with the same weights that keeps them."""
    torch.manual_seed(0)
    plain = nn.Linear(inputs, outputs, bias=bias)
    kept = nn.Linear(inputs, outputs, bias=bias)
    kept.load_state_dict(plain.state_dict())
    whole = nn.Sequential(kept)
    keep_weights(whole)
    assert type(whole[0]) is KeptLinear
    return plain, kept


def in_bf16(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        result: torch.Tensor = layer(inputs)
    return result


@given(
    sizes=st.tuples(*[st.integers(1, 70)] * 2),
    rows=st.lists(st.integers(1, 20), min_size=1, max_size=2),
    bias=st.booleans(),
    half=st.booleans(),
)
def test_outputs_are_the_same_to_the_bit(
    sizes: tuple[int, int], rows: list[int], bias: bool, half: bool
) -> None:
    plain, kept = pair(*sizes, bias)
    inputs = torch.randn(*rows, sizes[0])
    if half:
        inputs = inputs.bfloat16()
    for _ in range(2):
        one, other = in_bf16(kept, inputs), in_bf16(plain, inputs)
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("change", ["copy", "optimizer", "parameter", "data", "bias"])
def test_weights_that_change_are_cast_anew(change: str) -> None:
    plain, kept = pair(8, 4, True)
    inputs = torch.randn(3, 8)
    before = in_bf16(kept, inputs)
    for layer in (plain, kept):
        with torch.no_grad():
            if change == "copy":
                layer.weight.copy_(layer.weight * 2)
            elif change == "parameter":
                layer.weight = nn.Parameter(layer.weight * 2)
            elif change == "data":
                layer.weight.data = layer.weight.data * 2
            elif change == "bias":
                layer.bias.add_(1)
        if change == "optimizer":
            optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)
            layer(inputs).sum().backward()
            optimizer.step()
    after = in_bf16(kept, inputs)
    assert torch.equal(after, in_bf16(plain, inputs))
    assert not torch.equal(after, before)


@pytest.mark.parametrize("without_versions", [False, True])
def test_inputs_that_change_are_cast_anew(without_versions: bool) -> None:
    plain, kept = pair(8, 4, True)
    with torch.inference_mode() if without_versions else torch.no_grad():
        inputs = torch.randn(3, 8)
        before = in_bf16(kept, inputs)
        inputs.mul_(2)
        after = in_bf16(kept, inputs)
    assert torch.equal(after, in_bf16(plain, inputs))
    assert not torch.equal(after, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_other_formats_are_left_alone(dtype: torch.dtype) -> None:
    plain, kept = (layer.to(dtype) for layer in pair(8, 4, True))
    inputs = torch.randn(3, 8, dtype=dtype)
    with torch.no_grad():
        assert torch.equal(kept(inputs), plain(inputs))


def test_what_is_exported_is_a_plain_layer() -> None:
    _, kept = pair(8, 4, True)
    with torch.no_grad():
        program = torch.export.export(nn.Sequential(kept), (torch.randn(3, 8),))
    assert any("aten.linear" in str(node.target) for node in program.graph.nodes)


def test_learning_is_left_alone() -> None:
    plain, kept = pair(8, 4, True)
    inputs = torch.randn(3, 8)
    with torch.autocast("cpu", torch.bfloat16):
        kept(inputs).float().sum().backward()
        plain(inputs).float().sum().backward()
    assert torch.equal(kept.weight.grad, plain.weight.grad)
    assert kept.state_dict().keys() == plain.state_dict().keys()


def test_a_loaded_run_predicts_as_it_would_without(go: Any) -> None:
    trained = ft.load(go(["words"], precision="bf16").output)
    texts = ["anna saw london", "the dog of bert", "london"]
    kept = trained.predict(texts)
    layers = [module for module in trained.model.modules() if type(module) is KeptLinear]
    assert layers
    for layer in layers:
        layer.__class__ = nn.Linear
    assert trained.predict(texts) == kept


def still_pair() -> tuple[nn.Linear, nn.Linear]:
    """A layer that stands still, and one with the same weights that keeps their cast."""
    torch.manual_seed(0)
    pair = [nn.Linear(8, 4), nn.Linear(8, 4)]
    pair[1].load_state_dict(pair[0].state_dict())
    for layer in pair:
        layer.weight.requires_grad_(False)
    keep_still(nn.Sequential(pair[1]))
    assert type(pair[1]) is StillLinear
    return pair[0], pair[1]


def passed(layer: nn.Linear) -> list[torch.Tensor | None]:
    """The outputs of a pass in training, and the gradients of its inputs and its weights."""
    inputs = torch.randn(3, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(inputs)
    output.float().square().sum().backward()
    return [output, inputs.grad, layer.weight.grad, layer.bias.grad]


def same(one: list[torch.Tensor | None], other: list[torch.Tensor | None]) -> bool:
    return all(
        (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_that_stands_still_gives_the_same_gradients(bias: bool) -> None:
    plain, still = still_pair()
    for layer in (plain, still):
        layer.bias.requires_grad_(bias)
    for _ in range(2):
        assert same(passed(still), passed(plain))
    assert still.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize("change", ["copy", "parameter", "learns"])
def test_a_weight_that_stood_still_and_changes_is_cast_anew(change: str) -> None:
    plain, still = still_pair()
    before = passed(still)
    for layer in (plain, still):
        if change == "copy":
            with torch.no_grad():
                layer.weight.copy_(layer.weight * 2)
        elif change == "parameter":
            layer.weight = nn.Parameter(layer.weight * 2, requires_grad=False)
        else:  # a fused optimizer changes weights and does not count it as a change
            layer.weight.requires_grad_(True)
            optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)
            passed(layer)
            optimizer.step()
            layer.weight.requires_grad_(False)
    after = passed(still)
    assert same(after, passed(plain))
    assert not same(after, before)


class Casts(TorchDispatchMode):
    """Counts the casts of parameters that are matrices to bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func is torch.ops.aten._to_copy.default and given.get("dtype") is torch.bfloat16:
            self.count += isinstance(args[0], nn.Parameter) and args[0].ndim == 2
        return func(*args, **given)


class Beside(ft.Plugin):
    """Leaves few matrices to learn, and writes down how many a pass casts."""

    name = "beside"

    @ft.hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Any, data: Any) -> nn.Module:
        """Freeze all but words, queries and the head."""
        model = inner(run, data)
        for name, parameter in model.named_parameters():
            learns = any(part in name for part in ("word_embeddings", "query", "classifier"))
            parameter.requires_grad_(learns)
        return model

    @ft.hookimpl
    def compute_loss(
        self, inner: Callable[..., ft.Loss], run: Any, model: Any, batch: Mapping[str, Any]
    ) -> ft.Loss:
        """Count."""
        with Casts() as casts:
            loss = inner(run, model, batch)
        with (run.output / "casts").open("a") as file:
            file.write(f"{casts.count}\n")
        return loss


def test_a_run_casts_what_stands_still_once(go: Callable[..., Any]) -> None:
    result = go(["words", f"{__file__}:Beside"], precision="bf16", max_steps=4)
    counts = map(int, (result.output / "casts").read_text().split())
    layers = ft.load(result.output).model.config.num_hidden_layers
    assert set(counts) == {layers + 1}  # the queries, and the head


def narrow_pair(inputs: int, outputs: int) -> tuple[nn.Linear, nn.Linear]:
    """A layer with few outputs, and one with the same weights that has been through `narrow_in_float32`."""
    torch.manual_seed(0)
    plain, other = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)
    other.load_state_dict(plain.state_dict())
    narrow_in_float32(nn.Sequential(other))
    return plain, other


@pytest.mark.parametrize(("outputs", "narrow"), [(1, True), (32, True), (33, False)])
def test_few_outputs_beside_the_inputs_make_a_layer_narrow(outputs: int, narrow: bool) -> None:
    for inputs, least in ((8 * outputs, narrow), (8 * outputs - 1, False)):
        _, layer = narrow_pair(inputs, outputs)
        assert (type(layer) is NarrowLinear) is least


@given(
    outputs=st.integers(1, 5),
    rows=st.lists(st.integers(1, 20), min_size=1, max_size=2),
    half=st.booleans(),
)
def test_a_narrow_layer_is_one_of_float32_in_a_pass_in_bf16(
    outputs: int, rows: list[int], half: bool
) -> None:
    plain, narrow = narrow_pair(40, outputs)
    inputs = torch.randn(*rows, 40)
    if half:
        inputs = inputs.bfloat16()
    wanted = plain(inputs.float())
    wanted.sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        made = narrow(inputs)
    made.sum().backward()
    assert made.dtype == torch.float32
    assert torch.equal(made, wanted)
    assert torch.equal(narrow.weight.grad, plain.weight.grad)
    assert torch.equal(in_bf16(narrow, inputs), wanted)


def test_elsewhere_a_narrow_layer_is_a_plain_one() -> None:
    plain, narrow = narrow_pair(40, 3)
    inputs = torch.randn(5, 40)
    assert torch.equal(narrow(inputs), plain(inputs))
    for layer in (plain, narrow):
        layer.half()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(narrow(inputs), plain(inputs))
    with torch.no_grad():
        program = torch.export.export(nn.Sequential(narrow), (inputs.half(),))
    assert any("aten.linear" in str(node.target) for node in program.graph.nodes)


def test_logits_of_a_run_in_bf16_are_not_rounded_to_it(go: Any, tmp_path: Path) -> None:
    model = str(tiny_bert(tmp_path / "tiny", VOCABULARY, hidden=64))
    trained = ft.load(go(["words"], precision="bf16", model=model).output)
    heads = [one for one in trained.model.modules() if type(one) is NarrowLinear]
    assert heads
    texts = ["anna saw london", "the dog of bert", "london"]
    logits = [torch.from_numpy(one["logits"]) for one in trained.outputs(texts)]
    assert any(not torch.equal(one, one.bfloat16().float()) for one in logits)
