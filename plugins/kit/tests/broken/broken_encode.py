"""Draws from its own generator in encode, which a resume in mid-epoch cannot repeat."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def encode(self, inner, run, examples, training):
        if training:
            sentences = [list(self.rng.permutation(s)) for s in examples["tokens"]]
            examples = {**examples, "tokens": sentences}
        return inner(run, examples, training)
