"""Takes unknown settings without a word."""

from pydantic import ConfigDict, Field

import ft


class Broken(ft.Plugin):
    class Config(ft.Config):
        model_config = ConfigDict(extra="ignore")
        weight: float = Field(0.5, description="factor on the loss")

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)
