"""How a model is loaded and called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from drawing bars and from listing a new head's weights as missing."""
    from transformers import logging

    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    # A change of level makes every logger of the process forget what it knows of the others.
    if level != logging.ERROR:
        logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if logging.get_verbosity() != level:
            logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def forward(model: nn.Module, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Call the model with the inputs of a batch that it takes, without ``labels*`` and ``keep_*``."""
    parameters = inspect.signature(model.forward).parameters
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    inputs = {
        name: value
        for name, value in batch.items()
        if not name.startswith(("labels", "keep_")) and (takes_all or name in parameters)
    }
    result: Mapping[str, Tensor] = model(**inputs)
    return result
