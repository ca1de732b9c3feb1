"""An attack on a trained model, to see how much it can take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ft_adversarial.perturbation.ball import REACH, Norm, zeros
from ft_adversarial.perturbation.embedding import Shifts


@contextmanager
def attack(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    loss_fn: Callable[[nn.Module, Mapping[str, Tensor]], Tensor],
    radius: float,
    steps: int,
    *,
    special_ids: Sequence[int] = (),
    norm: Norm = "l2",
    step_size: float | None = None,
) -> Iterator[list[Tensor]]:
    """Inside this context the model sees the batch under attack: PGD, Madry et al. 2018.

    Projected gradient ascent on the loss from the clean embeddings. The weights, their gradients
    and the mode (training or evaluation) of the model are left as they are, and so is the model
    itself afterwards. Works inside ``torch.no_grad`` and ``torch.inference_mode``.

    Args:
        model: says through ``get_input_embeddings`` which module embeds its words.
        batch: its inputs; inside the context call the model once and with these.
        loss_fn: maps the model and the batch to a scalar loss, a sum over the examples, so that
            one example does not weaken the attack on another.
        radius: largest norm of one example's perturbation.
        steps: ascent steps.
        special_ids: token ids that are never perturbed.
        norm: ``l2`` over an example's embeddings, or ``linf``.
        step_size: length of a step; by default 2.5 radii over all steps.

    Yields:
        The perturbations, (examples, tokens, dim), one for each call of the word embedding.

    Raises:
        PluginError: the model does not say which module embeds its words.
        TrainingError: the model does not call it, or not alike each time.
    """
    size = step_size or REACH * radius / steps
    with torch.inference_mode(False), torch.enable_grad():
        # Tensors made in inference mode may not take part in a backward pass.
        usable = {name: v.clone() if v.is_inference() else v for name, v in batch.items()}
        shifts = Shifts(model, usable, special_ids, zeros, without_gradient=True)
        for _ in range(steps):
            with shifts.applied(learning=True):
                loss = loss_fn(model, usable)
            shifts.ascend(shifts.gradients(loss), size, radius, norm)
    with shifts.applied():
        yield shifts.values
