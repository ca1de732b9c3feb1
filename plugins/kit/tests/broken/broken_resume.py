"""Weighs the loss by a count that is forgotten when the run stops."""

from dataclasses import replace

from ft import Plugin, hookimpl


class Broken(Plugin):
    calls = 0

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        self.calls += 1
        loss = inner(run, model, batch)
        return replace(loss, total=loss.total * min(1.0, 0.2 * self.calls))
