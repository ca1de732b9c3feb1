"""Alters more words the longer it trains, by the step: encode is called before the steps."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def encode(self, inner, run, examples, training):
        if training:
            sentences = [
                ["the" if i < run.step else w for i, w in enumerate(s)] for s in examples["tokens"]
            ]
            examples = {**examples, "tokens": sentences}
        return inner(run, examples, training)
