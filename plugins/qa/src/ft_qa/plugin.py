"""The plugin: from questions and contexts to answers with their places."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from datasets import Dataset, DatasetDict
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div
from transformers import AutoModelForQuestionAnswering

import ft
from ft import (
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
from ft_qa.answers import ANSWERS, CONTEXT, IMPOSSIBLE, QUESTION, START, find_answers, row_fault
from ft_qa.decoding import as_item, rank_answers
from ft_qa.example import write_example
from ft_qa.scoring import baselines, best_threshold, score_answers
from ft_qa.settings import QAConfig
from ft_qa.windows import BEGIN, END, answer_tokens, encode_windows, null_position

NO_ANSWER = "no_answer"
"""Key of the schema's ``extra``: whether a question may have no answer."""

SIDES = ("start", "end")
EXAMPLE = {QUESTION: "Who went to London?", CONTEXT: "Anna went to London."}
HINT = f"e.g. {json.dumps(EXAMPLE)}"


class QA(Plugin):
    """Finds the answer to a question in a context, or says that there is none.

    Attributes:
        threshold: what the best answer must gain over none.
    """

    Config: ClassVar[type[ft.Config]] = QAConfig
    config: QAConfig

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few questions, some without an answer."""
        return dict(write_example(folder))

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        given = self.config.null_threshold
        self.threshold = 0.0 if given == "auto" else float(given)

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """Read the splits and find each answer in its context."""
        data = ft.read_split_tables(
            self.config,
            owner=self.name,
            run=run,
            columns=(QUESTION, CONTEXT, ANSWERS),
            optional=(START, IMPOSSIBLE),
            content=(QUESTION, CONTEXT),
            check=row_fault,
        )
        splits = {}
        for split, rows in data.splits.items():
            found = [find_answers(row) for row in rows]
            guessed = [i for i, one in enumerate(found) if one.guessed]
            if guessed:
                data.notes.append(
                    f"{len(guessed):,} answers of {split} come without a start and stand several "
                    f"times in their context: the first is taken ({data.places(split, guessed, 3)})"
                )
            kept = {name: rows[name] for name in rows.column_names if name != ANSWERS}
            splits[split] = Dataset.from_dict({**kept, ANSWERS: [one.spans for one in found]})
        extra = dict(run.data.schema.extra) if run.restored and run.data else {}
        if "train" in splits:
            extra[NO_ANSWER] = self._no_answer(splits["train"], data)
        schema = Schema(
            texts=(Text(QUESTION), Text(CONTEXT, editable=False)),
            targets=(Target(ANSWERS, kind="spans"),),
            extra=extra,
        )
        return TaskData(DatasetDict(splits), schema, data.files, data.notes, data.read)

    def _no_answer(self, train: Dataset, data: TaskData) -> bool:
        """Whether a question may have no answer, by the setting or by the training data."""
        without = [i for i, spans in enumerate(train[ANSWERS]) if not spans]
        if len(without) == len(train):
            raise DataError("no question of the train split has an answer", where="train")
        if self.config.no_answer == "no" and without:
            raise DataError(
                f"{len(without):,} questions have no answer ({data.places('train', without, 3)})",
                where=f"{self.name}.no_answer",
                hint=f"leave {self.name}.no_answer out, or take them out of the file",
            )
        if without:
            data.notes.append(
                f"{len(without):,} of {len(train):,} training questions have no answer: the model "
                "learns to say so"
            )
        elif self.config.no_answer == "yes":
            raise ConfigError(
                "every question of the train split has an answer: the model cannot learn when "
                "there is none",
                where=f"{self.name}.no_answer",
                hint="add questions without an answer to train",
            )
        return bool(without)

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The checkpoint with a head for the first and the last token of an answer."""
        model: nn.Module = run.load(
            AutoModelForQuestionAnswering.from_pretrained, "model", dtype=torch.float32
        )
        return model

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Windows of question and context, and in each where the answer begins and ends."""
        made = encode_windows(
            run.tokenizer,
            examples[QUESTION],
            examples[CONTEXT],
            run.max_length,
            self.config.window_overlap,
        )
        features = dict(made.columns)
        if made.cut:
            run.note(f"{made.cut:,} questions take more than half of a window and are cut")
        if ANSWERS not in examples:
            return features
        labels: list[tuple[int, int]] = []
        held = set()
        rows = zip(
            features["row"], features["input_ids"], features[BEGIN], features[END], strict=True
        )
        for row, ids, begins, ends in rows:
            place = answer_tokens(examples[ANSWERS][row] or (), begins, ends)
            if place is not None:
                held.add(row)
            mark = null_position(run.tokenizer, ids)
            labels.append(place or (mark, mark))
        for k, side in enumerate(SIDES):
            features[f"labels_{side}"] = [place[k] for place in labels]
        lost = sum(bool(spans) and i not in held for i, spans in enumerate(examples[ANSWERS]))
        if training and lost:
            run.note(
                f"{lost:,} training answers are not whole in any window, and train as no answer "
                f"({self.name}.window_overlap)"
            )
        return features

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """The mean of the cross entropies of the first and the last token, summed over windows."""
        sides = [
            cross_entropy(_logits(outputs, side, batch), batch[f"labels_{side}"], reduction="none")
            for side in SIDES
        ]
        each = (sides[0] + sides[1]) / 2
        known = {name: value for name, value in outputs.items() if isinstance(value, Tensor)}
        return Loss(each.sum(), float(len(each)), known, each=each)

    @hookimpl
    def divergence(
        self,
        run: Run,
        outputs: Mapping[str, Tensor],
        other: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Tensor:
        """The mean of KL(other || outputs) of the first and the last token, summed over windows."""
        sides = [
            kl_div(
                _logits(outputs, side, batch).log_softmax(-1),
                _logits(other, side, batch).log_softmax(-1),
                reduction="sum",
                log_target=True,
            )
            for side in SIDES
        ]
        return (sides[0] + sides[1]) / 2

    @hookimpl
    def decode(
        self,
        run: Run,
        outputs: Sequence[Mapping[str, Any]],
        examples: Mapping[str, list[Any]],
    ) -> Sequence[Mapping[str, Any]]:
        """The answer of each example over all of its windows, and the best others."""
        items = []
        threshold = self.threshold if self._may_lack(run) else None
        for output, context in zip(outputs, examples[CONTEXT], strict=True):
            features = output["features"]
            ranked = rank_answers(
                features,
                output["start_logits"],
                output["end_logits"],
                [null_position(run.tokenizer, one["input_ids"]) for one in features],
                context,
                longest=self.config.longest_answer,
                most=self.config.best,
            )
            items.append(as_item(ranked, context, threshold))
        return items

    def _may_lack(self, run: Run) -> bool:
        assert run.data is not None
        return bool(run.data.schema.extra.get(NO_ANSWER))

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """Score the answers; the validation split sets the threshold first."""
        examples = predictions.examples
        contexts, questions = list(examples[CONTEXT]), list(examples[QUESTION])
        golds = [
            [context[one["start"] : one["end"]] for one in spans or ()]
            for context, spans in zip(contexts, examples[ANSWERS], strict=True)
        ]
        answers = [item["answer"] for item in predictions.items]
        fits = self.config.null_threshold == "auto" and self._may_lack(run)
        if fits and predictions.split == "validation" and not run.restored:
            known = [i for i, item in enumerate(predictions.items) if item["best"]]
            firsts = [predictions.items[i]["best"][0]["answer"] for i in known]
            gains = [float(predictions.items[i]["score"]) for i in known]
            self.threshold = best_threshold(gains, firsts, [golds[i] for i in known])
            run.log(self, "null_threshold", self.threshold)
            for i, gain, first in zip(known, gains, firsts, strict=True):
                answers[i] = first if gain > self.threshold else ""
        return score_answers(answers, golds, [baselines(questions, contexts, golds)])

    @hookimpl
    def read_request(self, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
        """A question and a context."""
        if isinstance(request, str):
            raise DataError("a request needs a question and a context", hint=HINT)
        for name in (QUESTION, CONTEXT):
            if not isinstance(request.get(name), str):
                raise DataError(f"a request needs a text as its {name}", hint=HINT)
            if ft.is_blank(request[name]):
                raise DataError(f"the {name} is empty", hint=HINT)
        return request

    def request_schema(self, run: Run) -> Mapping[str, Any]:
        """A question and a context."""
        names = (QUESTION, CONTEXT)
        return {
            "type": "object",
            "properties": {name: {"type": "string", "minLength": 1} for name in names},
            "required": list(names),
            "examples": [EXAMPLE],
        }

    def state_dict(self) -> dict[str, Any]:
        """The threshold."""
        return {"threshold": self.threshold}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.threshold = float(state.get("threshold", self.threshold))


def _logits(outputs: Mapping[str, Tensor], side: str, batch: Mapping[str, Tensor]) -> Tensor:
    """The logits of one side, (batch, tokens), padding far below all others."""
    logits = outputs[f"{side}_logits"]
    # At least float32: half precision would blur a sum.
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if "attention_mask" in batch:
        exact = exact.masked_fill(batch["attention_mask"] == 0, -1e4)
    return exact
