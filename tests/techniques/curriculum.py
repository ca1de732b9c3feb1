"""Easy examples first (Platanios et al. 2019, arXiv 1903.09848)."""

import numpy as np
from pydantic import Field

from ft import Config, Plugin, hookimpl


class Curriculum(Plugin):
    """Shows the shortest examples first, and in every epoch a larger share of all of them."""

    class Config(Config):
        first: float = Field(0.3, gt=0, le=1, description="share of the examples in epoch 1")

    @hookimpl
    def on_features(self, run, features):
        every = features.fetch(range(len(features)))
        self.sizes = np.array([sum(len(one["input_ids"]) for one in own) for own in every])

    @hookimpl
    def order(self, inner, run, epoch):
        ids = np.asarray(inner(run, epoch))
        begun = min(1.0, (epoch - 1) / max(1, run.config.epochs - 1))
        share = (self.config.first**2 + (1 - self.config.first**2) * begun) ** 0.5
        easiest = np.argsort(self.sizes[ids], kind="stable")[: int(np.ceil(share * len(ids)))]
        return ids[np.sort(easiest)]
