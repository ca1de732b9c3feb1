"""Saves the model without the bias of its head."""

from copy import deepcopy

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def save_model(self, inner, run, model, folder):
        lighter = deepcopy(model)
        lighter.classifier.bias.data.zero_()
        inner(run, lighter, folder)
