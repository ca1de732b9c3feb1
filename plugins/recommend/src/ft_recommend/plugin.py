"""The plugin: from interactions and items to ranked lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
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
    Metric,
    Plugin,
    Predictions,
    Schema,
    Table,
    TaskData,
    Text,
    hookimpl,
)
from ft_recommend.baselines import Scores, bm25, key_of, measure, popularity
from ft_recommend.catalogue import Catalogue
from ft_recommend.corpus import Corpus, read_corpus
from ft_recommend.examples import write_split
from ft_recommend.knowledge import Knowledge
from ft_recommend.scoring import rmse, summarise
from ft_recommend.settings import RecommendConfig
from ft_recommend.two_tower import TwoTowerTask

if TYPE_CHECKING:
    from ft.engine.run import Run


class Recommend(Plugin):
    """Ranks items for users from the text of what they liked, and other features."""

    Config: ClassVar[type[ft.Config]] = RecommendConfig
    config: RecommendConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._corpus: Corpus | None = None
        self._task: TwoTowerTask | None = None
        self._files: TemporaryDirectory[str] | None = None
        self._baselines: dict[str, dict[str, Any]] = {}

    @property
    def task(self) -> TwoTowerTask:
        """What the mode does; there once the model is built."""
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
        notes.append(
            f"{len(corpus.people.names):,} users, {len(corpus.catalogue):,} items; "
            + ", ".join(f"{len(splits[name]):,} {name} examples" for name in ("train", *held))
        )
        numbers = ("time",) if corpus.interactions.time is not None else ()
        schema = Schema(group="user", texts=(Text("candidate"),), numbers=numbers)
        files = [path for path in (config.interactions, config.validation, config.test) if path]
        places = {name: [Path(path) for path in files or [config.train or ""]] for name in splits}
        return TaskData(DatasetDict(splits), schema, places, notes)

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
        """The two towers around the pre-trained encoder."""
        config = self.config
        if run.restored:
            self._task = TwoTowerTask(config, run, Knowledge.load(Path(run.model_path)))
            return self._task.model
        corpus = self._corpus
        assert corpus is not None
        rating = None
        if config.loss == "rating":
            if corpus.interactions.rating is None:
                raise DataError(
                    "the loss 'rating' needs ratings, and the interactions have none",
                    where=f"{self.name}.loss",
                )
            rating = float(corpus.interactions.rating.mean())
        knowledge = Knowledge(corpus.catalogue, corpus.people, corpus.context)
        self._task = TwoTowerTask(config, run, knowledge, corpus.popularity, rating)
        return self._task.model

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Encode the catalogue, and measure the baselines while the encoder is as it came."""
        assert run.data is not None
        with run.accelerator.autocast():
            self.task.model.refresh()
        for split in ("validation", "test"):
            if split in run.data.splits:
                self._measure(run, split, run.data.splits[split], frozen=True)

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Token ids of the candidate, rows of the history, features of the moment and the user."""
        return self.task.encode(run, examples)

    @hookimpl
    def compute_loss(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """The loss over candidates, summed over the examples (see `losses`)."""
        return self.task.compute_loss(model, batch)

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
        seed = run.config.seed
        users = list(examples["user"])
        metrics = summarise(predictions.items, users, top=config.top, items=size, seed=seed)
        if config.loss == "rating":
            predicted = np.array([item["predicted"] for item in predictions.items])
            metrics["rmse"] = rmse(predicted, np.array(examples["rating"], float), seed)
        baselines = self._measure(run, predictions.split, examples, frozen=False)
        rows = [("recommend", metrics), *baselines.items()]
        table = _table(rows, config.top, size, len(set(users)))
        return Evaluation(metrics, f"ndcg@{config.top}", (table,))

    def _measure(
        self, run: Run, split: str, examples: Dataset, *, frozen: bool
    ) -> dict[str, dict[str, Metric]]:
        """The baselines' metrics on a split, measured once.

        Args:
            run: the run.
            split: its name.
            examples: its examples.
            frozen: whether the model's encoder is the pre-trained one still.
        """
        key = key_of(examples)
        known = self._baselines.get(split)
        if known is None or known["key"] != key:
            catalogue = self.task.knowledge.catalogue
            counts = self.task.model.popularity.cpu().numpy()
            scorers: dict[str, Scores] = {
                "popularity": popularity(counts),
                "BM25": bm25(catalogue.texts),
            }
            if frozen or not self.task.model.learns_texts:
                scorers["frozen encoder"] = self.task.cosine()
            results = measure(
                scorers,
                examples,
                counts == 0,
                top=self.config.top,
                exclude=self.config.exclude_seen,
                seed=run.config.seed,
            )
            plain = {
                name: {metric: asdict(value) for metric, value in one.items()}
                for name, one in results.items()
            }
            known = self._baselines[split] = {"key": key, "results": plain}
        return {
            name: {metric: Metric(**value) for metric, value in one.items()}
            for name, one in known["results"].items()
        }

    def state_dict(self) -> dict[str, Any]:
        """The baselines' metrics: the frozen encoder is gone once training has begun."""
        return {"baselines": self._baselines}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._baselines = dict(state.get("baselines", {}))


def _table(
    rows: Sequence[tuple[str, Mapping[str, Metric]]], top: int, items: int, users: int
) -> Table:
    """The model and the baselines, a row each."""
    names = [f"ndcg@{top}", f"recall@{top}", "mrr", "auc", f"coverage@{top}"]
    cold = [f"cold_ndcg@{top}", "cold_auc"]
    names += [name for name in cold if any(name in metrics for _, metrics in rows)]
    cells = tuple((label, *(_cell(metrics.get(name)) for name in names)) for label, metrics in rows)
    note = (
        f"every unseen one of {items:,} items ranked, {users:,} users; in brackets 95 % intervals; "
        "BM25 and the encoder read the last ten items"
    )
    if len(names) > 5:
        note += "; cold_ndcg: users whose item was never in training, among such items"
    return Table("Ranking", ("method", *names), cells, note)


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return "-"
    if metric.low is None or metric.high is None:
        return f"{metric.value:.4f}"
    return f"{metric.value:.4f} [{metric.low:.4f}, {metric.high:.4f}]"
