"""The run as the hooks see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from transformers import AutoConfig, AutoTokenizer

from ft.contract.errors import ConfigError, FtError
from ft.contract.quiet import quiet_transformers
from ft.contract.settings import RunConfig
from ft.engine.batch.memory import Budget
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


ModelContext = Callable[["nn.Module", Mapping[str, "Tensor"]], AbstractContextManager[None]]
Edit = Callable[[Mapping[str, list[Any]]], Mapping[str, list[Any]]]


class Run:
    """One run: its settings, its state, and what a hook may ask of it.

    Attributes:
        config: the ``[run]`` settings.
        output: the run's folder.
        model_path: the folder or hub name that the encoder and tokenizer come from; the run's own
            ``model`` folder when ``restored``.
        restored: a trained model is being loaded for prediction: `build_head` must return it from
            ``model_path``, where its ``save_pretrained`` wrote it.
        wanted: the only split that `load_data` need give, where a trained model is scored on it
            alone; ``None``: all. The readers heed it.
        data: what `load_data` returned; ``None`` before.
        model: the model; ``None`` before `build_head` is done.
        epoch: the epoch in progress, counted from 1; 0 before training.
        step: optimizer steps done.
        total_steps: optimizer steps that the run will take.
        device: where the model is.
        ranks: the processes that train together. Every hook is called in each of them, over its
            share of the work; ``run.ranks.main`` says whether this is the one that writes files.
    """

    def __init__(
        self,
        config: RunConfig,
        output: Path,
        model_path: str,
        accelerator: Accelerator,
        reporter: Reporter,
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
        self.device: torch.device = accelerator.device
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
        self.budget = Budget.of(config.max_tokens, self.device)
        self.hooks: Hooks

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's fast tokenizer, loaded at first use.

        Raises:
            ConfigError: there is none at ``model_path``, or only a slow one.
        """
        tokenizer = self.load(AutoTokenizer.from_pretrained, "tokenizer")
        if self.data is not None and self.data.schema.words and _glues_words(tokenizer):
            tokenizer = self.load(AutoTokenizer.from_pretrained, "tokenizer", add_prefix_space=True)
        if not tokenizer.is_fast:
            raise ConfigError(
                f"{self.model_path} has no fast tokenizer",
                where="run.model",
                hint="choose a model with a tokenizer.json",
            )
        return tokenizer

    @cached_property
    def model_config(self) -> PretrainedConfig:
        """The configuration of the pre-trained model."""
        return self.load(AutoConfig.from_pretrained, "configuration")

    def load(self, loader: Callable[..., Any], what: str, **settings: Any) -> Any:
        """Load something from ``model_path`` with a ``from_pretrained`` of transformers.

        Raises:
            ConfigError: it is not there, or needs code that is not trusted.
        """
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
    def max_length(self) -> int:
        """Tokens a window at most, special tokens included.

        Raises:
            ConfigError: the setting is more than the model can take.
        """
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

    def word_embeddings(self) -> tuple[dict[str, int], np.ndarray]:
        """The tokenizer's vocabulary and the pre-trained input embeddings, (vocabulary, hidden).

        Taken from the model as it is now, so call it before training changes it.
        """
        if self.model is None:
            raise RuntimeError("word_embeddings needs the model, which is not built yet")
        model: Any = self.model
        table = model.get_input_embeddings().weight
        return self.tokenizer.get_vocab(), table.detach().float().cpu().numpy()

    def note(self, text: str) -> None:
        """Say something to the user, once, and keep it in the record."""
        if text not in self.notes:
            self.notes.append(text)
            self.reporter.note(text)

    def log(self, plugin: Plugin, name: str, value: Any) -> None:
        """Log a number under ``<plugin>/<name>`` with the next line of ``metrics.jsonl``."""
        self.logged[f"{plugin.name}/{name}"] = float(value)

    def stop(self, plugin: Plugin, reason: str) -> None:
        """Ask training to end after this step; the record says who asked and why."""
        self.stops.append({"plugin": plugin.name, "reason": reason, "step": self.step})

    def backward(self, loss: Loss) -> None:
        """Back-propagate ``loss.total`` now, into the gradients of this optimizer step."""
        with torch.autocast(self.device.type, enabled=False):
            self.accelerator.backward(loss.total)
        self.hooks.ledger.backward()
        total = loss.total.detach()
        self.backpropagated = total if self.backpropagated is None else self.backpropagated + total

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """The task's loss of a micro-batch, without any technique."""
        loss: Loss = self.hooks.provide("compute_loss", self, model, batch)
        return loss

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Predict or evaluate for another purpose than the run's own scores: what plugins fit or
        log meanwhile, such as a temperature, is put back at the end.
        """
        logged = dict(self.logged)
        states = [(one.plugin, deepcopy(one.plugin.state_dict())) for one in self.hooks.members]
        try:
            yield
        finally:
            self.logged = logged
            for plugin, state in states:
                plugin.load_state_dict(state)

    def predict(
        self,
        split: str,
        *,
        context: ModelContext | None = None,
        edit: Edit | None = None,
    ) -> Predictions:
        """Predict a split with the model as it is.

        Args:
            split: ``validation`` or ``test``.
            context: entered around every call of the model, given the model and the batch; the
                call runs with gradients enabled if the context enables them.
            edit: changes raw examples before they are encoded.
        """
        from ft.engine.batch.inference import predict_split

        return predict_split(self, split, context=context, edit=edit)

    def situation(self) -> str:
        """Where the run is, for messages."""
        return f"epoch {self.epoch}, step {self.step}" if self.epoch else ""


def _glues_words(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether words that are given one by one come out as if nothing stood between them.

    Byte-level tokenizers (RoBERTa's) mark the space before a word; without it, every word but the
    first is another one than in running text.
    """
    given = tokenizer(["a", "a"], is_split_into_words=True, add_special_tokens=False)
    return bool(given["input_ids"] != tokenizer("a a", add_special_tokens=False)["input_ids"])
