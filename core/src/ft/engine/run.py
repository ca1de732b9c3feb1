"""The run as the hooks see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.settings import RunConfig

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from ft.plugin import Plugin
    from ft.results import Loss
    from ft.schema import TaskData


class Run:
    """One run: its settings, its state, and what a hook may ask of it.

    Attributes:
        config: the ``[run]`` settings.
        output: the run's folder.
        model_path: the folder or hub name that the encoder and tokenizer come from.
        data: what `load_data` returned; ``None`` before.
        epoch: the epoch in progress, counted from 1; 0 before training.
        step: optimizer steps done.
        max_length: tokens a window at most, special tokens included.
        device: where the model is.
    """

    config: RunConfig
    output: Path
    model_path: str
    data: TaskData | None
    epoch: int
    step: int
    device: torch.device

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's fast tokenizer, loaded at first use."""
        raise NotImplementedError

    def note(self, text: str) -> None:
        """Say something to the user, once, and keep it in the record."""
        raise NotImplementedError

    def log(self, plugin: Plugin, name: str, value: Any) -> None:
        """Log a number under ``<plugin>/<name>`` with the next line of ``metrics.jsonl``."""
        raise NotImplementedError

    def stop(self, plugin: Plugin, reason: str) -> None:
        """Ask training to end after this step; the record says who asked and why."""
        raise NotImplementedError

    def backward(self, loss: Loss) -> None:
        """Back-propagate ``loss.total`` now, into the gradients of this optimizer step."""
        raise NotImplementedError
