"""Steps less and less, by a count that the optimizer's state_dict does not have."""

import torch

from ft import Plugin, hookimpl


class Slower(torch.optim.SGD):
    steps = 0

    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            group["lr"] /= self.steps
        return super().step(closure)


class Broken(Plugin):
    @hookimpl
    def build_optimizer(self, run, groups):
        return Slower(groups, lr=run.config.learning_rate)
