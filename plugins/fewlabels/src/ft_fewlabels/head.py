"""What the last layer of a model reads, and that layer fitted to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import torch
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.nn import functional

from ft import ConfigError, Plugin, Run, hookimpl

AT_ONCE = 32
IGNORE = -100
NOT_INPUTS = ("row", "word_ids", "word_count", "length")
FITTED = 100
"""Iterations of the fit at most."""
MOST = 20_000
"""Texts or words that a layer is fitted to at most."""
OF_TIME = 0.25
"""Share of the time that is left which something before the first epoch takes at most."""


class FromFeatures(Plugin):
    """A technique that looks at the training features before the first epoch."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.features: Any = None

    @hookimpl
    def on_features(self, run: Run, features: Any) -> None:
        """Keep what gives the training features, by example."""
        self.features = features


def last_layer(model: nn.Module, classes: int, owner: str) -> nn.Linear:
    """The linear layer that gives a number a class.

    Args:
        model: of a task.
        classes: how many.
        owner: the technique that asks.

    Raises:
        ConfigError: the model has none.
    """
    found = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == classes]
    if not found:
        raise ConfigError(
            f"the model, a {type(model).__name__}, has no linear layer of {classes} classes",
            hint=f"leave '{owner}' out for this model",
        )
    return found[-1]


def padded(features: Sequence[Mapping[str, Any]], pad_id: int) -> dict[str, Tensor]:
    """Token ids and what goes with them as tensors, with their mask.

    Args:
        features: as ``encode`` gives them, with ``input_ids``.
        pad_id: the token that pads.
    """
    longest = max(len(one["input_ids"]) for one in features)
    batch = {}
    for name, first in features[0].items():
        kept = name not in NOT_INPUTS and not name.startswith(("labels", "keep_"))
        if kept and hasattr(first, "__len__") and len(first) == len(features[0]["input_ids"]):
            pad = pad_id if name == "input_ids" else 0
            rows = [[*map(int, one[name])] for one in features]
            batch[name] = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    sizes = [len(one["input_ids"]) for one in features]
    batch["attention_mask"] = torch.tensor([[1] * n + [0] * (longest - n) for n in sizes])
    return batch


def what_it_reads(
    run: Run,
    model: nn.Module,
    layer: nn.Linear,
    features: Sequence[Mapping[str, Any]],
    owner: str,
    *,
    tokens: bool = False,
) -> Tensor:
    """What a layer is given in a pass: (features, size), or (features, tokens, size).

    Args:
        run: brings the device, the precision and the token that pads.
        model: of the task.
        layer: one of its layers.
        features: as ``encode`` gives them, with ``input_ids``.
        owner: the technique that asks.
        tokens: the layer is one for tags, which reads a vector a token.

    Raises:
        ConfigError: it is given something else, or the model wants more than these features.
    """
    inputs = {name: one.to(run.device) for name, one in padded(features, run.pad_id).items()}
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        with run.accelerator.autocast():
            model(**inputs)
    except TypeError as error:
        raise ConfigError(
            f"the model, a {type(model).__name__}, is not called with token ids alone: {error}",
            hint=f"leave '{owner}' out for this model",
        ) from error
    finally:
        handle.remove()
    sizes = inputs["input_ids"].shape
    if not seen or seen[-1].shape[:-1] != (sizes if tokens else sizes[:1]):
        raise ConfigError(
            f"the last layer of {type(model).__name__} does not read one vector "
            f"{'a token' if tokens else 'an example'}",
            hint=f"leave '{owner}' out for this model",
        )
    return seen[-1]


