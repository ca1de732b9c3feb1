"""Arithmetic of perturbations: starts, ascent directions and projections, example by example.

Shapes throughout: a perturbation or its gradient is (..., tokens, dim); ``free`` is (..., tokens),
true where a token may be perturbed. An example is one index of the leading dimensions.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Norm = Literal["l2", "linf"]

REACH = 2.5
"""Step sizes add up to so many radii, so that the whole ball can be reached from any point in it
(Madry et al. 2018)."""

EXAMPLE = (-2, -1)


def zeros(like: Tensor, free: Tensor) -> Tensor:
    """No perturbation, shaped as the embeddings ``like``, in float32 at least."""
    return torch.zeros_like(like, dtype=torch.promote_types(like.dtype, torch.float32))


def uniform_start(
    like: Tensor, free: Tensor, size: float, norm: Norm, generator: torch.Generator
) -> Tensor:
    """A random start of at most ``size`` in the norm: FreeLB's, Zhu et al. 2020, Algorithm 1.

    Uniform in [-size, size] in each coordinate, for l2 divided by the root of the number of the
    example's free coordinates.
    """
    noise = torch.rand(like.shape, generator=generator, device=like.device, dtype=torch.float32)
    start = _masked((2 * noise - 1) * size, free).to(zeros(like, free).dtype)
    if norm == "linf":
        return start
    coordinates = (free.sum(-1) * like.shape[-1]).clamp_min(1)
    return start / coordinates.sqrt()[..., None, None]


def noise_start(
    like: Tensor,
    free: Tensor,
    size: float,
    kind: Literal["uniform", "normal"],
    generator: torch.Generator,
) -> Tensor:
    """Independent noise in each free coordinate: N(0, size²) or uniform in [-size, size]."""
    options = {"generator": generator, "device": like.device, "dtype": torch.float32}
    if kind == "normal":
        noise = torch.randn(like.shape, **options) * size  # type: ignore[call-overload]
    else:
        noise = (2 * torch.rand(like.shape, **options) - 1) * size  # type: ignore[call-overload]
    return _masked(noise, free).to(zeros(like, free).dtype)


def direction(gradient: Tensor, free: Tensor, norm: Norm) -> Tensor:
    """The steepest ascent of unit norm for each example: g/‖g‖₂, or the sign of g.

    Zero for an example whose gradient is zero or not finite, so that it is left unperturbed.
    """
    gradient = _masked(gradient, free)
    # Dividing by the largest entry first keeps the squares of tiny or huge gradients in range.
    peak = gradient.abs().amax(EXAMPLE, keepdim=True)
    usable = torch.isfinite(peak) & (peak > 0)
    scaled = torch.where(usable, gradient / torch.where(usable, peak, 1), 0)
    if norm == "linf":
        return scaled.sign()
    return scaled / _length(scaled).clamp_min(1)


def project(value: Tensor, radius: float, norm: Norm) -> Tensor:
    """The nearest perturbation of norm at most ``radius``, for each example."""
    if norm == "linf":
        return value.clamp(-radius, radius)
    length = _length(value)
    return torch.where(length > radius, value * (radius / length), value)


def _length(value: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(value, dim=EXAMPLE, keepdim=True)
    return length


def _masked(value: Tensor, free: Tensor) -> Tensor:
    return torch.where(free[..., None], value, 0)
