"""Masks words in the batch itself instead of in a copy."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        batch["input_ids"][:, 1] = run.tokenizer.mask_token_id
        return inner(run, model, batch)
