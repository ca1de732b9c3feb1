"""A student made from the layers of a model (Sanh et al. 2019, arXiv 1910.01108; Sun et al. 2019, arXiv 1908.09355).

The lowest layers go on as they did: each has the input that it learned with. A layer whose neighbours below are left out has
another, and the upper ones are the task's own, which a student learns anew (Sajjad et al. 2023, arXiv 2004.03844).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ft import ConfigError

RATE, WIDTH = 2e-4, 384
"""The peak learning rate of a student of some layers, and up to which width of an encoder; a wider one takes smaller steps."""


def layers_of(model: Any, where: str) -> tuple[nn.Module, str, nn.ModuleList]:
    """The layers of the encoder, from below, with the module and the name that they stand under.

    Raises:
        ConfigError: there is no such list, or there are several as long.
    """
    base = getattr(model, "base_model", model)
    found = [
        (module, name, child)
        for module in base.modules()
        for name, child in module.named_children()
        if isinstance(child, nn.ModuleList)
    ]
    most = max((len(child) for _, _, child in found), default=0)
    longest = [one for one in found if len(one[2]) == most]
    if most == 0 or (most > 1 and len(longest) > 1):
        what = "several lists of layers" if longest else "no list of layers"
        raise ConfigError(
            f"the model, a {type(model).__name__}, has {what}",
            where=where,
            hint="leave this setting out for this model",
        )
    return longest[0]


def chosen_layers(given: int | Sequence[int], of: int, where: str) -> tuple[int, ...]:
    """The layers that a setting names, of so many.

    Raises:
        ConfigError: the model does not have so many.
    """
    most = given if isinstance(given, int) else max(given)
    if most > of:
        asked = f"asks for {most} layers" if isinstance(given, int) else f"names layer {most}"
        raise ConfigError(f"{asked}, and the model has {of}", where=where, hint=f"at most {of}")
    return tuple(range(1, given + 1)) if isinstance(given, int) else tuple(given)


def keep_layers(model: Any, given: int | Sequence[int], where: str) -> tuple[tuple[int, ...], int]:
    """Leave the chosen layers in the model, and the others out; its configuration says so.

    Args:
        model: with an encoder of layers.
        given: how many, the lowest ones; or which, counted from 1.
        where: the setting, for messages.

    Returns:
        The chosen layers, and how many there were.

    Raises:
        ConfigError: the encoder does not have them, or its configuration does not say how many it has.
    """
    module, name, layers = layers_of(model, where)
    count = len(layers)
    chosen = chosen_layers(given, count, where)
    config = getattr(getattr(model, "base_model", model), "config", None)
    if getattr(config, "num_hidden_layers", None) != count:
        raise ConfigError(
            f"the configuration of {type(model).__name__} does not say that it has {count} layers, so "
            "that a model with fewer could not be loaded again",
            where=where,
            hint="give a smaller model with --model in place of this setting",
        )
    setattr(module, name, nn.ModuleList([layers[k - 1] for k in chosen]))
    for one in {id(c): c for c in (config, getattr(model, "config", config))}.values():
        for key, value in list(vars(one).items()):  # such as what kind of attention a layer has
            if isinstance(value, list | tuple) and len(value) == count:
                setattr(one, key, [value[k - 1] for k in chosen])
        one.num_hidden_layers = len(chosen)
    return chosen, count


def student_rate(folder: Path) -> dict[str, float]:
    """The learning rate for a student of the layers of a saved model, as a setting; none where its width is not known."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        width = next(config[name] for name in ("hidden_size", "dim", "d_model") if name in config)
        return {"learning_rate": RATE * min(1.0, WIDTH / width)}
    except (OSError, ValueError, TypeError, StopIteration, ZeroDivisionError):
        return {}
