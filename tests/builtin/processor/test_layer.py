"""A layer of an encoder in one operation: outputs and gradients of its modules, to the bit, and those where they differ."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

import ft
from ft.builtin.processor.layer import EncoderLayer, JoinedLayer, join_layers
from ft.builtin.processor.lean import make_lean
from ft.builtin.processor.linear import keep_cast
from ft.engine.optim.cast import CastLinear, stepping

KINDS = ("bert", "roberta", "xlm-roberta", "camembert", "electra")


def encoder(kind: str = "bert", dropout: float = 0.1, joined: bool = True, **settings: Any) -> Any:
    """A small encoder as the processor prepares it, its layers in one operation or not."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 50}
    sizes |= {"num_hidden_layers": 2, "max_position_embeddings": 64, "embedding_size": 16}
    drops = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    config = AutoConfig.for_model(kind, **sizes, **drops, **settings)
    model = AutoModel.from_config(config).train()
    make_lean(model, rows=False)
    keep_cast(model)
    if joined:
        join_layers(model)
    return model


def casts(model: nn.Module) -> list[CastLinear]:
    return [module for module in model.modules() if isinstance(module, CastLinear)]


def inputs(size: tuple[int, int], padded: bool = True) -> dict[str, Tensor]:
    """Ids, of which the last text has padding."""
    generator = torch.Generator().manual_seed(size[0] * 100 + size[1])
    ids = torch.randint(5, 50, size, generator=generator)
    mask = torch.ones_like(ids)
    if padded:
        mask[-1, size[1] // 2 + 1 :] = 0
    return {"input_ids": ids, "attention_mask": mask}


def passed(model: Any, sizes: Sequence[tuple[int, int]], padded: bool = True) -> list[Tensor]:
    """The outputs of passes in one step, and the gradients that they add up to."""
    model.zero_grad()
    torch.manual_seed(1)
    found = []
    with stepping(casts(model)):
        for size in sizes:
            with torch.autocast("cpu", torch.bfloat16):
                output = model(**inputs(size, padded)).last_hidden_state
            torch.manual_seed(len(found))
            (output.float() * torch.randn(output.shape)).square().sum().backward()
            found.append(output.detach())
    return [*found, *(one.grad for one in model.parameters() if one.grad is not None)]


def equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each layer that was computed in one operation had."""
    made: list[int] = []
    forward = EncoderLayer.forward

    def counted(ctx: Any, states: Tensor, *others: Any) -> Tensor:
        made.append(len(states))
        return forward(ctx, states, *others)

    monkeypatch.setattr(EncoderLayer, "forward", staticmethod(counted))
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_outputs_and_gradients_are_those_of_the_modules_to_the_bit(
    kind: str, dropout: float, calls: list[int]
) -> None:
    sizes = [(3, 9)], [(2, 17), (4, 5)], [(5, 33)], [(1, 1)]
    whole, parts = (encoder(kind, dropout, joined=joined) for joined in (True, False))
    for step in sizes:
        assert equal(passed(whole, step), passed(parts, step))
    assert calls == [3, 3, 2, 2, 4, 4, 5, 5, 1, 1]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 40)), min_size=1, max_size=3),
    padded=st.booleans(),
    drops=st.tuples(*[st.sampled_from([0.0, 0.1, 0.9])] * 2),
)
def test_so_are_those_of_batches_of_any_size(
    sizes: list[tuple[int, int]], padded: bool, drops: tuple[float, float]
) -> None:
    found = []
    for joined in (True, False):
        model = encoder(joined=joined)
        for layer in model.encoder.layer:
            layer.attention.self.dropout.p = drops[0]
            layer.attention.output.dropout.p = layer.output.dropout.p = drops[1]
        found.append(passed(model, sizes, padded))
    assert equal(*found)


def test_a_step_of_the_optimizer_between_two_passes_counts() -> None:
    found = []
    for joined in (True, False):
        model = encoder(joined=joined)
        for _ in range(3):
            passed(model, [(4, 9)])
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.grad is not None:
                        parameter -= 0.01 * parameter.grad
        found.append(passed(model, [(4, 9)]))
    assert equal(*found)


def test_gradients_of_gradients_are_those_of_the_modules() -> None:
    found = []
    for joined in (True, False):
        model = encoder(joined=joined)
        torch.manual_seed(1)
        states = model.embeddings(input_ids=inputs((2, 7))["input_ids"]).detach().requires_grad_()
        with stepping(casts(model)):
            with torch.autocast("cpu", torch.bfloat16):
                total = model(inputs_embeds=states).last_hidden_state.float().pow(3).sum()
            (first,) = torch.autograd.grad(total, states, create_graph=True)
            asked = [states, model.encoder.layer[0].output.dense.weight]
            found.append([first, *torch.autograd.grad(first.square().sum(), asked)])
    assert torch.equal(found[0][0], found[1][0])
    for one, other in zip(*found, strict=True):  # in bf16, added up in another order
        assert ((one - other).norm() / other.norm()).item() < 0.01


def test_a_graph_can_be_kept_for_a_second_gradient() -> None:
    found = []
    for joined in (True, False):
        model = encoder(joined=joined)
        torch.manual_seed(1)
        with stepping(casts(model)):
            with torch.autocast("cpu", torch.bfloat16):
                output = model(**inputs((3, 8))).last_hidden_state.float()
            output.sum().backward(retain_graph=True)
            output.square().sum().backward()
        found.append([one.grad for one in model.parameters() if one.grad is not None])
    assert equal(*found)


def _hook(model: Any) -> None:
    model.encoder.layer[0].output.dense.register_forward_hook(lambda *told: None)
    model.encoder.layer[1].attention.self.register_forward_pre_hook(lambda *told: None)


def _replace(model: Any) -> None:
    for layer in model.encoder.layer:
        layer.output.dense = nn.Sequential(layer.output.dense)


class Between(nn.Module):
    """Stands for a module, and has none of its names."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *given: Any, **settings: Any) -> Any:
        """What the module makes of it."""
        return self.inner(*given, **settings)


def _wrap(model: Any) -> None:
    model.encoder.layer[0].intermediate = Between(model.encoder.layer[0].intermediate)
    model.encoder.layer[1].attention.self = Between(model.encoder.layer[1].attention.self)


def _patch(model: Any) -> None:
    for layer in model.encoder.layer:
        layer.intermediate.forward = layer.intermediate.forward


def _freeze(model: Any) -> None:
    for layer in model.encoder.layer:
        layer.output.LayerNorm.weight.requires_grad = False


def _other(model: Any) -> None:
    model.config._attn_implementation = "eager"


@pytest.mark.parametrize(
    "change", [_hook, _replace, _wrap, _patch, _freeze, _other, nn.Module.eval]
)
def test_where_a_layer_is_not_as_it_was_its_modules_compute_it(
    change: Callable[[Any], None], calls: list[int]
) -> None:
    found = []
    for joined in (True, False):
        model = encoder(joined=joined)
        change(model)
        found.append(passed(model, [(3, 9)]))
    assert equal(*found)
    assert not calls


def test_hooks_on_modules_inside_are_called(calls: list[int]) -> None:
    model, told = encoder(), []
    model.encoder.layer[0].attention.output.register_forward_hook(lambda *_: told.append("first"))
    model.encoder.layer[1].register_forward_hook(lambda *_: told.append("second"))
    passed(model, [(3, 9)])
    assert told == ["first", "second"]
    assert calls == [3]  # the second layer, whose own hook sees its output


def test_states_of_all_layers_are_given() -> None:
    found = []
    for joined in (True, False):
        model = encoder(joined=joined)
        torch.manual_seed(1)
        with stepping(casts(model)), torch.autocast("cpu", torch.bfloat16):
            found.append(model(**inputs((3, 9)), output_hidden_states=True).hidden_states)
    assert len(found[0]) == 3
    assert equal(*found)


@pytest.mark.parametrize("settings", [{"hidden_act": "relu"}, {"is_decoder": True}])
def test_layers_of_another_kind_are_left_to_their_modules(
    settings: dict[str, Any], calls: list[int]
) -> None:
    whole, parts = (encoder(joined=joined, **settings) for joined in (True, False))
    assert equal(passed(whole, [(3, 9)]), passed(parts, [(3, 9)]))
    assert not calls


def test_a_pass_in_float32_or_outside_of_a_step_is_left_to_the_modules(calls: list[int]) -> None:
    model = encoder()
    model(**inputs((3, 9))).last_hidden_state.sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        model(**inputs((3, 9))).last_hidden_state.sum().backward()
    with stepping(casts(model)):
        model(**inputs((3, 9))).last_hidden_state.sum().backward()
    assert not calls


def test_layers_that_are_computed_again_in_the_backward_pass_learn_the_same() -> None:
    found = []
    for joined in (True, False):
        model = encoder(joined=joined)
        model.gradient_checkpointing_enable({"use_reentrant": False})
        found.append(passed(model, [(3, 9)]))
    assert equal(*found)


def test_a_copy_has_layers_of_their_own_class() -> None:
    model = encoder()
    assert isinstance(model.encoder.layer[0], JoinedLayer)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        assert [type(layer).__mro__[0].__name__ for layer in other.encoder.layer] == [
            "BertLayer"
        ] * 2
        assert not any(isinstance(layer, JoinedLayer) for layer in other.encoder.layer)
        assert equal(passed(other, [(3, 9)])[:1], passed(model, [(3, 9)])[:1])


def test_a_run_learns_what_it_does_without(
    go: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    def weights() -> dict[str, Tensor]:
        made = go(["words"], precision="bf16", max_steps=6)
        found: dict[str, Tensor] = ft.load(made.output).model.state_dict()
        return found

    whole = weights()
    assert calls
    calls.clear()
    monkeypatch.setattr("ft.builtin.processor.plugin.join_layers", lambda model: None)
    parts = weights()
    assert not calls
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], value) for name, value in parts.items())
