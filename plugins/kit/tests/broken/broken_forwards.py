"""Takes two passes, and does not say so."""

from dataclasses import replace

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        first, second = inner(run, model, batch), inner(run, model, batch)
        return replace(first, total=(first.total + second.total) / 2)
