"""Low-rank adapters (Hu et al. 2022, arXiv 2106.09685)."""

from copy import deepcopy
from functools import partial

import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import nn

from ft import Config, Plugin, PluginError, hookimpl


class LowRank(nn.Module):
    """A linear layer that stands still, and a product of two thin matrices that learns."""

    def __init__(self, plain, rank, alpha):
        super().__init__()
        self.plain, self.scale = plain, alpha / rank
        self.down = nn.Parameter(torch.randn(rank, plain.in_features) / plain.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(plain.out_features, rank))

    def forward(self, x):
        return self.plain(x) + (x @ self.down.T @ self.up.T) * self.scale

    def merged(self):
        with torch.no_grad():
            self.plain.weight += self.up @ self.down * self.scale
        return self.plain


def put(model, chosen, made):
    """Put ``made(child)`` in the place of each child that is chosen by its name and itself."""
    places = [
        (module, name, child)
        for module in model.modules()
        for name, child in module.named_children()
        if chosen(name, child)
    ]
    for module, name, child in places:
        setattr(module, name, made(child))
    return len(places)


class Lora(Plugin):
    """Trains thin matrices beside the encoder's layers; saves the adapter and the merged model."""

    families = ("encoder", "decoder")

    class Config(Config):
        rank: int = Field(8, gt=0, description="rows of the thin matrices")
        alpha: float = Field(16.0, gt=0, description="their product counts alpha / rank")
        layers: tuple[str, ...] = Field(
            ("query", "value", "q_proj", "v_proj"), description="names of the layers"
        )

    @hookimpl
    def build_head(self, inner, run, data):
        model, config = inner(run, data), self.config
        if run.restored:  # the merged model
            return model
        model.base_model.requires_grad_(False)
        made = partial(LowRank, rank=config.rank, alpha=config.alpha)
        if not put(model.base_model, lambda name, _: name in config.layers, made):
            raise PluginError(f"the encoder has no layer {' or '.join(config.layers)}")
        return model

    @hookimpl
    def save_model(self, inner, run, model, folder):
        adapter = {n: p.detach().cpu() for n, p in model.named_parameters() if p.requires_grad}
        save_file(adapter, folder / "adapter.safetensors")
        merged = deepcopy(model)
        put(merged, lambda _, child: isinstance(child, LowRank), LowRank.merged)
        inner(run, merged, folder)
