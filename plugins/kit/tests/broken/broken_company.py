"""Relies on the columns of one task."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def encode(self, inner, run, examples, training):
        words = [[word.lower() for word in sentence] for sentence in examples["tokens"]]
        return inner(run, {**examples, "tokens": words}, training)
