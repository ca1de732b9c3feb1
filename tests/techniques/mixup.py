"""Mixup of word embeddings (Zhang et al. 2018, arXiv 1710.09412; Guo et al. 2019, arXiv 1905.08941)."""

from dataclasses import replace

import torch
from pydantic import Field

from ft import Config, Plugin, hookimpl


class Mixup(Plugin):
    """Mixes each example with another of its batch, in one pass, and their losses alike."""

    whole_batch = True
    needs_graph = True
    needs_schema = ("words|label",)
    before = ("adversarial",)  # which perturbs the words that are mixed

    class Config(Config):
        alpha: float = Field(0.4, gt=0, description="the larger, the more even are the two shares")

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        rng = self.rng_at(run.step)  # every pass over one batch mixes alike
        partner = torch.from_numpy(rng.permutation(len(batch["input_ids"]))).to(run.device)
        share = float(rng.beta(self.config.alpha, self.config.alpha))
        mixed = {name: value for name, value in batch.items() if name != "input_ids"}
        words, mask = model.get_input_embeddings()(batch["input_ids"]), batch["attention_mask"]
        mixed["inputs_embeds"] = share * words + (1 - share) * words[partner]
        mixed["attention_mask"] = torch.maximum(mask, mask[partner])
        mixed["keep_partner"] = partner
        mixed["keep_share"] = torch.full_like(partner, share, dtype=torch.float32)
        return inner(run, model, mixed)

    @hookimpl
    def loss_of(self, inner, run, outputs, batch):
        loss = inner(run, outputs, batch)
        if "keep_partner" not in batch:
            return loss
        partners = {name: value[batch["keep_partner"]] for name, value in batch.items()}
        share = float(batch["keep_share"][0])
        own, other = loss.weighed(share), inner(run, outputs, partners).weighed(1 - share)
        return replace(own, total=own.total + other.total, each=own.each + other.each)
