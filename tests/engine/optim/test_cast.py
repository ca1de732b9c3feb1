"""Layers that keep their weights in bf16 too: the outputs, gradients and steps of plain ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ft import RunConfig
from ft.builtin.processor.linear import keep_cast
from ft.engine.optim.cast import CastLinear, stepping
from ft.engine.optim.optim import Optimizer


def pair(inputs: int = 8, outputs: int = 4, bias: bool = True) -> tuple[nn.Linear, CastLinear]:
    """A layer, and one with the same weights that keeps them in bf16 too."""
    torch.manual_seed(0)
    plain, cast = (nn.Linear(inputs, outputs, bias=bias) for _ in range(2))
    cast.load_state_dict(plain.state_dict())
    keep_cast(nn.Sequential(cast))
    assert isinstance(cast, CastLinear)
    return plain, cast


def passed(layer: nn.Linear, inputs: Tensor) -> list[Tensor]:
    """The outputs of a pass, and the gradient of the inputs."""
    inputs = inputs.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(inputs)
    output.float().square().sum().backward()
    assert inputs.grad is not None
    return [output, inputs.grad]


def equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(one, other, strict=True))


@given(
    sizes=st.tuples(*[st.integers(1, 40)] * 2),
    rows=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    bias=st.booleans(),
    half=st.booleans(),
)
def test_outputs_and_gradients_are_the_same_to_the_bit(
    sizes: tuple[int, int], rows: list[int], bias: bool, half: bool
) -> None:
    plain, cast = pair(*sizes, bias)
    inputs = torch.randn(*rows, sizes[0])
    inputs = inputs.bfloat16() if half else inputs
    with stepping([cast]):
        found = passed(cast, inputs)
    assert equal(found, passed(plain, inputs))
    assert cast.weight.grad is not None
    assert cast.weight.grad.dtype == torch.bfloat16
    assert torch.equal(cast.weight.grad.float(), plain.weight.grad)
    assert not bias or torch.equal(cast.bias.grad, plain.bias.grad)


def test_gradients_of_several_passes_add_up_in_float32() -> None:
    plain, cast = pair()
    many = [torch.randn(5, 8) for _ in range(4)]
    with stepping([cast]):
        for inputs in many:
            passed(cast, inputs)
    for inputs in many:
        passed(plain, inputs)
    assert cast.weight.grad.dtype == torch.float32
    assert torch.equal(cast.weight.grad, plain.weight.grad)


def test_outside_of_a_step_a_gradient_is_one_of_float32() -> None:
    plain, cast = pair()
    inputs = torch.randn(5, 8)
    assert equal(passed(cast, inputs), passed(plain, inputs))
    assert cast.weight.grad.dtype == torch.float32
    assert torch.equal(cast.weight.grad, plain.weight.grad)


def test_gradients_of_gradients_are_those_of_a_plain_layer() -> None:
    found = []
    for layer in (layers := pair()):
        inputs = torch.linspace(-1, 1, 40).view(5, 8).requires_grad_()
        with stepping([one for one in layers if isinstance(one, CastLinear)]):
            with torch.autocast("cpu", torch.bfloat16):
                total = layer(inputs).float().pow(3).sum()
            (first,) = torch.autograd.grad(total, inputs, create_graph=True)
            asked = [inputs, layer.weight, layer.bias]
            found.append(list(torch.autograd.grad(first.square().sum(), asked)))
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine.float(), other.float(), rtol=2e-2, atol=1e-2)


@pytest.mark.parametrize("change", ["copy", "parameter", "data"])
def test_a_weight_that_others_change_is_cast_anew(change: str) -> None:
    plain, cast = pair()
    inputs = torch.randn(3, 8)
    with stepping([cast]):
        before = passed(cast, inputs)
        for layer in (plain, cast):
            with torch.no_grad():
                if change == "copy":
                    layer.weight.copy_(layer.weight * 2)
                elif change == "parameter":
                    layer.weight = nn.Parameter(layer.weight * 2)
                else:
                    layer.weight.data = layer.weight.data * 2
        after = passed(cast, inputs)
    assert equal(after, passed(plain, inputs))
    assert not equal(after, before)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 16, bias=False), nn.Linear(16, 3)
    )


def trained(model: nn.Sequential, passes: int, layers: list[CastLinear]) -> Optimizer:
    """Some steps, of which one has no items and one a gradient that is not finite."""
    optimizer = Optimizer(model, RunConfig(learning_rate=0.01, clip=None))
    optimizer.casts = {id(layer.weight): layer for layer in layers}
    for step in range(6):
        torch.manual_seed(step)
        with stepping(layers), torch.autocast("cpu", torch.bfloat16):
            for _ in range(passes):
                total = model(torch.randn(12, 8)).float().square().sum()
                (total * (float("inf") if step == 2 else 1)).backward()
            optimizer.step(torch.tensor(0.0 if step == 3 else 12.0), 1 - step / 10)
            optimizer.zero()
    return optimizer


@pytest.mark.parametrize("passes", [1, 3])
def test_steps_are_those_of_plain_layers_to_the_bit(passes: int) -> None:
    plain, cast = net(), net()
    keep_cast(cast)
    layers = [one for one in cast if isinstance(one, CastLinear)]
    assert len(layers) == 3
    theirs, ours = trained(plain, passes, []), trained(cast, passes, layers)
    for name, value in plain.state_dict().items():
        assert torch.equal(cast.state_dict()[name], value), name
    found, wanted = ours.tensors(cast), theirs.tensors(plain)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    assert float(found["step/0.weight"]) == 4
    for layer in layers:
        assert layer._cast is None or torch.equal(layer._cast, layer.weight.bfloat16())


def test_layers_that_share_a_weight_stay_as_they_are() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    keep_cast(model)
    assert [type(one) for one in model] == [nn.Linear, CastLinear, nn.Linear]


class Attending(nn.Module):
    """The queries, keys and values of an attention, of the same inputs or of others."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.query, self.key, self.value = (nn.Linear(24, n, bias=bias) for n in (16, 16, 8))

    def forward(self, inputs: Tensor, other: Tensor | None = None) -> list[Tensor]:
        """The three, in the order of their calls."""
        given = inputs if other is None else other
        return [self.query(inputs), self.key(given), self.value(given)]

    def layers(self) -> list[nn.Linear]:
        """The three."""
        return [self.query, self.key, self.value]


