"""Decodes by a threshold that was fitted in training and is not saved."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    threshold = 2.0

    @hookimpl
    def on_epoch_end(self, run):
        self.threshold = 0.0

    @hookimpl
    def decode(self, inner, run, outputs, examples):
        items = inner(run, outputs, examples)
        return [{**item, "sure": [s > self.threshold for s in item["scores"]]} for item in items]
