"""Keeps numbers as keys, which JSON turns into text."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    def __init__(self, config=None):
        super().__init__(config)
        self.seen = {}

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        self.seen[len(batch["labels"])] = 1
        return inner(run, model, batch)

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = dict(state.get("seen", {}))
