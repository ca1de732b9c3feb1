"""The word embedding of a model: finding it, and shifting what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ft import PluginError, TrainingError
from ft_adversarial.perturbation.ball import Norm, direction, project

Start = Callable[[Tensor, Tensor], Tensor]
"""Makes the first perturbation from the embeddings, (..., tokens, dim), and which tokens are free."""

WHO = "plugin adversarial (ft-adversarial)"
IDS = "input_ids"
MASK = "attention_mask"


def word_embedding(model: nn.Module) -> nn.Module:
    """The module that turns the token ids of a text into vectors, also beneath DDP and ``torch.compile``.

    Raises:
        PluginError: the model does not tell.
    """
    found: Any = None
    candidate: Any = model
    while isinstance(candidate, nn.Module) and found is None:
        getter = getattr(candidate, "get_input_embeddings", None)
        if callable(getter):
            try:
                found = getter()
            except (AttributeError, NotImplementedError):
                break
        candidate = getattr(candidate, "module", None)
    if not isinstance(found, nn.Module):
        raise PluginError(
            f"{type(model).__name__} does not say which module embeds its words",
            who=WHO,
            hint="give the model a get_input_embeddings() that returns its word embedding",
        )
    return _of_encoder(model, found)


def unsynchronised(model: nn.Module) -> AbstractContextManager[None]:
    """A context in which DDP keeps its hands off: for every pass of a step but the last."""
    context = getattr(model, "no_sync", None)
    return context() if callable(context) else nullcontext()


def _of_encoder(model: nn.Module, found: nn.Module) -> nn.Module:
    """The embedding that is called for the text.

    Encoder-decoders (T5, BART) name one that is never called: encoder and decoder have one each,
    which share its weights.
    """
    weight = getattr(found, "weight", None)
    for name, module in model.named_modules():
        if f".{name}".endswith(".encoder.embed_tokens") and module.weight is weight:
            return module
    return found


@contextmanager
def called(model: nn.Module) -> Iterator[None]:
    """A context in which the model must call its word embedding.

    Raises:
        PluginError: the model does not say which module that is.
        TrainingError: it was not called.
    """
    calls: list[bool] = []
    handle = word_embedding(model).register_forward_hook(lambda *_: calls.append(True))
    try:
        yield
    finally:
        handle.remove()
    if not calls:
        raise _never_called()


class Shifts:
    """What is added to the word embeddings of one batch: one tensor a call of the embedding.

    A forward pass may embed several texts (two towers), so calls are told apart by their order.
    The first pass makes the tensors; every later pass must call the embedding alike.

    Args:
        model: the model, or a wrapper of it.
        batch: the model's inputs; an ``*attention_mask`` beside ``*input_ids`` tells the padding.
        special: ids that are never perturbed: padding and special tokens.
        start: makes the first perturbation of a call.
        without_gradient: shift calls made under ``torch.no_grad`` too; otherwise these are left
            alone, for they are a teacher's, not the trained model's.

    Attributes:
        values: the perturbations, (..., tokens, dim) each; zero where ``free`` is false.
        free: which tokens may be perturbed, (..., tokens) each.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Mapping[str, Tensor],
        special: Sequence[int],
        start: Start,
        *,
        without_gradient: bool = False,
    ) -> None:
        self._module = word_embedding(model)
        self._batch = batch
        self._special = special
        self._start = start
        self._always = without_gradient
        self._made = False
        self.values: list[Tensor] = []
        self.free: list[Tensor] = []

    @contextmanager
    def applied(self, *, learning: bool = False) -> Iterator[None]:
        """Shift the embeddings of one forward pass; the model is restored whatever happens.

        Args:
            learning: the gradient of the shifts is wanted afterwards. They are leaves, so it is
                there even if the embedding itself is frozen.

        Raises:
            TrainingError: the pass did not call the embedding as the first pass did.
        """
        self.values = [value.detach().requires_grad_(learning) for value in self.values]
        calls = 0

        def shift(module: nn.Module, args: Any, kwargs: Any, output: Tensor) -> Tensor:
            nonlocal calls
            if not (self._always or torch.is_grad_enabled()):
                return output
            calls += 1
            if not self._made:
                self._make(args[0] if args else kwargs["input"], output.detach(), learning)
            elif calls > len(self.values) or self.values[calls - 1].shape != output.shape:
                raise self._changed(calls)
            return output + self.values[calls - 1].to(output.dtype)

        handle = self._module.register_forward_hook(shift, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()
        if calls != len(self.values) or not calls:
            raise self._changed(calls)
        self._made = True

    def gradients(self, total: Tensor | None = None) -> list[Tensor]:
        """The gradient of each shift: of ``total``, or left by the last backward pass.

        With ``total`` no other gradient is touched, above all not that of the weights.
        """
        if total is None:
            found: Sequence[Tensor | None] = [value.grad for value in self.values]
        else:
            with torch.autocast(total.device.type, enabled=False):
                found = torch.autograd.grad(total, self.values, allow_unused=True)
        return [
            torch.zeros_like(value) if gradient is None else gradient
            for value, gradient in zip(self.values, found, strict=True)
        ]

    def ascend(self, gradients: Sequence[Tensor], size: float, radius: float, norm: Norm) -> None:
        """One step of ``size`` uphill, then back into the ball of ``radius``, example by example."""
        self.values = [
            project(value.detach() + size * direction(gradient, free, norm), radius, norm)
            for value, gradient, free in zip(self.values, gradients, self.free, strict=True)
        ]

    def _make(self, ids: Tensor, embeddings: Tensor, learning: bool) -> None:
        free = free_tokens(ids, self._batch, self._special)
        self.free.append(free)
        self.values.append(self._start(embeddings, free).detach().requires_grad_(learning))

    def _changed(self, calls: int) -> TrainingError:
        if not self.values:
            return _never_called()
        return TrainingError(
            f"passes over one batch embed different texts: call {calls} of the word embedding "
            f"does not fit the {len(self.values)} of the first pass",
            who=WHO,
            hint="name techniques that change the batch at random after adversarial in --plugins",
        )


def _never_called() -> TrainingError:
    return TrainingError(
        "the model does not call its word embedding, so there is nothing to perturb",
        who=WHO,
        hint="the batch must bring input_ids, and the encoder must run in training "
        "(not look up vectors made before)",
    )


def free_tokens(ids: Tensor, batch: Mapping[str, Tensor], special: Sequence[int]) -> Tensor:
    """Which of ``ids`` may be perturbed: neither special tokens nor padding. Same shape, bool.

    Padding is what the ``*attention_mask`` beside the ``*input_ids`` of these ids leaves out.
    """
    free = ~torch.isin(ids, torch.tensor(list(special), dtype=ids.dtype, device=ids.device))
    for name, value in batch.items():
        if name.endswith(IDS) and _same(value, ids):
            mask = batch.get(name.removesuffix(IDS) + MASK)
            if mask is not None and mask.numel() == ids.numel():
                free = free & mask.reshape(ids.shape).bool()
            break
    return free


def _same(value: Tensor, ids: Tensor) -> bool:
    if value.numel() != ids.numel():
        return False
    # The usual case, told without waiting for the device.
    alike = value.data_ptr() == ids.data_ptr() and value.is_contiguous() and ids.is_contiguous()
    return alike or torch.equal(value.reshape(ids.shape), ids)
