"""Takes it for granted that a sentence has a first word."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def encode(self, inner, run, examples, training):
        words = [[one[0].upper(), *one[1:]] for one in examples["tokens"]]
        return inner(run, {**examples, "tokens": words}, training)
