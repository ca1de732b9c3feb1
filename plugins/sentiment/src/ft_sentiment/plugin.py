"""The plugin: text classification, from data to scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

import ft
from ft import Evaluation, Label, Loss, Plugin, Predictions, Run, TaskData, hookimpl
from ft_sentiment import checks, losses
from ft_sentiment.calibration import COLDEST, HOTTEST
from ft_sentiment.decoding import decode_classes, pool
from ft_sentiment.encoding import encode_texts
from ft_sentiment.evaluation import Scored, evaluate_classes, evaluate_numbers
from ft_sentiment.example import write_example
from ft_sentiment.folding import fold
from ft_sentiment.kinds import kind_notes
from ft_sentiment.labels import class_counts, targets
from ft_sentiment.settings import SentimentConfig

SHARE = "labels_share"
"""Feature column: how much of its example a window is."""

BEST = "final/validation/"
"""How the log names the scores of the best model on the split that sets the temperature."""

HOW = {
    "head_tail": "their head and tail are kept",
    "windows": "they are read in windows",
    "truncate": "they are cut off at the end",
}


def label_of(run: Run) -> Label:
    """The label that the data's schema names."""
    assert run.data is not None
    label = run.data.schema.label
    assert label is not None
    return label


class Sentiment(Plugin):
    """Classes, ratings or numbers for one text or a pair.

    Attributes:
        temperature: by which the logits of the trained weights are divided.
        folded: the part of it that is in the weights already.
    """

    Config: ClassVar[type[ft.Config]] = SentimentConfig
    config: SentimentConfig

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few texts of two classes."""
        return dict(write_example(folder))

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.temperature = 1.0
        self.folded = 1.0
        self._weights: Tensor | None = None
        self._soft: Tensor | None = None

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """Read the splits, find the labels, and check both."""
        config = ft.data_or_starter(self.config, run, self.name)
        kind, names = config.kind, None
        if run.restored:
            kind = label_of(run).kind
            names = label_of(run).names if config.unseen_labels == "refuse" else None
        data = ft.read_texts(
            config,
            run,
            owner=self.name,
            pair=config.pair,
            label_kind=kind,
            names=names or None,
        )
        label = data.schema.label
        assert label is not None
        if run.restored:
            return data
        data.notes += kind_notes(config, data, self.name)
        checks.check_settings(config, label.kind, self.name)
        if label.kind == "number":
            return data
        if label.kind == "ordinal":
            label = checks.ranked(data, label, config.order, self.name)
            data = replace(data, schema=data.schema.with_label(label))
        if isinstance(config.class_weights, dict):
            weighed = (*config.classes, *label.names)
            checks.check_weights(config.class_weights, weighed, self.name)
        return checks.check_classes(data, label, config, self.name)

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """The standard head; one that predicts a number begins at the training labels' mean."""
        model: nn.Module = inner(run, data)
        label = data.schema.label
        if label is not None and label.kind == "number" and not run.restored:
            mean = float(np.mean(data.splits["train"][label.column]))
            heads = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == 1]
            if heads and heads[-1].bias is not None:
                nn.init.constant_(heads[-1].bias, mean)
        return model

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Weigh the classes."""
        assert run.data is not None
        self._weights = self._class_weights(run.data)

    def _class_weights(self, data: TaskData) -> Tensor | None:
        label, chosen = data.schema.label, self.config.class_weights
        if label is None or chosen == "none":
            return None
        if isinstance(chosen, dict):
            return torch.tensor([chosen.get(name, 1.0) for name in label.names])
        values = data.splits["train"][label.column]
        counts = torch.from_numpy(class_counts(values, label.names))
        return losses.balanced_weights(counts, len(values), label.kind == "multi").float()

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Token ids of each text or pair, cut or in windows where it is too long."""
        assert run.data is not None
        texts = [examples[text.column] for text in run.data.schema.texts]
        encoded = encode_texts(run.tokenizer, texts, run.max_length, self.config)
        if encoded.long:
            how = f"{HOW[self.config.long_texts]} ({self.name}.long_texts)"
            run.note(f"some texts are longer than {run.max_length} tokens: {how}")
        rows = encoded.rows
        features: dict[str, list[Any]] = dict(encoded.columns)
        label = label_of(run)
        values = examples.get(label.column)
        if values and all(value is not None for value in values):
            ids = targets(values, label)
            features["labels"] = [ids[row] for row in rows]
        if self.config.long_texts == "windows":
            features["row"] = rows
            if "labels" in features:
                windows = np.bincount(rows)
                features[SHARE] = [1 / float(windows[row]) for row in rows]
        return features

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """Cross entropy, focal loss or squared error, summed over examples (see `losses`)."""
        logits = outputs["logits"]
        # At least float32: half precision would blur the sum.
        exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self.folded != 1.0:
            exact = exact * self.folded  # the loss that was trained on
        labels = batch["labels"]
        share = batch[SHARE] if SHARE in batch else torch.ones_like(exact[:, 0])
        label = label_of(run)
        if self._weights is not None:
            self._weights = self._weights.to(exact.device)
        if label.kind == "number":
            each, items = losses.number_loss(exact, labels, share)
        elif label.kind == "multi":
            each, items = losses.multi_loss(
                exact, labels, share, weights=self._weights, gamma=self.config.focal_gamma
            )
        else:
            each, items = losses.class_loss(
                exact,
                labels,
                share,
                weights=self._weights,
                gamma=self.config.focal_gamma,
                soft=self._soft_targets(label, exact),
            )
        known = {name: value for name, value in outputs.items() if isinstance(value, Tensor)}
        return Loss(each.sum(), items, known, each=each)

    def _soft_targets(self, label: Label, logits: Tensor) -> Tensor | None:
        if label.kind != "ordinal":
            return None
        if self._soft is None:
            self._soft = losses.ordinal_targets(len(label.names), self.config.ordinal_sharpness)
        self._soft = self._soft.to(logits.device, logits.dtype)
        return self._soft

    @hookimpl
    def decode(
        self,
        run: Run,
        outputs: Sequence[Mapping[str, np.ndarray]],
        examples: Mapping[str, list[Any]],
    ) -> Sequence[Mapping[str, Any]]:
        """The label of each text, its calibrated probability, and that of every other label."""
        if not outputs:
            return []
        label = label_of(run)
        logits = pool([output["logits"] for output in outputs])
        if label.kind == "number":
            return [{"label": float(value)} for value in logits[:, 0]]
        temperature = self.temperature / self.folded if self.config.calibrate else 1.0
        return decode_classes(
            logits, label, temperature=temperature, threshold=self.config.threshold
        )

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """Score the predictions; those of the validation split set the temperature first."""
        label = predictions.schema.label
        assert label is not None
        values = list(predictions.examples[label.column])
        seed = 0  # the same draws in every run, so that runs can be compared
        if label.kind == "number":
            return evaluate_numbers(values, predictions.items, seed)
        scored = Scored(label, values, predictions.items)
        correction = 1.0
        if self.config.calibrate and predictions.split == "validation" and not run.restored:
            before = self.temperature
            fitted = before * scored.temperature()
            self.temperature = min(max(fitted, COLDEST), HOTTEST)
            correction = self.temperature / before
            run.log(self, "temperature", self.temperature)
        return evaluate_classes(
            scored,
            seed,
            temperature=self.temperature,
            correction=correction,
            calibrate=self.config.calibrate,
            split=predictions.split,
        )

    @hookimpl
    def on_log(self, run: Run, values: Mapping[str, float]) -> None:
        """Put the best model's temperature into its weights, before these are saved."""
        rest = self.temperature / self.folded
        if rest == 1.0 or not any(name.startswith(BEST) for name in values):
            return
        assert run.model is not None
        inputs = run.tokenizer(["a"], return_tensors="pt").to(run.device)
        if fold(run.model, inputs, len(label_of(run).names), rest):
            self.folded = self.temperature
        else:
            run.note(
                "the model has no last layer to take the temperature: its folder gives "
                f"uncalibrated probabilities to transformers ({self.name}.calibrate)"
            )

    def state_dict(self) -> dict[str, Any]:
        """The fitted temperature, how much of it the weights have, and the classes' weights."""
        weights = None if self._weights is None else self._weights.tolist()
        return {
            "temperature": self.temperature,
            "folded": self.folded,
            "class_weights": weights,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.temperature = float(state.get("temperature", 1.0))
        self.folded = float(state.get("folded", 1.0))
        weights = state.get("class_weights")
        self._weights = None if weights is None else torch.tensor(weights)
