"""The methods: what each paper does with the passes over one batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ft import Loss
from ft_adversarial.perturbation.ball import noise_start, uniform_start, zeros
from ft_adversarial.perturbation.embedding import Start
from ft_adversarial.training.divergence import divergence
from ft_adversarial.training.passes import Passes
from ft_adversarial.training.settings import Ascent, TrainingConfig

MethodFunction = Callable[[str, TrainingConfig, Passes, torch.Generator], Loss]
"""Takes the name to log under, the settings, the passes and a source of noise; returns the loss
that is left to back-propagate."""


def attacked(name: str, config: TrainingConfig, passes: Passes, generator: torch.Generator) -> Loss:
    """FGM and PGD: the loss at a perturbation found by projected gradient ascent.

    FGM (Miyato et al. 2017, arXiv 1605.07725) is one step from the clean embeddings to the edge of
    the ball. PGD (Madry et al. 2018, arXiv 1706.06083) takes several and projects after each. The
    clean pass is back-propagated first; its gradient at the embeddings is the first ascent step's,
    unless the start is random. Dropout masks are fresh in every pass: neither paper shares them.
    """
    ascent = config.ascent
    shifts = passes.shifts(_start(ascent, generator))
    gradients: list[Tensor] | None = None
    clean: Loss | None = None
    if config.clean_weight:
        if ascent.init:
            clean = passes.backpropagated(config.clean_weight)
        else:
            clean = passes.backpropagated(config.clean_weight, shifts)
            gradients = shifts.gradients()
    for _ in range(ascent.steps):
        if gradients is None:
            gradients = passes.probed(shifts, lambda loss: loss.total)
        shifts.ascend(gradients, ascent.step_size, ascent.radius, ascent.norm)
        gradients = None
    return _joined(name, config, clean, passes.last(shifts), config.weight)


def freelb(name: str, config: TrainingConfig, passes: Passes, generator: torch.Generator) -> Loss:
    """FreeLB (Zhu et al. 2020, arXiv 1909.11764), Algorithm 1: each ascent step trains too.

    Each of K passes adds its share 1/K to the gradient of the weights, and the same backward pass
    moves the perturbation for the next. All passes share their dropout masks, as its section on
    dropout asks: each ascent step then attacks the network that the step trains. The paper has no
    clean pass; here there is one, with the same masks, unless ``clean_weight`` is 0.
    """
    ascent = config.ascent
    clean = passes.backpropagated(config.clean_weight) if config.clean_weight else None
    share = config.weight / ascent.steps
    shifts = passes.shifts(_start(ascent, generator))
    earlier: list[Tensor] = []
    for _ in range(ascent.steps - 1):
        loss = passes.backpropagated(share, shifts)
        earlier.append(share * loss.total)
        shifts.ascend(shifts.gradients(), ascent.step_size, ascent.radius, ascent.norm)
    joined = _joined(name, config, clean, passes.last(shifts), share)
    term = torch.stack([*earlier, joined.parts[name]]).sum()
    return replace(joined, parts={**joined.parts, name: term})


def smart(name: str, config: TrainingConfig, passes: Passes, generator: torch.Generator) -> Loss:
    """SMART's smoothness term (Jiang et al. 2020, arXiv 1911.03437), VAT's with ``forward``.

    From small normal noise, ascent on the divergence of the noised outputs from the clean ones;
    needs no labels. With one step this is the power iteration of VAT (Miyato et al. 2018, arXiv
    1704.03976). Dropout masks are fresh in every pass, as in the authors' code.
    """
    ascent, symmetric = config.ascent, config.divergence != "forward"
    clean = passes.kept()
    fixed = {key: value.detach() for key, value in clean.outputs.items()}

    def apart(loss: Loss) -> Tensor:
        return divergence(loss.outputs, fixed, passes.batch, symmetric=symmetric)

    shifts = passes.shifts(_noise(config, generator))
    for _ in range(ascent.steps):
        gradients = passes.probed(shifts, apart)
        shifts.ascend(gradients, ascent.step_size, ascent.radius, ascent.norm)
    outputs = passes.last(shifts).outputs
    term = divergence(outputs, clean.outputs, passes.batch, symmetric=symmetric)
    return _regularised(name, config, clean, term)


def r3f(name: str, config: TrainingConfig, passes: Passes, generator: torch.Generator) -> Loss:
    """R3F (Aghajanyan et al. 2021, arXiv 2008.03156): divergence under random noise, no ascent.

    Dropout masks are fresh in both passes, as in the authors' code.
    """
    clean = passes.kept()
    outputs = passes.last(passes.shifts(_noise(config, generator))).outputs
    symmetric = config.divergence != "forward"
    term = divergence(outputs, clean.outputs, passes.batch, symmetric=symmetric)
    return _regularised(name, config, clean, term)


METHODS: dict[str, MethodFunction] = {
    "fgm": attacked,
    "pgd": attacked,
    "freelb": freelb,
    "smart": smart,
    "r3f": r3f,
}


def _start(ascent: Ascent, generator: torch.Generator) -> Start:
    if not ascent.init:
        return zeros
    return lambda like, free: uniform_start(like, free, ascent.init, ascent.norm, generator)


def _noise(config: TrainingConfig, generator: torch.Generator) -> Start:
    kind = "normal" if config.method == "smart" else config.noise_kind or "uniform"
    return lambda like, free: noise_start(like, free, config.noise_size, kind, generator)


def _joined(
    name: str, config: TrainingConfig, clean: Loss | None, last: Loss, weight: float
) -> Loss:
    """What is left to back-propagate, with the items, outputs and parts of the clean pass."""
    total = weight * last.total
    first = last if clean is None else clean
    parts = {**first.parts}
    if clean is not None:
        parts[f"{name}/clean"] = config.clean_weight * clean.total
    parts[name] = total.detach()
    return Loss(total, first.items, first.outputs, parts)


def _regularised(name: str, config: TrainingConfig, clean: Loss, term: Tensor) -> Loss:
    total = config.clean_weight * clean.total
    parts = {**clean.parts, f"{name}/clean": total.detach()}
    return replace(clean, total=total, parts=parts).plus(config.weight * term, name)
