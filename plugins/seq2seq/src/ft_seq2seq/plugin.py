"""The plugin: from a text to the text that a model writes for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForSeq2SeqLM

import ft
from ft import (
    EXAMPLE_ID,
    ConfigError,
    DataError,
    Evaluation,
    Loss,
    Plugin,
    Predictions,
    Run,
    Schema,
    Target,
    TaskData,
    Text,
    hookimpl,
)
from ft_seq2seq import generation, tokens
from ft_seq2seq.example import write_example
from ft_seq2seq.reading import REFERENCES, SOURCE, TARGET, read_pairs, usual_target
from ft_seq2seq.scoring import Written, score_texts
from ft_seq2seq.settings import Seq2SeqConfig
from ft_seq2seq.turns import TURNS, joined, turns_fault

PART = "keep_part"
"""Feature: 1 for an example whose text is written during training too."""

USUAL = "usual"
"""Key of the schema's ``extra``: the most frequent target of train."""

HINT = 'e.g. {"source": "How are you?"}'
IGNORE = -100


class Seq2Seq(Plugin):
    """Writes a text for a text with an encoder-decoder model.

    Attributes:
        longest: tokens of a target at most.
    """

    Config: ClassVar[type[ft.Config]] = Seq2SeqConfig
    config: Seq2SeqConfig
    families = ("encoder-decoder",)

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few words, and other words for them."""
        return {**write_example(folder), "beams": 2}

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.longest = 0 if self.config.longest == "auto" else self.config.longest
        self._parts: dict[int, frozenset[int]] = {}

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """Read the pairs of every split."""
        data, turns = read_pairs(self.config, self.name, run)
        extra = dict(run.data.schema.extra) if run.restored and run.data else {}
        if "train" in data.splits:
            extra[USUAL] = usual_target(data.splits["train"])
            extra[TURNS] = turns
        data.schema = Schema(
            texts=(Text(SOURCE),), targets=(Target(TARGET, kind="text"),), extra=extra
        )
        return data

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The whole pre-trained model, with the settings by which it writes."""
        model: Any = self._load(run)
        tokens.set_languages(run.tokenizer, self.config, self.name)
        if not run.restored:
            self._measure(run, data.splits["train"], model.config)
        code = tokens.target_code(run.tokenizer)
        generation.set_generation(model, self.config, self.longest, code)
        if not run.restored:
            run.note(f"texts are written so: {generation.described(model.generation_config)}")
        return model  # type: ignore[no-any-return]

    def _load(self, run: Run) -> nn.Module:
        if not run.load(AutoConfig.from_pretrained, "configuration").is_encoder_decoder:
            raise ConfigError(
                f"{run.model_path} is no encoder-decoder model: it cannot write a text for a text",
                where="run.model",
                hint="name one, such as google-t5/t5-small, or make a small one of your texts: "
                "ft new-model FOLDER train.jsonl",
            )
        loader = AutoModelForSeq2SeqLM.from_pretrained
        model: nn.Module = run.load(loader, "model", dtype=torch.float32)
        # Marian's and Pegasus' positions are computed when a model is loaded, and never saved.
        computed = getattr(model, "_keys_to_ignore_on_save", None) or ()
        for name, parameter in model.named_parameters():
            if name in computed:
                parameter.requires_grad_(False)
        return model

    def _measure(self, run: Run, train: Dataset, config: Any) -> None:
        """Find how long targets may be, and say what is cut."""
        most = getattr(config, "max_position_embeddings", None)
        if most is not None and self.longest > most:
            raise ConfigError(
                f"the decoder has {most} positions, not {self.longest}",
                where=f"{self.name}.longest",
            )
        some = train.select(range(0, len(train), -(-len(train) // tokens.SAMPLE)))
        texts = [list(some[name]) for name in (SOURCE, TARGET)]
        found = tokens.measure(run.tokenizer, *texts, self.config, run.max_length, most)
        self.longest = found.longest
        for side, cut, limit, setting in (
            ("sources", found.sources, run.max_length, "run.max_length"),
            ("targets", found.targets, found.longest, f"{self.name}.longest"),
        ):
            if cut:
                run.note(
                    f"{cut:,} of {found.seen:,} training {side} have more than {limit} tokens and "
                    f"are cut ({setting})"
                )

    def cache_key(self, run: Run) -> Any:
        """How long targets may be, which depends on the training data."""
        return [self.longest]

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Token ids of the source; of the target as labels and as what the decoder reads."""
        config = self.config
        features: dict[str, list[Any]] = {
            "input_ids": tokens.encode_sources(
                run.tokenizer, examples[SOURCE], config, run.max_length, self._turns(run)
            )
        }
        if TARGET in examples:
            targets = [one or "" for one in examples[TARGET]]
            features["labels"] = tokens.encode_targets(run.tokenizer, targets, self.longest)
            features["decoder_input_ids"] = tokens.decoder_inputs(
                features["labels"], run.model_config
            )
        if not training and self._in_part(run):
            part = self._part(len(run.data.splits[run.stage]) if run.data else 0)
            features[PART] = [int(i in part) for i in examples[EXAMPLE_ID]]
        return features

    def _part(self, count: int) -> frozenset[int]:
        """Which examples of a split are written during training: always the same ones."""
        if count not in self._parts:
            drawn = np.random.default_rng(0).permutation(count)[: self.config.generate]
            self._parts[count] = frozenset(map(int, drawn))
        return self._parts[count]

    def _turns(self, run: Run) -> bool:
        return run.data is not None and bool(run.data.schema.extra.get(TURNS))

    def _in_part(self, run: Run) -> bool:
        """Whether only a part of a split is written: in an evaluation during training."""
        known = run.data is not None and run.stage in run.data.splits
        return known and not run.final and not run.restored

    @hookimpl
    def compute_loss(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """A pass in which the decoder reads the target, and `loss_of` its outputs."""
        inputs = {
            name: value for name, value in batch.items() if not name.startswith(("labels", "keep_"))
        }
        outputs = model(**inputs, use_cache=False)
        known = {name: value for name, value in outputs.items() if isinstance(value, Tensor)}
        return run.loss_of(known, batch)

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """Cross entropy over the tokens of the target (Szegedy et al. 2016, where it is smoothed)."""
        logits, labels = outputs["logits"].float(), batch["labels"]
        smoothing = self.config.label_smoothing if run.stage == "train" else 0.0
        each = cross_entropy(
            logits.flatten(0, 1),
            labels.flatten(),
            ignore_index=IGNORE,
            reduction="none",
            label_smoothing=smoothing,
        ).view_as(labels)
        return Loss(each.sum(), (labels != IGNORE).sum(), outputs, each=each)

    @hookimpl
    def infer(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Write the texts, during training those of a part alone."""
        wanted = batch[PART].bool() if PART in batch else None
        return {"ids": generation.write(model, dict(batch), wanted)}

    @hookimpl
    def decode(
        self,
        run: Run,
        outputs: Sequence[Mapping[str, Any]],
        examples: Mapping[str, list[Any]],
    ) -> Sequence[Mapping[str, Any]]:
        """The text, and whether it was cut; no text where none was to be written."""
        model: Any = run.model
        ends = model.generation_config.eos_token_id
        items: list[dict[str, Any]] = []
        for output in outputs:
            if not output["features"][0].get(PART, 1):
                items.append({TARGET: None})
                continue
            ids = [int(one) for one in np.asarray(output["ids"][0])]
            text = run.tokenizer.decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            items.append({TARGET: text.strip(), "cut": not generation.ended(ids, ends)})
        return items

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """Score the texts that were written."""
        rows, items = predictions.examples, predictions.items
        written = [i for i, item in enumerate(items) if item[TARGET] is not None]
        several = REFERENCES in rows.column_names
        golds = rows[REFERENCES if several else TARGET]
        made = Written(
            texts=[items[i][TARGET] for i in written],
            golds=[list(golds[i]) if several else [golds[i]] for i in written],
            sources=[rows[SOURCE][i] for i in written],
            cut=[bool(items[i].get("cut")) for i in written],
        )
        extra = predictions.schema.extra
        return score_texts(
            made,
            self.config,
            total=len(items),
            loss=predictions.loss,
            usual=extra.get(USUAL),
            generation=self._generation(run),
            beside=run.final or run.restored,
        )

    def _generation(self, run: Run) -> str:
        config = getattr(run.model, "generation_config", None)
        return "" if config is None else generation.described(config)

    @hookimpl
    def read_request(self, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
        """A text, or the turns of a dialogue."""
        if isinstance(request, str):
            request = {SOURCE: request}
        source = request.get(SOURCE, request.get(TURNS))
        if source is None:
            raise DataError("a request needs a source", hint=HINT)
        if not isinstance(source, str) and (fault := turns_fault(source)):
            raise DataError(f"the source is neither a text nor turns: it {fault}", hint=HINT)
        text = joined(source, self.config)
        if ft.is_blank(text):
            raise DataError("the source is empty", hint=HINT)
        rest = {name: value for name, value in request.items() if name != TURNS}
        return {**rest, SOURCE: text}

    def request_schema(self, run: Run) -> Mapping[str, Any]:
        """A text, or turns; the examples are texts."""
        turn = {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"role": {"type": "string"}, "content": {"type": "string"}},
                    "required": ["content"],
                },
            ]
        }
        source = {
            "description": "a text, or the turns of a dialogue, the last one last",
            "anyOf": [{"type": "string"}, {"type": "array", "items": turn, "minItems": 1}],
        }
        return {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {SOURCE: source}, "required": [SOURCE]},
            ],
            "examples": [{SOURCE: "How are you?"}, {SOURCE: ["Hello.", "Hello, how are you?"]}],
        }

    def state_dict(self) -> dict[str, Any]:
        """How long targets may be."""
        return {"longest": self.longest}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.longest = int(state.get("longest", self.longest))
