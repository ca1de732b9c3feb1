"""Cannot be made: reads a setting that it does not have."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    def __init__(self, config=None):
        super().__init__(config)
        self.rate = self.config.rate

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)
