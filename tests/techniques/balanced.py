"""Classes come equally often (Japkowicz & Stephen 2002)."""

import numpy as np

from ft import Plugin, hookimpl


class Balanced(Plugin):
    """Repeats examples of rare classes until each class has as many as the most frequent."""

    needs_schema = ("label:single",)

    @hookimpl
    def order(self, inner, run, epoch):
        ids = np.asarray(inner(run, epoch))
        labels = np.asarray(run.data.splits["train"][run.data.schema.label.column])[ids]
        names, counts = np.unique(labels, return_counts=True)
        rng = self.rng_at(epoch)
        each = [np.resize(rng.permutation(ids[labels == name]), counts.max()) for name in names]
        return rng.permutation(np.concatenate(each))
