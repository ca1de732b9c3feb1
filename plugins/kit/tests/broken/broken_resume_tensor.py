"""Weighs the loss by its running mean, a tensor that is forgotten when the run stops."""

from dataclasses import replace

import torch

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        loss = inner(run, model, batch)
        mean = getattr(self, "mean", torch.zeros(()))
        self.mean = 0.5 * mean + 0.5 * loss.total.detach() / loss.items
        return replace(loss, total=loss.total * (1 + self.mean))
