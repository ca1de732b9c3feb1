"""Shuffles words with the global generator, and so shifts the dropout of the training."""

import torch

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def encode(self, inner, run, examples, training):
        if training:
            order = torch.randperm(3).tolist()
            sentences = [[*(s[i] for i in order if i < len(s)), *s[3:]] for s in examples["tokens"]]
            examples = {**examples, "tokens": sentences}
        return inner(run, examples, training)
