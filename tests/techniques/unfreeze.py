"""Gradual unfreezing (Howard & Ruder 2018, arXiv 1801.06146)."""

from ft import Plugin, hookimpl


class Unfreeze(Plugin):
    """Lets one more layer of the encoder learn in every epoch, from the top."""

    @hookimpl
    def on_run_start(self, run):
        run.model.base_model.requires_grad_(False)

    @hookimpl
    def on_epoch_start(self, run, epoch):
        layers = list(run.model.base_model.encoder.layer)
        for layer in layers[max(0, len(layers) + 1 - epoch) :]:
            layer.requires_grad_(True)
