"""Adds a parameter that it makes anew where the saved model is loaded."""

import torch

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def build_head(self, inner, run, data):
        model = inner(run, data)
        model.scale = torch.nn.Parameter(torch.ones(()))

        def rescale(module, given, outputs):
            outputs["logits"] = outputs["logits"] * module.scale
            return outputs

        model.register_forward_hook(rescale)
        return model
