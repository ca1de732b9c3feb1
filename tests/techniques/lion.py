"""Lion (Chen et al. 2023, arXiv 2302.06675) with a schedule of its own."""

import math

import torch
from pydantic import Field

from ft import Config, Plugin, hookimpl


class Lion(Plugin):
    """Steps by the sign of a momentum, with a cosine schedule."""

    class Config(Config):
        floor: float = Field(0.1, ge=0, le=1, description="the rate's share at the end")

    def learning_rate(self, run, progress):
        return self.config.floor + (1 - self.config.floor) * (1 + math.cos(math.pi * progress)) / 2

    @hookimpl
    def build_optimizer(self, run, groups):
        return LionOptimizer(groups)


class LionOptimizer(torch.optim.Optimizer):
    """The optimizer, after torch's convention."""

    def __init__(self, groups, lr=1e-4, betas=(0.9, 0.99)):
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            one, two = group["betas"]
            for p in group["params"]:
                if p.grad is not None:
                    mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.sub_(group["lr"] * torch.sign(one * mean + (1 - one) * p.grad))
                    mean.mul_(two).add_(p.grad, alpha=1 - two)
