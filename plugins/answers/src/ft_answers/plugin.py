"""The plugin: from questions to the answers that are known, or to none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModel

import ft
from ft import (
    EXAMPLE_ID,
    DataError,
    Evaluation,
    Loss,
    Plugin,
    Predictions,
    Run,
    TaskData,
    Trained,
    hookimpl,
)
from ft_answers.catalogue import OVERLAY, Catalogue
from ft_answers.compare import other_rankings, say_harm, without_rerank
from ft_answers.data import QUESTION, RIGHT, load
from ft_answers.encoder import Encoder
from ft_answers.example import write_example
from ft_answers.index import Index
from ft_answers.loss import contrast
from ft_answers.mining import mine
from ft_answers.scoring import (
    baselines,
    names_of,
    place,
    ranking_metrics,
    trouble,
    values_of,
)
from ft_answers.search import Search
from ft_answers.settings import AnswersConfig
from ft_answers.threshold import abstention, choose, curve
from ft_answers.vectors import weights_hash, write_sentence_transformers

OWN, EVERY = "keep_answer", "keep_right"
"""Features: the number of the answer that trains, and of every right one, from 1; 0 is none."""

MINED = "negatives"
HINT = 'e.g. {"question": "How do I get a new card?"}'


class Answers(Plugin):
    """Finds the answers to a question among all that are known, or says that none fits.

    Attributes:
        catalogue: the answers.
        threshold: the least score of an answer that is given; ``None``: one is always given.
    """

    Config: ClassVar[type[ft.Config]] = AnswersConfig
    config: AnswersConfig
    whole_batch = True

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.varies = bool(self.config.negatives)
        self.catalogue = Catalogue(())
        given = self.config.threshold
        self.threshold = given if isinstance(given, float | int) else None
        self._encoder = Encoder(self.config)
        self._mined: np.ndarray | None = None
        self._reranker: Trained | None = None
        self._search: tuple[str, Search] | None = None

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """Questions for a house in four cities, and some for nothing."""
        return dict(write_example(folder))

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """A larger batch holds more wrong answers to tell the right one from."""
        return {"batch_size": 64}

    def forwards(self, inner: int) -> int:
        """A pass each over questions, answers and every mined answer."""
        return inner * (2 + self.config.negatives)

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """Read the questions and the answers."""
        self._recall(run)
        known = self.catalogue if run.restored else None
        data, catalogue = load(self.config, self.name, run, known)
        if known is None:
            self.catalogue = catalogue
        return data

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The encoder as it is: there is no head."""
        model: nn.Module = run.load(AutoModel.from_pretrained, "model", dtype=torch.float32)
        self._encoder.pooling(run)
        self._load_reranker(run)
        return model

    @hookimpl
    def save_model(
        self, inner: Callable[..., None], run: Run, model: nn.Module, folder: Path
    ) -> None:
        """The model, the answers, and what lets sentence-transformers load the folder.

        The vectors of the answers come with a model that has learnt; before, a save is only tried.
        """
        inner(run, model, folder)
        entries = self.catalogue.entries(self.config.match)
        vectors = self._encoder.entries(run, model, entries) if run.step else None
        self.catalogue.write(folder, vectors)
        prefixes = {"query": self.config.question_prefix, "document": self.config.answer_prefix}
        write_sentence_transformers(
            folder,
            width=int(run.model_config.hidden_size),
            max_length=run.max_length,
            pooling=self._encoder.pooling(run),
            prefixes=prefixes,
        )

    @hookimpl
    def load_model(self, inner: Callable[..., nn.Module], run: Run, folder: Path) -> nn.Module:
        """What `save_model` saved; with the answers as they were changed since, if they were."""
        self._recall(run, folder)
        return inner(run, folder)

    def _recall(self, run: Run, folder: Path | None = None) -> None:
        """Read the answers of a trained run, also where another plugin has loaded its model."""
        if run.restored and not len(self.catalogue):
            changed = run.output / OVERLAY
            known = changed if changed.is_dir() else folder or run.output / "model"
            self.catalogue = Catalogue.read(known)

    def _load_reranker(self, run: Run) -> None:
        """Load the run that orders the best answers anew.

        Raises:
            ConfigError: it is not one of `rerank`.
        """
        if self.config.rerank is None or self._reranker is not None:
            return
        trained = run.load_trained(self.config.rerank)
        if "candidates" not in trained.request_schema().get("properties", {}):
            raise ft.ConfigError(
                f"{self.config.rerank} is no run of rerank: it takes no candidates",
                where=f"{self.name}.rerank",
            )
        self._reranker = trained

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Token ids of the questions and, where they are known, of their answers."""
        self._recall(run)
        features: dict[str, list[Any]] = {
            "input_ids": self._encoder.ids(run, [text or "" for text in examples[QUESTION]], True)
        }
        if RIGHT not in examples:
            return features
        number = self.catalogue.number
        right = [[number[one] + 1 for one in ids or () if one in number] for ids in examples[RIGHT]]
        columns = [("answer", OWN, [each[0] if each else 0 for each in right])]
        if training and self.config.negatives:
            drawn = self._negatives(run, right, examples[EXAMPLE_ID])
            columns += [
                (f"negative{k}", f"keep_negative{k}", [row[k] for row in drawn])
                for k in range(self.config.negatives)
            ]
        texts = [one.text for one in self.catalogue.answers]
        for name, kept, numbers in columns:
            features[f"{name}_input_ids"] = self._encoder.ids(
                run, [texts[n - 1] if n else "" for n in numbers], False
            )
            features[kept] = numbers
        features[EVERY] = right
        return features

    def _negatives(
        self, run: Run, right: Sequence[Sequence[int]], ids: Sequence[int]
    ) -> list[list[int]]:
        """The mined answers of each example, from 1; before any are mined, some at random."""
        count = self.config.negatives
        found = []
        for own, example in zip(right, ids, strict=True):
            if self._mined is not None and example < len(self._mined):
                drawn = self._mined[example]
            else:
                drawn = self.rng_at("negatives", run.epoch, example).integers(
                    0, len(self.catalogue), count
                )
            found.append([0 if n + 1 in own else int(n) + 1 for n in drawn])
        return found

    @hookimpl
    def on_epoch_start(self, run: Run) -> None:
        """Mine wrong answers with the model as it is."""
        if not self.config.negatives:
            return
        assert run.data is not None
        assert run.model is not None
        train, number = run.data.splits["train"], self.catalogue.number
        right = [[number[one] for one in ids or () if one in number] for ids in train[RIGHT]]
        texts = [one.text for one in self.catalogue.answers]
        self._mined = mine(
            self._encoder.embed(run, run.model, list(train[QUESTION]), True),
            self._encoder.embed(run, run.model, texts, False),
            right,
            np.array([one.asked > 0 for one in self.catalogue.answers]),
            self.config.negatives,
            self.config.margin,
            lambda example: self.rng_at("mined", run.epoch, example),
        )
        run.log(self, "mined", float((self._mined >= 0).mean()))

    @hookimpl
    def compute_loss(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """A pass each over the questions, their answers and every mined answer."""
        mined = sum(f"keep_negative{k}" in batch for k in range(self.config.negatives))
        names = ["answer", *(f"negative{k}" for k in range(mined))]
        outputs = {name: self._encoder.run_on(run, model, batch, f"{name}_") for name in names}
        return run.loss_of(
            {"vector": self._encoder.run_on(run, model, batch, ""), **outputs}, batch
        )

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """The answer of each question among the others of the batch; see `contrast`."""
        mined = [k for k in range(self.config.negatives) if f"negative{k}" in outputs]
        each = contrast(
            outputs["vector"],
            torch.cat([outputs["answer"], *(outputs[f"negative{k}"] for k in mined)]),
            torch.cat([batch[OWN], *(batch[f"keep_negative{k}"] for k in mined)]),
            batch[EVERY],
            scale=self.config.scale,
            symmetric=self.config.symmetric,
        )
        return Loss(each.sum(), (batch[OWN] > 0).sum().float(), dict(outputs), each=each)

    @hookimpl
    def divergence(
        self, run: Run, outputs: Mapping[str, Tensor], other: Mapping[str, Tensor]
    ) -> Tensor:
        """1 less the cosine of the two vectors of each question."""
        return (1 - (outputs["vector"] * other["vector"]).sum(-1)).sum()

    @hookimpl
    def infer(
        self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """The vector of each question."""
        return {"vector": self._encoder.run_on(run, model, batch, "")}

    def _searching(self, run: Run) -> Search:
        """The search with the weights as they are: vectors of other weights would find nothing."""
        assert run.model is not None
        key = "" if run.restored else weights_hash(run.model)
        if self._search is None or self._search[0] != key:
            entries = self.catalogue.entries(self.config.match)
            vectors = self.catalogue.vectors if run.restored else None
            if vectors is None:
                vectors = self._encoder.entries(run, run.model, entries)
            index = Index(vectors, [len(one) for one in entries], self.config.exact_up_to)
            if index.note:
                run.note(index.note)
            self._search = key, Search(self.catalogue, index, self.config, self._reranker)
        return self._search[1]

    @hookimpl
    def decode(
        self,
        run: Run,
        outputs: Sequence[Mapping[str, Any]],
        examples: Mapping[str, list[Any]],
    ) -> Sequence[Mapping[str, Any]]:
        """The best answers of each question, the first of them if it fits."""
        vectors = np.stack([np.asarray(output["vector"])[0] for output in outputs])
        # An output that is averaged over several passes is shorter.
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        questions = [text or "" for text in examples[QUESTION]]
        items: list[Mapping[str, Any]] = []
        # A cross-encoder is slow: what it makes of every epoch is not needed to choose one.
        rerank = run.final or run.restored
        for found in self._searching(run)(vectors, questions, rerank):
            known = [self.catalogue.answers[n] for n in found.numbers]
            score = round(found.score, 6)
            fits = self.threshold is None or score >= self.threshold
            item = {
                "answer": known[0].text if fits else None,
                "id": known[0].id if fits else None,
                "score": score,
                "items": [one.id for one in known],
                "scores": [round(one, 6) for one in found.scores],
                "texts": [one.text for one in known],
            }
            items.append(item)
        return items

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """Score the rankings; the best model's on the validation split sets the threshold first."""
        config, items = self.config, predictions.items
        right = [list(ids or ()) for ids in predictions.examples[RIGHT]]
        questions = list(predictions.examples[QUESTION])
        firsts = [item["items"][0] for item in items]
        scores = np.array([item["score"] for item in items], float)
        hit = np.array([first in ids for first, ids in zip(firsts, right, strict=True)])
        answerable = np.array([bool(ids) for ids in right])
        if config.threshold == "auto" and predictions.split == "validation" and not run.restored:
            chosen = choose(scores, hit, config.precision)
            self.threshold = chosen.value
            run.log(self, "threshold", chosen.value)
            if run.final and chosen.precision < config.precision:
                run.note(
                    f"no threshold has the precision {config.precision:g} on validation "
                    f"({self.name}.precision): the one that is taken has {chosen.precision:.3f}"
                )
        by_score = config.mix == "none" and not (self._reranker and (run.final or run.restored))
        rows = [i for i, ids in enumerate(right) if ids]
        ranks = [
            [
                place(
                    items[i]["items"],
                    items[i]["scores"] if by_score else None,
                    one,
                    len(self.catalogue),
                )
                for one in right[i]
            ]
            for i in rows
        ]
        names, values = names_of(config.top), values_of(ranks, config.top)
        trained = {one.id for one in self.catalogue.answers if one.asked}
        seen = np.array([bool(trained & set(right[i])) for i in rows])
        metrics = ranking_metrics(values, names, seen)
        metrics |= abstention(scores, hit, answerable, self.threshold)
        tables = []
        if run.final:
            asked = [questions[i] for i in rows]
            numbers = [[self.catalogue.number.get(one, -1) for one in right[i]] for i in rows]
            others = other_rankings(run, self.catalogue, self._encoder, self.config, asked, numbers)
            if self._reranker:
                search, aims = self._searching(run), [right[i] for i in rows]
                before = without_rerank(
                    run, self.catalogue, self._encoder, config, search, (asked, aims)
                )
                others = {"without re-ranking": before, **others}
                if predictions.split == "validation":
                    say_harm(run, self.name, values[:, 0], before[:, 0])
            tables = [baselines(self.name, {self.name: values, **others}, names)]
        tables += [curve(scores, hit), *trouble(self.catalogue, right, firsts)]
        text = {one.id: one.text for one in self.catalogue.answers}
        titles = {one: text[one] for ids in right for one in ids if one in text}
        return Evaluation(metrics, "mrr", tables, titles)

    @hookimpl
    def read_request(self, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
        """A question."""
        asked = {QUESTION: request} if isinstance(request, str) else request
        if not isinstance(asked.get(QUESTION), str) or ft.is_blank(asked[QUESTION]):
            raise DataError("a request needs a question", hint=HINT)
        return asked

    def request_schema(self, run: Run) -> Mapping[str, Any]:
        """A question."""
        text = {"type": "string", "minLength": 1}
        whole = {"type": "object", "properties": {QUESTION: text}, "required": [QUESTION]}
        return {"anyOf": [text, whole], "examples": [{QUESTION: "How do I get a new card?"}]}

    def state_dict(self) -> dict[str, Any]:
        """The threshold."""
        return {"threshold": self.threshold}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        given = state.get("threshold", self.threshold)
        self.threshold = None if given is None else float(given)

    def state_tensors(self) -> Mapping[str, Tensor]:
        """The answers that were mined for this epoch."""
        return {} if self._mined is None else {MINED: torch.from_numpy(self._mined)}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state_tensors` gave."""
        if MINED in tensors:
            self._mined = tensors[MINED].cpu().numpy()
