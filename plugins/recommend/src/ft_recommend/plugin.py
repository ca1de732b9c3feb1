"""The plugin: from interactions and items to ranked lists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from datasets import Dataset, DatasetDict
from torch import Tensor, nn

import ft
from ft import (
    DataError,
    Evaluation,
    Loss,
    Plugin,
    Predictions,
    Schema,
    TaskData,
    Text,
    hookimpl,
)
from ft_recommend.catalogue import Catalogue
from ft_recommend.corpus import Corpus, read_corpus
from ft_recommend.example import write_example
from ft_recommend.examples import write_split
from ft_recommend.interactions import TRAIN
from ft_recommend.knowledge import Knowledge
from ft_recommend.losses import compares
from ft_recommend.report import Baselines, table
from ft_recommend.requests import request_schema
from ft_recommend.scoring import rmse, summarise
from ft_recommend.settings import RecommendConfig
from ft_recommend.two_tower import TwoTowerTask

if TYPE_CHECKING:
    from ft import Run

SEED = 0
"""Of the resampling of users: the same in every run, so that runs can be compared."""


class Recommend(Plugin):
    """Ranks items for users from the text of what they liked, and other features."""

    Config: ClassVar[type[ft.Config]] = RecommendConfig
    config: RecommendConfig

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few users who like items of one kind each."""
        return dict(write_example(folder))

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """The head learns from nothing, over many short texts; a batch of them is one pass."""
        size = 512
        return {
            "epochs": 8,
            "batch_size": size,
            "max_tokens": max(16384, size * max(config.text_length, config.history)),
            "learning_rate": 2e-5,
            "head_learning_rate": 5e-3,
        }

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.whole_batch = compares(self.config)
        self._corpus: Corpus | None = None
        self._task: TwoTowerTask | None = None
        self._files: TemporaryDirectory[str] | None = None
        self._baselines = Baselines(self.config)

    @property
    def task(self) -> TwoTowerTask:
        """Features, loss and lists; there once the model is built."""
        assert self._task is not None
        return self._task

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """Read items and interactions, split by time for each user, and write the examples."""
        config = self.config
        match = None if self._task is None else self._match
        corpus = read_corpus(config, run, self.name, self.rng_at("cold"), match)
        self._corpus = corpus
        self._files = TemporaryDirectory(prefix="ft-recommend-")
        splits: dict[str, Dataset] = {}
        notes = list(corpus.notes)
        for split in ("train", "validation", "test"):
            path = Path(self._files.name) / f"{split}.arrow"
            examples = write_split(
                corpus.interactions, split, corpus.catalogue.texts, path, config.history
            )
            if split == "train" and config.limit is not None and config.limit < len(examples):
                examples = self._some(examples, config.limit)
            if split == "validation" and len(examples) > config.validation_users:
                examples = self._some(examples, config.validation_users)
                notes.append(f"validation asks {len(examples):,} examples, chosen at random")
            if len(examples) or split == "train":
                splits[split] = examples
        held = [name for name in ("validation", "test") if name in splits]
        if config.exclude_seen and (again := sum(_repeats(splits[name]) for name in held)):
            notes.append(
                f"{again:,} held-out items had been had by their user before; a list never names "
                f"them, so they count as missed ({self.name}.exclude_seen = false lets them be named)"
            )
        notes.append(
            f"{len(corpus.users.names):,} users, {len(corpus.catalogue):,} items; "
            + ", ".join(f"{len(splits[name]):,} {name} examples" for name in ("train", *held))
        )
        numbers = ("time",) if corpus.interactions.time is not None else ()
        schema = Schema(
            group="user",
            texts=(Text("candidate"),),
            numbers=numbers,
            # Encoded examples hold features of users that are no column: they must not be taken
            # from the cache when these change.
            extra={"features": _digest(corpus)},
        )
        return TaskData(DatasetDict(splits), schema, dict.fromkeys(splits, corpus.files), notes)

    def _some(self, examples: Dataset, count: int) -> Dataset:
        """So many examples chosen at random, in their order."""
        chosen = self.rng_at("some", len(examples)).choice(len(examples), count, replace=False)
        return examples.select(np.sort(chosen))

    def _match(self, read: Catalogue) -> Catalogue:
        """The trained model's catalogue, which must have every item of the file.

        Raises:
            DataError: it has not.
        """
        known = self.task.knowledge.catalogue
        new = [item for item in read.ids if item not in known.row_of]
        if new:
            raise DataError(
                f"{len(new):,} items were not in the catalogue when the model was trained, such as "
                f"{new[0]!r}",
                where=self.config.items,
                hint='rank new items with `ft predict` and {"user": ..., "new_items": FILE}',
            )
        return known

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The pre-trained encoder with two towers on it."""
        config = self.config
        if run.restored:
            self._task = TwoTowerTask(config, run, Knowledge.load(Path(run.model_path)))
            return self._task.model
        corpus = self._corpus
        assert corpus is not None
        knowledge = Knowledge(corpus.catalogue, corpus.users, corpus.context)
        self._task = TwoTowerTask(config, run, knowledge, corpus.popularity)
        if config.loss == "rating":
            if corpus.interactions.rating is None:
                raise DataError(
                    "the loss 'rating' needs ratings, and the interactions have none",
                    where=f"{self.name}.loss",
                )
            training = corpus.interactions.use == TRAIN
            self._task.begin_at(float(corpus.interactions.rating[training].mean()))
        return self._task.model

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Encode the catalogue, and measure the baselines while the encoder is as it came."""
        assert run.data is not None
        seed = run.config.seed
        with run.accelerator.autocast():
            self.task.begin()
            for split in ("validation", "test"):
                if split in run.data.splits:
                    examples = run.data.splits[split]
                    self._baselines.on(split, examples, self.task, seed, frozen=True)

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Token ids of the candidate, rows of the history, features of the moment and the user."""
        return self.task.encode(run, examples)

    @hookimpl
    def read_request(self, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
        """A request as it is: `encode` reads all of them together."""
        if isinstance(request, str):
            raise DataError("a request for a recommendation is a JSON object, one a line")
        return request

    def request_schema(self, run: Run) -> Mapping[str, Any]:
        """A user or a history, and what is to be ranked."""
        return request_schema(self.task.knowledge.catalogue)

    @hookimpl
    def compute_loss(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """The vectors of users and items, and `loss_of` them."""
        return run.loss_of(self.task.outputs(model, batch, self._seeds(run)), batch)

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """The loss over candidates, summed over the examples (see `losses`)."""
        return self.task.loss_of(outputs, batch, self._seeds(run))

    def _seeds(self, run: Run) -> tuple[int, int]:
        """The same for every pass over one batch."""
        negatives, left_out = self.rng_at("negatives", run.step).integers(2**63, size=2).tolist()
        return negatives, left_out

    @hookimpl
    def decode(
        self,
        run: Run,
        outputs: Sequence[Mapping[str, np.ndarray]],
        examples: Mapping[str, list[Any]],
    ) -> Sequence[Mapping[str, Any]]:
        """The best items of each user with scores; for held-out examples the rank of the item too."""
        return self.task.decode(outputs, examples)

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """nDCG, recall, MRR, AUC and coverage of the full ranking, beside three baselines."""
        config, examples = self.config, predictions.examples
        size = len(self.task.knowledge.catalogue)
        users = list(examples["user"])
        metrics = summarise(predictions.items, users, top=config.top, items=size, seed=SEED)
        if config.loss == "rating":
            predicted = np.array([item["predicted"] for item in predictions.items])
            metrics["rmse"] = rmse(predicted, np.array(examples["rating"], float), SEED)
        rows = [(self.name, metrics)]
        rows += self._baselines.on(predictions.split, examples, self.task, run.config.seed).items()
        catalogue = self.task.knowledge.catalogue
        named = {one for item in predictions.items for one in (item["target"], *item["items"])}
        titles = {one: catalogue.texts[catalogue.row_of[one]] for one in sorted(named)}
        tables = (table(rows, config.top, size, users),)
        return Evaluation(metrics, f"ndcg@{config.top}", tables, titles)

    def state_dict(self) -> dict[str, Any]:
        """The baselines' metrics: the frozen encoder is gone once training has begun."""
        return {"baselines": self._baselines.state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._baselines.restore(state.get("baselines", {}))


def _repeats(examples: Dataset) -> int:
    """Examples whose user had the item before."""
    pairs = zip(examples["item"], examples["seen"], strict=True)
    return sum(item in seen for item, seen in pairs)


def _digest(corpus: Corpus) -> str:
    """A hash of how the moment and the user become features."""
    made = hashlib.sha256(json.dumps(corpus.context.to_json(), sort_keys=True).encode())
    made.update(corpus.users.features.tobytes())
    return made.hexdigest()[:32]
