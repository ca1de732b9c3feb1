"""The run while it lasts: what hooks may ask of it, and what the engine keeps in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from transformers import AutoConfig, AutoTokenizer
from typing_extensions import override

from ft.contract.errors import ConfigError, FtError
from ft.contract.model import quiet_transformers
from ft.contract.run import Edit, ModelContext, Run
from ft.contract.settings import RunConfig
from ft.engine.batch.memory import Budget
from ft.engine.batch.parts import Counts, join
from ft.engine.ranks.ranks import Ranks

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

    from ft.contract.plugin import Plugin
    from ft.contract.results import Loss, Predictions
    from ft.contract.schema import Split, TaskData
    from ft.hooks.hooks import Hooks
    from ft.reporters.reporter import Reporter

LONGEST = 512


class LiveRun(Run):
    """The run that the engine hands to every hook.

    Args:
        config: the ``[run]`` settings.
        output: the run's folder.
        model_path: where the encoder and tokenizer come from.
        accelerator: Accelerate's.
        reporter: is told what happens.
        predictor: gives the predictions of `predict`.
        restored: a trained model is being loaded.
        ranks: the processes that train together; by default this one alone.
    """

    def __init__(
        self,
        config: RunConfig,
        output: Path,
        model_path: str,
        accelerator: Accelerator,
        reporter: Reporter,
        predictor: Callable[..., Predictions],
        *,
        restored: bool = False,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = ranks or Ranks()
        self.config = config
        self.output = output
        self.model_path = model_path
        self.restored = restored
        self.accelerator = accelerator
        self.reporter = reporter
        self.predictor = predictor
        self.device = accelerator.device
        self.wanted: Split | None = None
        self.data: TaskData | None = None
        self.model: nn.Module | None = None
        self.epoch = 0
        self.step = 0
        self.total_steps = 0
        self.notes: list[str] = []
        self.stops: list[dict[str, Any]] = []
        self.logged: dict[str, float] = {}
        self.backpropagated: Tensor | None = None
        self.counts: Counts = {}
        self.budget = Budget.of(config.max_tokens, self.device)
        self.hooks: Hooks

    @cached_property
    @override
    def tokenizer(self) -> PreTrainedTokenizerBase:
        tokenizer = self.load(AutoTokenizer.from_pretrained, "tokenizer")
        if not tokenizer.is_fast:
            raise ConfigError(
                f"{self.model_path} has no fast tokenizer",
                where="run.model",
                hint="choose a model with a tokenizer.json",
            )
        return tokenizer

    @cached_property
    @override
    def model_config(self) -> PretrainedConfig:
        return self.load(AutoConfig.from_pretrained, "configuration")

    @override
    def load(self, loader: Callable[..., Any], what: str, **settings: Any) -> Any:
        try:
            with quiet_transformers():
                return loader(
                    self.model_path, trust_remote_code=self.config.trust_remote_code, **settings
                )
        except FtError:
            raise
        except Exception as error:
            first = (
                str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            )
            hint = "give a folder that transformers' save_pretrained wrote, or a name on the hub"
            if "trust_remote_code" in str(error):
                hint = "it brings code of its own: give --trust-remote-code if you trust it"
            raise ConfigError(
                f"cannot load the {what} of '{self.model_path}': {first}",
                where="run.model",
                hint=hint,
            ) from error

    @cached_property
    @override
    def max_length(self) -> int:
        config = self.model_config
        limits = [self.tokenizer.model_max_length]
        positions = getattr(config, "max_position_embeddings", None)
        if positions:
            # RoBERTa and its kin count positions from behind the padding index.
            offset = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
            limits.append(positions - offset)
        limit = min(limits)
        if self.config.max_length and self.config.max_length > limit:
            raise ConfigError(
                f"{self.config.max_length} tokens are more than the model's {limit}",
                where="run.max_length",
            )
        return self.config.max_length or min(limit, LONGEST)

    @override
    def word_embeddings(self) -> tuple[dict[str, int], np.ndarray]:
        if self.model is None:
            raise RuntimeError("word_embeddings needs the model, which is not built yet")
        model: Any = self.model
        table = model.get_input_embeddings().weight
        return self.tokenizer.get_vocab(), table.detach().float().cpu().numpy()

    @override
    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self.reporter.note(text)

    @override
    def log(self, plugin: Plugin, name: str, value: Any) -> None:
        self.logged[f"{plugin.name}/{name}"] = float(value)

    @override
    def stop(self, plugin: Plugin, reason: str) -> None:
        self.stops.append({"plugin": plugin.name, "reason": reason, "step": self.step})

    @override
    def backward(self, loss: Loss) -> None:
        with torch.autocast(self.device.type, enabled=False):
            self.accelerator.backward(loss.total)
        self.hooks.ledger.backward()
        total = loss.total.detach()
        self.backpropagated = total if self.backpropagated is None else self.backpropagated + total

    @override
    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        loss: Loss = self.hooks.provide("compute_loss", self, model, batch)
        return loss

    @override
    def loss_of(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        loss: Loss = self.hooks.call("loss_of", self, outputs, batch)
        return loss

    @override
    def divergence(
        self,
        outputs: Mapping[str, Tensor],
        other: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Tensor:
        apart: Tensor = self.hooks.call("divergence", self, outputs, other, batch)
        return apart

    @override
    def join(self, losses: Mapping[str, Loss]) -> Loss:
        return join(losses, self.counts)

    @override
    @contextmanager
    def aside(self) -> Iterator[None]:
        logged = dict(self.logged)
        states = [(one.plugin, deepcopy(one.plugin.state_dict())) for one in self.hooks.members]
        try:
            yield
        finally:
            self.logged = logged
            for plugin, state in states:
                plugin.load_state_dict(state)

    @override
    def predict(
        self, split: str, *, context: ModelContext | None = None, edit: Edit | None = None
    ) -> Predictions:
        return self.predictor(self, split, context=context, edit=edit)

    def situation(self) -> str:
        """Where the run is, for messages."""
        return f"epoch {self.epoch}, step {self.step}" if self.epoch else ""
