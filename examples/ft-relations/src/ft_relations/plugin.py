"""The plugin: sentences with two marked entities, and the relation between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict
from pydantic import Field
from torch import nn
from transformers import AddedToken, AutoModel

from ft import (
    FILE,
    LINE,
    DataConfig,
    DataError,
    Evaluation,
    Label,
    Plugin,
    Predictions,
    Run,
    Schema,
    TaskData,
    Text,
    hookimpl,
    read_split_tables,
    spelled,
)
from ft_relations.example import write_example
from ft_relations.marks import MARKS, OPENING, check_marks, mark, spaced
from ft_relations.model import EntityStart
from ft_relations.scoring import evaluate_relations
from ft_relations.windows import window

TEXT, RELATION = "text", "relation"
ENTITIES = ("e1", "e2")

GIVEN = "given"
"""Column with the marked text as it was read, which no technique alters."""


class RelationsConfig(DataConfig):
    """Where the sentences are, and what counts as no relation."""

    unused_settings = ("label_names", "label_separator", "missing_labels")

    negative: str = Field("Other", description="the label for none of the relations, not scored")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the classifier")


class Relations(Plugin):
    """Says which relation holds between two entities of a sentence, and in which direction."""

    Config = RelationsConfig
    config: RelationsConfig

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few dozen generated sentences."""
        return write_example(folder)

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """Read the splits and mark the entities in their texts.

        Raises:
            DataError: a row has no relation, or its entities are not in its text.
        """
        data = read_split_tables(
            self.config,
            owner=self.name,
            run=run,
            columns=(TEXT, RELATION),
            optional=ENTITIES,
            content=(TEXT,),
            check=fault,
        )
        data.splits = DatasetDict({split: marked(rows) for split, rows in data.splits.items()})
        found = {split: set(rows[RELATION]) for split, rows in data.splits.items()}
        for split in found.keys() - {"train"}:
            unseen = sorted(found[split] - found.get("train", set()))
            if unseen and "train" in found:
                data.notes.append(f"{', '.join(unseen)} occur in {split} and never in train")
        names = tuple(sorted(set().union(*found.values())))
        data.schema = Schema(texts=(Text(TEXT),), label=Label(RELATION, names))
        return data

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The encoder with the marks in its vocabulary, and a classifier over the opening marks."""
        label = data.schema.label
        assert label is not None
        if not run.restored:
            # A mark takes the space before it along, so that the words around keep theirs.
            tokens = [AddedToken(one, lstrip=True, special=True) for one in MARKS]
            run.tokenizer.add_tokens(tokens, special_tokens=True)
        encoder = run.load(AutoModel.from_pretrained, "model", dtype=torch.float32)
        rows = encoder.get_input_embeddings().num_embeddings
        if len(run.tokenizer) > rows:
            encoder.resize_token_embeddings(len(run.tokenizer), mean_resizing=False)
        model = EntityStart(encoder, len(label.names), self.config.dropout)
        if run.restored:
            model.load_head(Path(run.model_path))
        return model

    def request_schema(self, run: Run) -> Mapping[str, Any]:
        """A text with its two entities marked."""
        text = {"type": "string", "description": "with <e1>, </e1>, <e2> and </e2> around the two"}
        example = {TEXT: "<e1>Rain</e1> caused <e2>a flood</e2>."}
        return {
            "type": "object",
            "properties": {TEXT: text},
            "required": [TEXT],
            "examples": [example],
        }

    @hookimpl
    def read_request(
        self, inner: Callable[..., Mapping[str, Any]], run: Run, request: str | Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The request, which is refused alone where its entities are not marked."""
        example = inner(run, request)
        self._text(run, example, False)
        return example

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Token ids with the marks among them, and where the opening marks stand.

        Raises:
            DataError: the entities of a sentence are not marked.
        """
        assert run.data is not None
        label = run.data.schema.label
        assert label is not None
        count = len(examples[TEXT])
        rows = [{name: values[i] for name, values in examples.items()} for i in range(count)]
        texts = [spaced(self._text(run, row, training)) for row in rows]
        encoded = run.tokenizer(texts, return_special_tokens_mask=True, return_attention_mask=False)
        marks = run.tokenizer.convert_tokens_to_ids(list(MARKS))
        features: dict[str, list[Any]] = {"input_ids": [], "opens": []}
        for ids, special in zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
            frame = [bool(s) and piece not in marks for piece, s in zip(ids, special, strict=True)]
            kept = self._fitted(run, ids, frame, marks)
            features["input_ids"].append(kept)
            features["opens"].append([kept.index(marks[k]) for k in (0, 2)])
        relations = examples.get(RELATION)
        if relations is not None and None not in relations:
            features["labels"] = [label.names.index(relation) for relation in relations]
        return features

    def _text(self, run: Run, row: Mapping[str, Any], training: bool) -> str:
        """The marked text of an example.

        A technique may have torn a mark off a text of training: then it is taken as it was read.
        An empty text to predict, which a stream of requests may hold, gets empty entities.
        """
        if not training and row[TEXT] is not None and not row[TEXT].strip():
            run.note("an empty text has no entities: what is predicted for it means nothing")
            return "".join(MARKS)
        try:
            return marked_text(row)
        except ValueError as error:
            if training and GIVEN in row:
                return str(row[GIVEN])
            raise DataError(
                f"the sentence {str(row[TEXT])[:60]!r} {error}",
                hint=f"write {OPENING[0]}...{OPENING[0].replace('<', '</')} around the first entity "
                "and the same with e2 around the second, or give e1 and e2 with start and end",
            ) from error

    def _fitted(self, run: Run, ids: list[int], frame: list[bool], marks: list[int]) -> list[int]:
        """The ids of a sentence, cut to the model's length if need be."""
        if len(ids) <= run.max_length:
            return ids
        begin, end = frame.index(False), len(frame) - frame[::-1].index(False)
        body, room = ids[begin:end], run.max_length - (len(ids) - (end - begin))
        opens, closes = ([body.index(marks[k]) for k in pair] for pair in ((0, 2), (1, 3)))
        kept = [body[i] for i in window(len(body), opens, closes, room)]
        run.note(f"sentences of more than {run.max_length} tokens are cut; the entities stay")
        return [*ids[:begin], *kept, *ids[end:]]

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """The official score of SemEval-2010 Task 8, with its interval."""
        return evaluate_relations(
            predictions.examples[RELATION],
            [item["label"] for item in predictions.items],
            negative=self.config.negative,
            seed=0,  # the same draws in every run, so that runs can be compared
        )


