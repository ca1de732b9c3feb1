"""Parameters that have never learned: no checkpoint holds them, their hash is compared instead."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ft.engine.mapped import give_back


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and every buffer that a saved model holds, once, by its first name."""
    return {name: value.detach() for name, value in _once(_saved(model))}


def everything(model: nn.Module) -> dict[str, Tensor]:
    """`weights`, and the buffers that a saved model does not hold."""
    return {name: tensor.detach() for name, tensor in _all(model).items()}


def _all(model: nn.Module) -> dict[str, Tensor]:
    return dict(_once([*_saved(model), *model.named_buffers()]))


def _saved(model: nn.Module) -> list[tuple[str, Tensor]]:
    state = model.state_dict(keep_vars=True)
    return [(name, value) for name, value in state.items() if isinstance(value, Tensor)]


def _once(named: Iterable[tuple[str, Tensor]]) -> list[tuple[str, Tensor]]:
    seen: set[int] = set()
    kept = []
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            kept.append((name, value))
    return kept


class Constant:
    """The parameters of a model that are frozen from the beginning and stay as they are.

    One that is made trainable later, or is written to, is one of them no more.

    Args:
        model: with its pre-trained weights, before its first step.
    """

    def __init__(self, model: nn.Module) -> None:
        self._known = {
            name: (value, value._version)
            for name, value in _all(model).items()
            if isinstance(value, nn.Parameter) and not value.requires_grad
        }
        self._hashes: dict[str, bytes] = {}

    def names(self) -> frozenset[str]:
        """Their names."""
        for name, (value, version) in list(self._known.items()):
            if value.requires_grad or value._version != version:
                del self._known[name]
        return frozenset(self._known)

    def digest(self, names: Iterable[str]) -> str | None:
        """One hash over those of the names; ``None`` if there are none, or one is not among them."""
        names, known = sorted(names), self.names()
        if not names or not known.issuperset(names):
            return None
        whole = hashlib.sha256()
        for name in names:
            if name not in self._hashes:
                self._hashes[name] = _hash(self._known[name][0])
            whole.update(name.encode() + b"\0" + self._hashes[name])
        return whole.hexdigest()


def _hash(tensor: Tensor) -> bytes:
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    about = f"{tensor.dtype}{tuple(tensor.shape)}".encode()
    whole = hashlib.sha256(about + b"\0")
    whole.update(flat.numpy().data)
    give_back([tensor])
    return whole.digest()
