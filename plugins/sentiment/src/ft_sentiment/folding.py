"""The temperature inside the saved weights, so that transformers gives calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

CLOSE = {"rtol": 1e-3, "atol": 1e-4}


@torch.no_grad()
def fold(model: nn.Module, inputs: Mapping[str, Tensor], classes: int, temperature: float) -> bool:
    """Divide the last layer by the temperature, which divides the logits.

    Which layer that is, is found by trying: a linear one with as many outputs as there are classes,
    after whose division the logits are divided too. Any other is put back as it was.

    Args:
        model: gives ``logits``, (batch, classes).
        inputs: a batch to try it on.
        classes: how many.
        temperature: the divisor.

    Returns:
        Whether there is such a layer.
    """
    training = model.training
    model.eval()
    try:
        wanted = model(**inputs)["logits"] / temperature
        heads = [m for m in model.modules() if isinstance(m, nn.Linear)]
        for head in reversed(heads):
            if head.out_features != classes:
                continue
            parameters = [p for p in (head.weight, head.bias) if p is not None]
            before = [p.clone() for p in parameters]
            for parameter in parameters:
                parameter.div_(temperature)
            if torch.allclose(model(**inputs)["logits"], wanted, **CLOSE):
                return True
            for parameter, old in zip(parameters, before, strict=True):
                parameter.copy_(old)
        return False
    finally:
        model.train(training)
