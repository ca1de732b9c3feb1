"""Adds a term that is 0, and whose gradient depends on the other examples of the batch."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        loss = inner(run, model, batch)
        logits = loss.outputs["logits"]
        spread = (logits - logits.mean(0)).square().sum()
        return loss.plus(spread - spread.detach(), "spread")
