"""Does not say what a setting means."""

import ft


class Broken(ft.Plugin):
    class Config(ft.Config):
        weight: float = 0.5

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)