def attended(
    model: Attending, inputs: Tensor, other: Tensor | None = None
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """The outputs, the gradients of weights and biases, and that of the inputs."""
    leaf = inputs.clone().requires_grad_()
    inputs = leaf * 1  # of a leaf autocast keeps one cast, whose gradients it adds up in bf16
    casts = [layer for layer in model.layers() if isinstance(layer, CastLinear)]
    with stepping(casts), torch.autocast("cpu", torch.bfloat16):
        outputs = model(inputs, other)
        sum(((k + 1) * one.float()).square().sum() for k, one in enumerate(outputs)).backward()
    assert leaf.grad is not None
    found = [p.grad.float() for p in model.parameters() if p.grad is not None]
    return [one.detach() for one in outputs], found, leaf.grad


@given(
    rows=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    bias=st.booleans(),
    elsewhere=st.booleans(),
)
def test_layers_of_an_attention_give_in_one_product_what_each_gives(
    rows: list[int], bias: bool, elsewhere: bool
) -> None:
    plain, joint = Attending(bias), Attending(bias)
    keep_cast(joint)
    inputs = torch.randn(*rows, 24)
    other = torch.randn(*rows, 24) if elsewhere else None
    outputs, gradients, of_inputs = attended(joint, inputs, other)
    expected, wanted, of_plain = attended(plain, inputs, other)
    for mine, its in zip([*outputs, *gradients], [*expected, *wanted], strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-2, atol=1e-2 * float(its.abs().max()))
    error = 1e-2 * float(of_plain.abs().max()) + 1e-6
    torch.testing.assert_close(of_inputs, of_plain, rtol=1e-2, atol=error)
    assert all(layer._ahead is None for layer in joint.layers())


def test_one_product_serves_a_whole_attention() -> None:
    joint = Attending()
    keep_cast(joint)
    products: list[tuple[int, ...]] = []

    class Seen(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func._overloadpacket.__name__ in ("mm", "addmm"):
                products.append(tuple(args[-1].shape))
            return func(*args, **(kwargs or {}))

    with Seen():
        attended(joint, torch.randn(5, 24))
    # The outputs; the gradients of the inputs; those of the weights.
    assert products == [(24, 40), (40, 24), (5, 24)]


def test_a_layer_that_stands_still_leaves_the_others_their_products() -> None:
    plain, joint = Attending(), Attending()
    keep_cast(joint)
    for model in (plain, joint):
        model.key.weight.requires_grad_(False)
    inputs = torch.randn(5, 24)
    mine, its = attended(joint, inputs), attended(plain, inputs)
    assert equal([*mine[0], *mine[1]], [*its[0], *its[1]])
    torch.testing.assert_close(mine[2], its[2])  # a sum of three in another order


def test_several_passes_of_an_attention_add_up_in_float32() -> None:
    plain, joint = Attending(), Attending()
    keep_cast(joint)
    many = [torch.randn(5, 24) for _ in range(3)]
    with stepping([layer for layer in joint.layers() if isinstance(layer, CastLinear)]):
        for inputs in many:
            attended(joint, inputs)
    for inputs in many:
        attended(plain, inputs)
    for mine, its in zip(joint.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None
        assert its.grad is not None
        assert mine.grad.dtype == torch.float32
        torch.testing.assert_close(mine.grad, its.grad, rtol=1e-2, atol=1e-1)


def test_layers_that_were_called_apart_are_still_up_to_date_together() -> None:
    models = Attending(), Attending()
    keep_cast(models[1])
    inputs, other = torch.randn(5, 24), torch.randn(5, 24)
    found = []
    for model in models:
        optimizer = Optimizer(model, RunConfig(learning_rate=0.1, clip=None))
        layers = [layer for layer in model.layers() if isinstance(layer, CastLinear)]
        optimizer.casts = {id(layer.weight): layer for layer in layers}
        for others in (None, other, None, None):
            outputs, _, _ = attended(model, inputs, others)
            optimizer.step(torch.tensor(5.0), 1.0)
            optimizer.zero()
        found.append(outputs)
    for mine, its in zip(*found, strict=True):
        torch.testing.assert_close(mine, its, rtol=5e-2, atol=5e-2 * float(its.abs().max()))
