"""Replay of an older run's examples against forgetting (Robins 1995; Rolnick et al. 2019)."""

from dataclasses import replace

import numpy as np
from pydantic import Field

from ft import Config, DataError, Plugin, hookimpl


class Replay(Plugin):
    """Trains on a part of an older run's examples too, and scores its test split in every epoch."""

    class Config(Config):
        run: str = Field(description="folder of the older run")
        share: float = Field(0.2, gt=0, le=1, description="of its examples, in every epoch")

    @hookimpl
    def load_data(self, inner, run):
        data, trained = inner(run), run.load_trained(self.config.run)
        old = trained.data()
        if trained.schema.targets != data.schema.targets:
            raise DataError("the older run has other labels", where=str(trained.folder))
        for path in {path for files in old.files.values() for path in files}:
            run.uses(path)
        self.own = len(data.splits["train"])
        data = data.with_rows("train", old.splits["train"], old.files.get("train", ()))
        data = data.with_rows("old", old.splits["test"], old.files.get("test", ()))
        each = (*data.schema.each_epoch, "old")
        return replace(data, schema=replace(data.schema, each_epoch=each))

    @hookimpl
    def order(self, inner, run, epoch):
        ids = np.asarray(inner(run, epoch))
        old = np.arange(self.own, len(run.data.splits["train"]))
        count = int(np.ceil(self.config.share * len(old)))
        chosen = self.rng_at(epoch).choice(old, count, replace=False)
        return ids[(ids < self.own) | np.isin(ids, chosen)]
