"""The table of a split: the model beside its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ft import Metric, Table
from ft_recommend.baselines import Scores, bm25, key_of, measure, popularity

if TYPE_CHECKING:
    from datasets import Dataset

    from ft_recommend.settings import RecommendConfig
    from ft_recommend.two_tower import TwoTowerTask

Metrics = dict[str, Metric]


class Baselines:
    """The baselines' metrics on each split, measured once and kept.

    Args:
        config: the settings.
    """

    def __init__(self, config: RecommendConfig) -> None:
        self.config = config
        self._known: dict[str, dict[str, Any]] = {}

    def on(
        self,
        split: str,
        examples: Dataset,
        task: TwoTowerTask,
        seed: int,
        *,
        frozen: bool = False,
    ) -> dict[str, Metrics]:
        """The metrics of each baseline.

        Args:
            split: its name.
            examples: its examples.
            task: knows the items.
            seed: of the resampling.
            frozen: the encoder is the pre-trained one still; else it is compared only if it was
                before, or does not learn.
        """
        key = key_of(examples)
        known = self._known.get(split)
        if known is None or known["key"] != key:
            counts = task.model.popularity.cpu().numpy()
            scorers: dict[str, Scores] = {
                "popularity": popularity(counts),
                "BM25": bm25(task.knowledge.catalogue.texts),
            }
            if frozen or not task.model.learns_texts:
                scorers["frozen encoder"] = task.cosine()
            top, exclude = self.config.top, self.config.exclude_seen
            results = measure(scorers, examples, counts == 0, top=top, exclude=exclude, seed=seed)
            plain = {
                name: {metric: value.to_json() for metric, value in one.items()}
                for name, one in results.items()
            }
            known = self._known[split] = {"key": key, "results": plain}
        return {
            name: {metric: Metric(**value) for metric, value in one.items()}
            for name, one in known["results"].items()
        }

    def state(self) -> dict[str, Any]:
        """What was measured, as JSON values."""
        return self._known

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        self._known = dict(state)


def table(
    rows: Sequence[tuple[str, Mapping[str, Metric]]], top: int, items: int, users: Sequence[str]
) -> Table:
    """The model and the baselines, a row each.

    Args:
        rows: names and metrics, the model first.
        top: the k of the metrics.
        items: in the catalogue.
        users: whose each example is.
    """
    names = [f"ndcg@{top}", f"recall@{top}", "mrr", "auc", f"coverage@{top}"]
    cold = [f"cold_ndcg@{top}", "cold_auc"]
    shown = names + [name for name in cold if any(name in metrics for _, metrics in rows)]
    cells = tuple((label, *(_cell(metrics.get(name)) for name in shown)) for label, metrics in rows)
    note = (
        f"every unseen one of {items:,} items ranked, {len(np.unique(users)):,} users; in brackets "
        "95 % intervals over users; BM25 and the frozen encoder's cosine read the last ten items"
    )
    if len(shown) > len(names):
        note += (
            f"; cold: users whose item was never in training, for {cold[0]} ranked among such items"
        )
    return Table("Ranking", ("method", *shown), cells, note)


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return "-"
    if metric.low is None or metric.high is None:
        return f"{metric.value:.4f}"
    return f"{metric.value:.4f} [{metric.low:.4f}, {metric.high:.4f}]"
