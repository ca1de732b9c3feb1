"""AdaLoRA's budget: which singular values of which layers are kept (Zhang et al. 2023, arXiv 2303.10512)."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from peft.tuners.adalora import RankAllocator
from torch import Tensor, nn

from ft import Run

BEGIN, END = 0.1, 0.6
"""Shares of the training between which the budget falls; before and after the ranks stay."""

ALLOCATIONS = 100
"""In so many steps of a training the budget falls."""

ORTHOGONAL = 0.1
"""Weight of the loss that keeps singular vectors orthogonal, as in the paper."""

ADAPTER = "default"
IMPORTANCE, UNCERTAINTY, LATEST = "importance/", "uncertainty/", "latest/"


class Budget:
    """Gives ranks to the layers by how much the loss depends on them.

    Sensitivity is taken from weights and gradients as they are before a step, and what it finds of least
    worth is put to 0 after it, as in the paper's algorithm.

    Args:
        encoder: with AdaLoRA's layers.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._encoder = encoder
        own: Any = encoder.peft_config[ADAPTER]  # type: ignore[index]
        settings = SimpleNamespace(target_r=own.target_r, beta1=own.beta1, beta2=own.beta2)
        self._ranks = RankAllocator(encoder, settings, ADAPTER)
        self.kept: dict[str, list[bool]] = {}

    def before_step(self, run: Run) -> float:
        """Measure sensitivity, and add the gradient of the loss of vectors that are not orthogonal.

        Returns:
            That loss.
        """
        own = {
            n: p for n, p in self._encoder.named_parameters() if "lora_" in n and p.requires_grad
        }
        if any(parameter.grad is None for parameter in own.values()):
            return 0.0
        if run.step <= round(END * run.total_steps):
            self._ranks.update_ipt(self._encoder)
        vectors = [p for n, p in own.items() if "lora_A" in n or "lora_B" in n]
        with torch.enable_grad():
            loss = ORTHOGONAL * torch.stack([_apart(one) for one in vectors]).sum()
        for parameter, more in zip(vectors, torch.autograd.grad(loss, vectors), strict=True):
            parameter.grad = parameter.grad + more  # type: ignore[operator]
        return float(loss.detach())

    def after_step(self, run: Run) -> None:
        """Put to 0 what the budget has no room for."""
        step, total = run.step, run.total_steps
        begin, end = round(BEGIN * total), round(END * total)
        if begin < step <= end:
            every = max(1, total // ALLOCATIONS)
            if (step - begin) % every == 0 or step == end:
                self._allocate(1 - (step - begin) / max(1, end - begin))
        if self.kept:
            self._ranks.mask_using_rank_pattern(self._encoder, self.kept)

    def _allocate(self, left: float) -> None:
        first, last = self._ranks.init_bgt, self._ranks.target_bgt
        budget = int(last + (first - last) * left**3)
        if budget < first and self._ranks.ipt:
            self.kept = self._ranks.mask_to_budget(self._encoder, budget)

    def tensors(self) -> dict[str, Tensor]:
        """What later allocations depend on."""
        found = {IMPORTANCE + name: value for name, value in self._ranks.exp_avg_ipt.items()}
        found |= {LATEST + name: value for name, value in self._ranks.ipt.items()}
        return found | {UNCERTAINTY + n: v for n, v in self._ranks.exp_avg_unc.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave."""
        ranks = self._ranks
        for name, value in tensors.items():
            if name.startswith(IMPORTANCE):
                ranks.exp_avg_ipt[name.removeprefix(IMPORTANCE)] = value
            elif name.startswith(LATEST):
                ranks.ipt[name.removeprefix(LATEST)] = value
            else:
                ranks.exp_avg_unc[name.removeprefix(UNCERTAINTY)] = value


def _apart(vectors: Tensor) -> Tensor:
    """How far the rows of a wide matrix, or the columns of a tall one, are from orthonormal."""
    rows = vectors if vectors.shape[0] <= vectors.shape[1] else vectors.T
    product = rows @ rows.T
    return torch.linalg.matrix_norm(product - torch.eye(len(product), device=rows.device))
