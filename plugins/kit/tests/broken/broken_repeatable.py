"""Draws from a generator that nobody seeds."""

from dataclasses import replace

import numpy as np

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        loss = inner(run, model, batch)
        return replace(loss, total=loss.total * (1 + 0.1 * np.random.default_rng().random()))
