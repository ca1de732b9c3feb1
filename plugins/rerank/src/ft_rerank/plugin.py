"""The plugin: from rows of candidates to ranked lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from datasets import DatasetDict
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

import ft
from ft import (
    BM25,
    EXAMPLE_ID,
    DataError,
    Evaluation,
    Label,
    Loss,
    Plugin,
    Predictions,
    Run,
    Schema,
    TaskData,
    Text,
    hookimpl,
)
from ft_rerank.data import (
    CANDIDATES,
    GRADE,
    GRADES,
    ID,
    IDS,
    QUERY,
    TEXT,
    lists,
    names_of,
    row_fault,
    training_pairs,
    twice,
)
from ft_rerank.example import write_example
from ft_rerank.scoring import summarise, table
from ft_rerank.settings import RerankConfig

HIGHEST = "highest_grade"
EXAMPLE = {
    QUERY: "how long do cats live",
    CANDIDATES: [
        "Most cats live for twelve to eighteen years.",
        "The cat is a small carnivorous mammal.",
        "The concert lasts for two hours.",
    ],
}
HINT = (
    'e.g. {"query": "a film about chess", "candidates": ["a text", {"id": "7", "text": "another"}]}'
)


class Rerank(Plugin):
    """Orders the candidate texts of a query; query and candidate are read together."""

    Config: ClassVar[type[ft.Config]] = RerankConfig
    config: RerankConfig

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few queries with three candidates each."""
        return dict(write_example(folder))

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """Read the rows: pairs for training, one list a query for the other splits."""
        config = self.config
        data = ft.read_split_tables(
            config,
            owner=self.name,
            run=run,
            columns=(QUERY, TEXT, GRADE),
            optional=(ID,),
            content=(QUERY,),
            check=row_fault,
        )
        splits = {}
        for split, rows in data.splits.items():
            draw = self.rng_at("candidates", split)
            if split == "train":
                if not any(map(float, rows[GRADE])):
                    raise DataError(
                        "no candidate of the train split has a grade above 0: nothing can be learnt",
                        where=f"{self.name}.train",
                        hint="give candidates that are relevant a grade from 1",
                    )
                splits[split], drawn = training_pairs(rows, config.negatives, draw)
                if drawn:
                    data.notes.append(
                        f"{drawn:,} texts of other queries train as irrelevant candidates "
                        f"({self.name}.negatives)"
                    )
                continue
            splits[split], notes = lists(rows, split, data, config.candidates, draw)
            data.notes += notes
            if not len(splits[split]):
                raise DataError(
                    f"no query of the {split} split has a candidate with a grade above 0",
                    where=f"{self.name}.{split}",
                )
        extra = dict(run.data.schema.extra) if run.restored and run.data else {}
        if "train" in splits:
            extra[HIGHEST] = max(1.0, float(np.max(splits["train"][GRADE])))
        schema = Schema(
            texts=(Text(QUERY), Text(TEXT)),
            label=Label(GRADE, kind="number"),
            group=QUERY,
            extra=extra,
        )
        return TaskData(DatasetDict(splits), schema, data.files, data.notes, data.read)

    @hookimpl
    def encode(
        self,
        inner: Callable[..., Mapping[str, list[Any]]],
        run: Run,
        examples: Mapping[str, list[Any]],
        training: bool,
    ) -> Mapping[str, list[Any]]:
        """Token ids of pairs; a list has as many features as candidates."""
        if CANDIDATES not in examples:
            return inner(run, examples, training)
        texts = [list(one) for one in examples[CANDIDATES]]
        grades = examples.get(GRADES)
        for k, text in enumerate(examples.get(TEXT, ()) if grades is not None else ()):
            assert grades is not None
            # The best candidate as it is now: a technique may have edited it.
            texts[k][int(np.argmax(grades[k]))] = text
        rows = [k for k, one in enumerate(texts) for _ in one]
        pairs: dict[str, list[Any]] = {
            QUERY: [examples[QUERY][k] for k in rows],
            TEXT: [text for one in texts for text in one],
            EXAMPLE_ID: [examples[EXAMPLE_ID][k] for k in rows],
        }
        if grades is not None:
            pairs[GRADE] = [grade for one in grades for grade in one]
        if not rows:
            return {"input_ids": [], "row": []}
        return {**inner(run, pairs, training), "row": rows}

    @hookimpl
    def read_request(self, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
        """A query and its candidates: texts, or mappings with ``text`` and, if any, ``id``."""
        if isinstance(request, str) or not isinstance(request.get(QUERY), str):
            raise DataError("a request needs a query and candidates", hint=HINT)
        if ft.is_blank(request[QUERY]):
            raise DataError("the query is empty", hint=HINT)
        given = request.get(CANDIDATES, [request[TEXT]] if TEXT in request else None)
        if not isinstance(given, list) or not given:
            raise DataError("a request needs a list of candidates", hint=HINT)
        texts: list[str] = []
        for k, one in enumerate(given, 1):
            text = one.get(TEXT) if isinstance(one, Mapping) else one
            if not isinstance(text, str) or ft.is_blank(text):
                raise DataError(f"candidate {k} has no text: {one!r}", hint=HINT)
            texts.append(text)
        ids = names_of(one.get(ID) if isinstance(one, Mapping) else None for one in given)
        if same := twice(ids):
            raise DataError(
                f"candidates {same[0] + 1} and {same[1] + 1} have the same id {ids[same[1]]!r}",
                hint=HINT,
            )
        rest = {key: value for key, value in request.items() if key not in (TEXT, CANDIDATES)}
        return {**rest, CANDIDATES: texts, IDS: ids}

    def request_schema(self, run: Run) -> Mapping[str, Any]:
        """A query with its candidates."""
        text = {"type": "string", "minLength": 1}
        one = {
            "anyOf": [
                text,
                {"type": "object", "properties": {"id": {}, TEXT: text}, "required": [TEXT]},
            ]
        }
        return {
            "type": "object",
            "properties": {
                QUERY: text,
                CANDIDATES: {"type": "array", "items": one, "minItems": 1},
                TEXT: {**text, "description": "the only candidate"},
            },
            "required": [QUERY],
            "anyOf": [{"required": [CANDIDATES]}, {"required": [TEXT]}],
            "examples": [EXAMPLE],
        }

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """Binary cross entropy of each pair, summed; the target is its share of the highest grade.

        Nogueira & Cho 2019, `arXiv 1901.04085 <https://arxiv.org/abs/1901.04085>`__.
        """
        assert run.data is not None
        logits = outputs["logits"].float().squeeze(-1)
        highest = float(run.data.schema.extra.get(HIGHEST, 1.0))
        targets = (batch["labels"].float() / highest).clamp(0, 1)
        each = binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return Loss(each.sum(), float(len(targets)), outputs, each=each)

    @hookimpl
    def decode(
        self,
        run: Run,
        outputs: Sequence[Mapping[str, Any]],
        examples: Mapping[str, list[Any]],
    ) -> Sequence[Mapping[str, Any]]:
        """The candidates of each query, the best first, with scores between 0 and 1."""
        probabilities = [
            1 / (1 + np.exp(-np.asarray(output["logits"], np.float64)[:, 0])) for output in outputs
        ]
        if CANDIDATES not in examples:
            return [{"score": round(float(scores[0]), 6)} for scores in probabilities]
        found = []
        for k, scores in enumerate(probabilities):
            order = np.argsort(-scores, kind="stable").tolist()
            texts, ids = examples[CANDIDATES][k], examples[IDS][k]
            item: dict[str, Any] = {
                "items": [ids[n] for n in order],
                "scores": [round(float(scores[n]), 6) for n in order],
                "texts": [texts[n] for n in order],
            }
            if GRADES in examples:
                grades = examples[GRADES][k]
                best = int(np.argmax(grades))
                item |= {"target": ids[best], "rank": order.index(best) + 1, "among": len(order)}
            found.append(item)
        return found

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """nDCG, recall, MRR and average precision of the lists, beside BM25's."""
        examples, top = predictions.examples, self.config.top
        ranked: dict[str, list[list[float]]] = {self.name: [], "BM25": []}
        index = BM25([text for texts in examples[CANDIDATES] for text in texts])
        end = 0
        for example, item in zip(examples, predictions.items, strict=True):
            begin, end = end, end + len(example[CANDIDATES])
            grade_of = dict(zip(example[IDS], example[GRADES], strict=True))
            ranked[self.name].append([grade_of[one] for one in item["items"]])
            (words,) = index.scores([example[QUERY]], begin, end)
            ranked["BM25"].append(_by_score(words, example[GRADES]))
        rows = {name: summarise(one, top) for name, one in ranked.items()}
        sizes = float(np.mean([len(one) for one in ranked[self.name]]))
        told = table(rows, len(examples), sizes)
        return Evaluation(rows[self.name], f"ndcg@{top}", (told,))


def _by_score(scores: np.ndarray, grades: Sequence[float]) -> list[float]:
    """Grades in the order of scores; of candidates with the same score the worst comes first.

    So a file that happens to name the relevant candidate first gives no advantage to a ranking that
    cannot tell candidates apart.
    """
    order = np.lexsort((np.asarray(grades), -scores))
    return [float(grades[n]) for n in order]
