"""The run while it lasts: what hooks may ask of it, and what the engine keeps in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import torch
from accelerate import Accelerator
from transformers import AutoConfig, AutoModel
from typing_extensions import override

from ft.contract.errors import ConfigError, FtError, PluginError, UserError
from ft.contract.files import path_hash
from ft.contract.messages import listed
from ft.contract.model import quiet_transformers
from ft.contract.results import Loss
from ft.contract.run import Edit, ModelContext, Run, Trained
from ft.contract.settings import RunConfig
from ft.engine import evaluated
from ft.engine.batch.memory import Budget
from ft.engine.batch.parts import Counts, join
from ft.engine.model_files import (
    PADDED_LEFT,
    check_tokenizer,
    counts_from_padding,
    positions_of,
    sentencepiece_hint,
)
from ft.engine.processor import has_tokenizer, load_processor, load_tokenizer
from ft.engine.randomness import undisturbed
from ft.engine.ranks.ranks import Ranks

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from torch import Tensor, nn
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

    from ft.contract.plugin import Plugin
    from ft.contract.results import Evaluation, Predictions
    from ft.contract.schema import Split, TaskData
    from ft.hooks.hooks import Hooks
    from ft.reporters.reporter import Reporter

LONGEST = 512

_LIBRARY = re.compile(r"requires the (\w+) library")
_NO_SUCH_HEAD = re.compile(
    r"Unrecognized configuration class .* kind of AutoModel: AutoModelFor(\w+)"
)
"""What transformers says where it has no such head for a model."""

TRAIN, PREDICT = "train", "predict"
"""Stages of a run; the others are the names of the splits that are predicted or evaluated."""


class LiveRun(Run):
    """The run that the engine hands to every hook.

    Args:
        config: the ``[run]`` settings.
        output: the run's folder.
        model_path: where the encoder and tokenizer come from.
        accelerator: Accelerate's.
        reporter: is told what happens.
        predictor: gives the predictions of `predict`.
        opener: gives the model of `load_trained`.
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
        opener: Callable[[LiveRun, Path], Trained],
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
        self.opener = opener
        self.device = accelerator.device
        self.wanted: Split | None = None
        self.data: TaskData | None = None
        self.model: nn.Module | None = None
        self.epoch = 0
        self.epochs = config.epochs
        self.step = 0
        self.total_steps = 0
        self.stage = TRAIN
        self.final = False
        self.deadline: float | None = None
        self._encoders: dict[str, nn.Module] = {}
        self._trained: WeakValueDictionary[Path, Trained] = WeakValueDictionary()
        self.notes: list[str] = []
        self.stops: list[dict[str, Any]] = []
        self.logged: dict[str, float] = {}
        self.backpropagated: Tensor | None = None
        self.counts: Counts = {}
        self.divisor: Tensor | float | None = None
        self.added: dict[str, Any] = {}
        self.set_aside: list[Any] = []
        self.used: dict[str, str] = {}
        self.on_use: Callable[[], None] = lambda: None
        self.budget = Budget.of(config.max_tokens)
        self.hooks: Hooks

    @cached_property
    @override
    def tokenizer(self) -> PreTrainedTokenizerBase:
        if Path(self.model_path).is_dir() and not has_tokenizer(self.model_path):
            raise ConfigError(
                f"{self.model_path} has no tokenizer",
                where="run.model",
                hint="copy the tokenizer's files (such as tokenizer.json) beside the model's",
            )
        tokenizer = load_tokenizer(self)
        check_tokenizer(tokenizer, self.model_path)
        return tokenizer

    @cached_property
    @override
    def processor(self) -> Any:
        return load_processor(self)

    @cached_property
    @override
    def pad_id(self) -> int:
        if self.processor is None or not hasattr(self.processor, "pad_token_id"):
            return 0
        given = getattr(self.model_config, "pad_token_id", None)
        own = self.tokenizer.pad_token_id
        if own is None:
            # What a decoder's tokenizer never writes inside a text.
            own = self.tokenizer.eos_token_id
        elif given is not None and given != own:
            names = self.tokenizer.convert_ids_to_tokens([given, own])
            what = (
                f"the configuration of {self.model_path} pads with token {given} ({names[0]}), its "
                f"tokenizer with token {own} ({names[1]})"
            )
            if counts_from_padding(self.model_config):
                raise ConfigError(
                    f"{what}, and the model counts its positions from that token",
                    where="run.model",
                    hint="set pad_token_id in config.json and pad_token in tokenizer_config.json to "
                    "the same token",
                )
            self.note(f"{what}, which is used")
            return int(own)
        return int(own or 0) if given is None else int(given)

    @cached_property
    def pads_left(self) -> bool:
        """Whether padding stands before a text: the model's head reads the last position.

        Elsewhere it stands behind, whatever a tokenizer is set to for generation, so that absolute
        positions count from the text's first token.
        """
        return getattr(self.model_config, "model_type", None) in PADDED_LEFT

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
            hint = sentencepiece_hint(self.model_path) or hint
            if kind := _NO_SUCH_HEAD.match(first):
                task = re.sub("(?=[A-Z])", " ", kind[1]).strip().lower()
                kind_of_model = self.model_config.model_type
                first = f"transformers has no head for {task} on models of type '{kind_of_model}'"
                hint = "choose a model of another type, or let a plugin provide build_head"
            if isinstance(error, ImportError) and (names := _LIBRARY.findall(str(error))):
                first = f"it needs the library {listed(names)}, which is not installed"
                hint = f"pip install {' '.join(names)}"
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
        limits = [getattr(self.processor, "model_max_length", LONGEST)]
        positions = positions_of(config)
        if positions is not None:
            limits.append(positions)
        limit = min(limits)
        if self.config.max_length and self.config.max_length > limit:
            raise ConfigError(
                f"{self.config.max_length} tokens are more than the model's {limit}",
                where="run.max_length",
            )
        return self.config.max_length or min(limit, LONGEST)

    @override
    def encoder(self) -> nn.Module:
        if self.model_path not in self._encoders:
            self._encoders = {
                self.model_path: self.load(
                    AutoModel.from_pretrained, "encoder", dtype=torch.float32
                )
            }
        return self._encoders[self.model_path]

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
        try:
            self.logged[f"{plugin.name}/{name}"] = float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise PluginError(
                f"run.log was given {value!r} as '{name}'",
                who=f"plugin '{plugin.name}'",
                hint="give one number, or a tensor that holds one",
            ) from error

    @override
    def stop(self, plugin: Plugin, reason: str) -> None:
        self.stops.append({"plugin": plugin.name, "reason": reason, "step": self.step})

    @override
    def backward(self, loss: Loss) -> None:
        total = loss.total
        if self.divisor is not None:
            items = torch.as_tensor(self.divisor, device=total.device)
            total = total / torch.where(items > 0, items, 1.0).to(total)
        with torch.autocast(self.device.type, enabled=False):
            self.accelerator.backward(total)
        self.hooks.ledger.backward()
        total = total.detach()
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
        assert self.data is not None
        return join(losses, self.counts, self.data.schema)

    @override
    @contextmanager
    def aside(self) -> Iterator[None]:
        logged = dict(self.logged)
        states = [(one.plugin, deepcopy(one.plugin.state_dict())) for one in self.hooks.kept]
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

    @contextmanager
    def answering(self, stage: str, final: bool = False) -> Iterator[None]:
        """Eval mode and no gradients, at a stage; all is as before at the end, module by module."""
        before = self.stage, self.final
        self.stage, self.final = stage, final or self.final
        modules = [] if self.model is None else list(self.model.modules())
        modes = [module.training for module in modules]
        try:
            if self.model is not None and any(modes):  # setting it anew takes milliseconds
                self.model.eval()
            with torch.no_grad():
                yield
        finally:
            self.stage, self.final = before
            for module, mode in zip(modules, modes, strict=True):
                if module.training != mode:
                    module.training = mode

    @override
    def score(
        self,
        rows: Dataset | Sequence[Mapping[str, Any]],
        name: str = "rows",
        *,
        weights: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> Evaluation:
        assert self.data is not None
        data = evaluated.rows_of(rows, self.data.schema)
        assert self.model is not None
        put = evaluated.weights(self.model, weights, place="run.score was given")
        with self.aside(), put, self.answering(name), undisturbed():
            predictions = self.predictor(self, name, rows=data)
            evaluation: Evaluation = self.hooks.call("evaluate", self, predictions)
        return evaluation

    @override
    def uses(self, path: str | Path) -> Path:
        found = Path(path).expanduser().resolve()
        if not found.exists():
            raise UserError("there is no such file", where=str(path))
        digest = path_hash(found)
        if self.used.setdefault(str(found), digest) != digest:
            raise UserError("this file has changed since the run began to use it", where=str(found))
        self.on_use()
        return found

    @override
    def load_trained(self, folder: str | Path) -> Trained:
        path = Path(folder).expanduser()
        # Several plugins may ask for the same run: it is loaded once while one of them holds it.
        trained = self._trained.get(path.resolve())
        if trained is not None:
            return trained
        trained = self._trained[path.resolve()] = self.opener(self, path)
        for part in ("config.toml", "task.json", "model"):
            self.uses(path / part)
        return trained

    def situation(self) -> str:
        """Where the run is, for messages."""
        return f"epoch {self.epoch}, step {self.step}" if self.epoch else ""
