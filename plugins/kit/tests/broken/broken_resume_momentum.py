"""An optimizer that keeps its momentum beside its state, which its state_dict does not have."""

import torch

from ft import Plugin, hookimpl


class Momentum(torch.optim.SGD):
    def step(self, closure=None):
        kept = vars(self).setdefault("kept", {})
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    before = kept.get(parameter, 0.0)
                    kept[parameter] = parameter.grad = 0.9 * before + parameter.grad
        return super().step(closure)


class Broken(Plugin):
    @hookimpl
    def build_optimizer(self, run, groups):
        return Momentum(groups, lr=run.config.learning_rate)
