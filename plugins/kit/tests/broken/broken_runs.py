"""Looks for a key that no batch has."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, {"input_ids": batch["tokens"]})