def fit_to_examples(plugin: FromFeatures, run: Run, most: int = MOST) -> str:
    """Fit the last layer to what the model, as it is, gives of the training examples; returns what was done.

    Within `run.time_limit` it looks at examples for at most a quarter of the time that is left.

    Args:
        plugin: the technique that asks; its numbers are drawn.
        run: with data of one class a text or a word, and a model.
        most: items that are taken at most, each a text or a word.

    Raises:
        ConfigError: the model has no such layer, or the data several targets.
    """
    data, model = run.data, run.model
    assert data is not None
    assert model is not None
    if len(data.schema.targets) != 1:
        raise ConfigError(
            f"the data has {len(data.schema.targets)} targets, and the layer of one cannot be told",
            hint=f"leave '{plugin.name}' out for this task",
        )
    words = data.schema.words
    tags = words is not None and words.tags is not None
    names = words.labels if words and tags else data.schema.targets[0].names
    layer = last_layer(model, len(names), plugin.name)
    order = plugin.rng_at("fit").permutation(len(data.splits["train"]))
    until = time_for(run)
    training = model.training
    model.eval()
    vectors: list[Tensor] = []
    labels: list[Tensor] = []
    with torch.no_grad():
        for k in range(0, len(order), AT_ONCE):
            ids = [int(i) for i in order[k : k + AT_ONCE]]
            part = [one for own in plugin.features.fetch(ids) for one in own]
            read = what_it_reads(run, model, layer, part, plugin.name, tokens=tags).float()
            gold = _gold(part, read)
            vectors.append(read[gold != IGNORE])
            labels.append(gold[gold != IGNORE])
            if sum(map(len, labels)) >= most or perf_counter() > until:
                break
        every, wanted = torch.cat(vectors)[:most], torch.cat(labels)[:most]
        fit(layer, every, wanted)
        right = (layer(every.to(layer.weight.dtype)).argmax(-1) == wanted).float().mean()
    model.train(training)
    return (
        f"{plugin.name}: the last layer was fitted to {len(wanted):,} {'words' if tags else 'examples'} before "
        f"the first epoch, and is right on {right:.1%} of them"
    )


def _gold(features: Sequence[Mapping[str, Any]], read: Tensor) -> Tensor:
    """The class of each vector that a layer reads, -100 where there is none."""
    if read.ndim == 2:
        return torch.tensor([int(one["labels"]) for one in features], device=read.device)
    rows = [[*map(int, one["labels"])] for one in features]
    rows = [row + [IGNORE] * (read.shape[1] - len(row)) for row in rows]
    return torch.tensor(rows, device=read.device)


def time_for(run: Run) -> float:
    """When what is done before the first epoch has to end, on `perf_counter`; infinite without a time limit."""
    now = perf_counter()
    return math.inf if run.deadline is None else now + (run.deadline - now) * OF_TIME


def equalise(run: Run) -> None:
    """Give every process the weights of the first one."""
    assert run.model is not None
    with torch.no_grad():
        for tensor in (
            [*run.model.parameters(), *run.model.buffers()] if run.ranks.count > 1 else ()
        ):
            tensor.copy_(broadcast(tensor.detach().clone()))


def fit(layer: nn.Linear, vectors: Tensor, labels: Tensor) -> None:
    """Fit a layer to vectors by logistic regression, with the usual penalty of half its squared norm.

    The vectors are centred and their mean length is made 1 first, for those of an encoder often have a large part in common, which
    the penalty would see instead of what tells them apart. The layer takes both into its weights. A class that was learned
    before keeps to what it has: the penalty is on the distance from there.

    Args:
        layer: of classes.
        vectors: (examples, size).
        labels: (examples,) class ids.
    """
    given = vectors.detach().double()
    centre = given.mean(0)
    given = given - centre
    scale = given.norm(dim=-1).mean().clamp_min(1e-12)
    given = given / scale
    before = layer.weight.detach().double()
    intercept = torch.zeros_like(before[:, 0])
    if layer.bias is not None:
        intercept = layer.bias.detach().double()
    # A class that begins anew has random weights and an intercept of 0.
    learned = intercept != 0
    start = before * learned[:, None] * scale
    weight = start.clone()
    level = (intercept + before @ centre) * learned
    bias = level.clone()
    both = [weight.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.LBFGS(both, max_iter=FITTED, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(given @ weight.T + bias, labels, reduction="sum")
        loss = loss + (weight - start).square().sum() / 2
        loss = loss + ((bias - level).square() * learned).sum() / 2
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(step)
    with torch.no_grad():
        layer.weight.copy_(weight / scale)
        if layer.bias is not None:
            layer.bias.copy_(bias - weight @ centre / scale)
