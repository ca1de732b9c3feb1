"""Forgets to mark a hook, which is then never called."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def on_run_start(self, run):
        self.weight = 0.5

    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch).plus(self.weight, "penalty")
