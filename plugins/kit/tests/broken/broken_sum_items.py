"""Counts every batch as one item."""

from dataclasses import replace

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        return replace(inner(run, model, batch), items=1.0)
