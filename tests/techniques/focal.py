"""Focal loss (Lin et al. 2017, arXiv 1708.02002) on any task with items."""

from pydantic import Field

from ft import Config, Plugin, hookimpl


class Focal(Plugin):
    """Items that the model knows already count less."""

    needs_graph = True

    class Config(Config):
        gamma: float = Field(2.0, ge=0, description="how much less")

    @hookimpl
    def loss_of(self, inner, run, outputs, batch):
        loss = inner(run, outputs, batch)
        return loss.weighed((1 - (-loss.each).exp()) ** self.config.gamma)
