"""Alters the lists that it was given."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def encode(self, inner, run, examples, training):
        if training:
            for words in examples["tokens"]:
                words[0] = "house"
        return inner(run, examples, training)