def marked_text(row: Mapping[str, Any]) -> str:
    """The text of a row with its entities marked, by marks in it or by places beside it.

    Raises:
        ValueError: neither is there, or it does not fit; the message reads on from "the row".
    """
    text = row[TEXT]
    if not isinstance(text, str):
        raise ValueError(f"has no {TEXT}")
    e1, e2 = (spelled(row.get(name)) for name in ENTITIES)
    if isinstance(e1, Mapping) and isinstance(e2, Mapping):
        text = mark(text, e1, e2)
    elif not any(one in text for one in MARKS):
        raise ValueError(
            f"has neither the marks {' '.join(MARKS)} in its text nor e1 and e2 with start and end"
        )
    check_marks(text)
    return text


def fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row of a file, if anything."""
    try:
        marked_text(row)
    except ValueError as error:
        return str(error)
    relation = row[RELATION]
    return None if isinstance(relation, str) and relation.strip() else f"has no {RELATION}"


def marked(rows: Dataset) -> Dataset:
    """The rows of a split with marked texts, and where they come from."""
    texts = [marked_text(row) for row in rows]
    kept = {name: rows[name][:] for name in (RELATION, FILE, LINE) if name in rows.features}
    return Dataset.from_dict({TEXT: texts, GIVEN: texts, **kept})
