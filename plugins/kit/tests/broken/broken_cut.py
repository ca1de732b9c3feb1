"""Compares the outputs of an example with the mean of its batch, and does not say so."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        loss = inner(run, model, batch)
        logits = loss.outputs["logits"]
        return loss.plus(0.1 * (logits - logits.mean(0)).square().sum(), "spread")
