"""Asks for an argument that the hook does not have."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batches):
        return inner(run, model, batches)
