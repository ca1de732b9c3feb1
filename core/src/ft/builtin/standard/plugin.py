"""What provides a hook where no named plugin does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from typing_extensions import override

from ft.builtin.standard import losses
from ft.builtin.standard.requests import as_example, request_schema
from ft.builtin.standard.texts import encode_texts
from ft.builtin.standard.words import encode_words
from ft.contract.errors import PluginError
from ft.contract.messages import listed
from ft.contract.model import forward
from ft.contract.plugin import Plugin, hookimpl
from ft.contract.results import Loss
from ft.contract.schema import Label, Schema, TaskData
from ft.engine.batch.order import shuffled

if TYPE_CHECKING:
    from ft.contract.run import Run
    from ft.engine.run import LiveRun


def _schema(run: Run) -> Schema:
    assert run.data is not None
    return run.data.schema


def _unknown(what: str, hook: str) -> PluginError:
    return PluginError(
        f"there is no standard {what} for this schema",
        hint=f"give the schema words with tags or texts with a label, or let the task plugin provide {hook}",
    )


def _with_head_for(
    run: Run, model: Any, names: Sequence[str], info: Mapping[str, Any]
) -> nn.Module:
    """A loaded model, whose head is a new one where the loaded one is for other classes.

    Args:
        run: it.
        model: of transformers.
        names: of the classes to be learned.
        info: which weights were not there, or of another shape, as transformers says.
    """
    prefix, whole = model.base_model_prefix, cast(nn.Module, model)
    head = {name for name, _ in model.named_parameters() if not name.startswith(f"{prefix}.")}
    if not hasattr(model, prefix) or not head - {*info["missing_keys"]}:
        return whole  # the head is new anyway
    known = [str(name) for _, name in sorted((run.model_config.id2label or {}).items())]
    if known == [*names]:
        run.note(f"training goes on with the head of {run.model_path}: its classes are the same")
        return whole
    run.note(
        f"the head of {run.model_path} is for other classes, {listed(known, 5)}: a new one begins"
    )
    if info["mismatched_keys"]:
        return whole
    fresh = type(model)(model.config)
    setattr(fresh, prefix, getattr(model, prefix))
    return cast(nn.Module, fresh)


class Standard(Plugin):
    """Standard encoding, heads, losses and predictions for words with tags and labelled texts."""

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Words become pieces with first-piece labels in windows; texts become one window."""
        schema = _schema(run)
        if schema.words:
            return encode_words(run.tokenizer, examples, schema.words, run.max_length)
        if schema.texts:
            return encode_texts(run, examples, schema)
        raise _unknown("encoding", "encode")

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The pre-trained encoder with a token, sequence or image classification head."""
        schema = data.schema
        learned, *others = schema.gold or ("",)
        if others:
            run.note(
                f"the standard head learns '{learned}' alone, not {', '.join(others)}: for several "
                "targets a task has a head of its own, or ft.compose has a task for each"
            )
        if schema.words:
            return self._load(run, AutoModelForTokenClassification, schema.words.labels)
        if schema.images and schema.label and schema.label.kind == "single":
            return self._load(run, AutoModelForImageClassification, schema.label.names)
        if schema.texts and schema.label:
            problem = {
                "single": "single_label_classification",
                "ordinal": "single_label_classification",
                "multi": "multi_label_classification",
                "number": "regression",
            }[schema.label.kind]
            names = schema.label.names or (schema.label.column,)
            return self._load(run, AutoModelForSequenceClassification, names, problem_type=problem)
        raise _unknown("head", "build_head")

    def _load(self, run: Run, kind: Any, names: Sequence[str], **settings: Any) -> nn.Module:
        load, settings = kind.from_pretrained, {"dtype": torch.float32, **settings}
        if run.restored:
            restored: nn.Module = run.load(load, "model", **settings)
            return restored
        settings |= {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: i for i, name in enumerate(names)},
            "ignore_mismatched_sizes": True,
            "output_loading_info": True,
        }
        model, info = run.load(load, "model", **settings)
        return _with_head_for(run, model, names, info)

    @hookimpl
    def save_model(self, run: Run, model: nn.Module, folder: Path) -> None:
        """What ``save_pretrained`` of the model and of its tokenizer or image processor write."""
        if not hasattr(model, "save_pretrained"):
            raise PluginError(
                f"build_head gave {type(model).__name__}, which has no save_pretrained",
                hint="give the model one, or let the plugin provide save_model and load_model",
            )
        saved: Any = model
        saved.save_pretrained(folder)
        if run.processor is not None:
            run.processor.save_pretrained(folder)

    @hookimpl
    def load_model(self, run: LiveRun, folder: Path) -> nn.Module:
        """The model that the chain of `build_head` loads from the folder."""
        run.model_path = str(folder)
        model: nn.Module = run.hooks.call("build_head", run, run.data)
        return model

    @hookimpl
    def order(self, run: Run, epoch: int) -> np.ndarray:
        """A shuffle of all training examples by the run's seed."""
        assert run.data is not None
        return shuffled(len(run.data.splits["train"]), run.config.seed, epoch)

    @hookimpl
    def build_optimizer(self, run: Run, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """AdamW (Loshchilov & Hutter 2019), fused."""
        return torch.optim.AdamW(groups, lr=run.config.learning_rate, fused=True)

    @hookimpl
    def compute_loss(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """A forward pass, and `loss_of` its outputs."""
        return run.loss_of(forward(model, batch), batch)

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """Cross entropy over tagged pieces or labels; binary for several labels; squared error
        for numbers.
        """
        if "logits" not in outputs:
            raise PluginError(
                f"the standard loss finds no output 'logits' (only {', '.join(outputs) or 'none'})",
                hint="let the model return logits, or let the task plugin provide loss_of",
            )
        if "labels" not in batch:
            raise PluginError(
                "examples without a gold answer, such as those of a pool, have no standard loss",
                hint="let a technique give them one in encode, or leave out their ids in order, or "
                "wrap compute_loss and do without labels",
            )
        return losses.loss_of(losses.kind_of(_schema(run)), outputs, batch["labels"])

    @hookimpl
    def divergence(
        self,
        run: Run,
        outputs: Mapping[str, Tensor],
        other: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Tensor:
        """KL(other || outputs) for classes, also of yes or no; squared difference for numbers."""
        several = len(_schema(run).targets) > 1
        if several or "logits" not in outputs or "logits" not in other:
            raise _unknown("divergence", "divergence")
        kind = losses.kind_of(_schema(run))
        return losses.divergence(kind, outputs["logits"], other["logits"], batch)

    @hookimpl
    def infer(
        self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """A forward pass."""
        return forward(model, batch)

    @hookimpl
    def read_request(self, run: Run, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
        """A text is cut into words, or is the first text of the schema; an object is the example."""
        return as_example(run, request)

    @override
    def request_schema(self, run: Run) -> Mapping[str, Any]:
        return request_schema(_schema(run))

    @hookimpl
    def decode(
        self,
        run: Run,
        outputs: Sequence[Mapping[str, np.ndarray]],
        examples: Mapping[str, list[Any]],
    ) -> Sequence[Mapping[str, Any]]:
        """Words get a tag and its probability each; texts a label and the probability of each."""
        schema = _schema(run)
        if schema.words:
            return [decode_words(output, schema.words.labels) for output in outputs]
        if schema.label:
            return [decode_label(output["logits"], schema.label) for output in outputs]
        raise _unknown("predictions", "decode")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last dimension."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


def decode_words(output: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """The likeliest tag of each word, and its probability."""
    logits = output.get("logits")
    if logits is None or not len(logits):
        return {"tags": [], "scores": []}
    probabilities = softmax(logits)
    best = probabilities.argmax(-1)
    scores = probabilities[np.arange(len(best)), best]
    return {"tags": [labels[i] for i in best], "scores": [round(float(s), 6) for s in scores]}


def decode_label(logits: np.ndarray, label: Label) -> dict[str, Any]:
    """The label of a text from the logits of its windows, (windows, classes), averaged."""
    mean = np.asarray(logits, dtype=np.float64).mean(0)
    if label.kind == "number":
        return {"label": float(mean[0])}
    if label.kind == "multi":
        scores = 1 / (1 + np.exp(-mean))
        chosen: Any = [name for name, score in zip(label.names, scores, strict=True) if score > 0.5]
    else:
        scores = softmax(mean)
        chosen = label.names[int(scores.argmax())]
    return {
        "label": chosen,
        "scores": {name: float(score) for name, score in zip(label.names, scores, strict=True)},
    }
