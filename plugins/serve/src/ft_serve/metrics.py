"""What Prometheus reads: latency, queue, batches, tokens, cut texts, confidence, shares of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

import ft
from ft_serve.models import Model, Models

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
MOST_LABELS = 200
"""Labels that are counted by name; what a model has beyond is counted as ``(other)``."""


class Metrics:
    """The numbers of one server.

    Args:
        models: those that are served.
        waiting: gives the items in the queue.
    """

    def __init__(self, models: Models, waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self._models = models
        here: Any = {"registry": self.registry}
        self._requests = Counter(
            "ft_requests", "Requests by status of HTTP", ["route", "status"], **here
        )
        self._seconds = Histogram(
            "ft_request_seconds",
            "From the first byte to the answer",
            ["route"],
            buckets=SECONDS,
            **here,
        )
        self._items = Counter(
            "ft_items", "Items by what became of them", ["model", "outcome"], **here
        )
        self._tokens = Counter("ft_tokens", "Tokens that were computed", ["model"], **here)
        self._cut = Counter("ft_cut_texts", "Items whose text was cut", ["model"], **here)
        self._wait = Histogram(
            "ft_queue_seconds", "From arrival to computing", ["model"], buckets=SECONDS, **here
        )
        self._batch_seconds = Histogram(
            "ft_batch_seconds", "Computing of a batch", ["model"], buckets=SECONDS, **here
        )
        sizes = [2**k for k in range(13)]
        self._batch_items = Histogram(
            "ft_batch_items", "Items of a batch", ["model"], buckets=sizes, **here
        )
        self._batch_tokens = Histogram(
            "ft_batch_tokens",
            "Tokens of a batch",
            ["model"],
            buckets=[8 * size for size in sizes],
            **here,
        )
        shares = [k / 20 for k in range(1, 21)]
        self._confidence = Histogram(
            "ft_confidence", "Probability of what is predicted", ["model"], buckets=shares, **here
        )
        self._labels = Counter(
            "ft_labels", "Labels that were predicted", ["model", "label"], **here
        )
        self._corrections = Counter("ft_corrections", "Corrected examples", ["model"], **here)
        self._loaded = Gauge(
            "ft_model", "1 for each model that is served", ["model", "version", "hash"], **here
        )
        Gauge("ft_queue_items", "Items that wait", **here).set_function(waiting)
        self._known: dict[Model, frozenset[str]] = {}

    def page(self) -> bytes:
        """The numbers as text."""
        self._loaded.clear()
        for model in self._models.all():
            self._loaded.labels(model.name, model.version, model.hash).set(1)
        return generate_latest(self.registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def outcome(self, model: Model, outcome: str) -> None:
        """An item was answered or refused."""
        self._items.labels(model.name, outcome).inc()

    def correction(self, model: Model) -> None:
        """A corrected example was kept."""
        self._corrections.labels(model.name).inc()

    def batch(
        self, model: Model, waits: Sequence[float], answers: Sequence[ft.Answer], seconds: float
    ) -> None:
        """A batch was computed."""
        name = model.name
        tokens = sum(answer.tokens for answer in answers)
        self._tokens.labels(name).inc(tokens)
        self._cut.labels(name).inc(sum(answer.cut for answer in answers))
        self._batch_items.labels(name).observe(len(answers))
        self._batch_tokens.labels(name).observe(tokens)
        self._batch_seconds.labels(name).observe(seconds)
        wait, confidence = self._wait.labels(name), self._confidence.labels(name)
        for waited in waits:
            wait.observe(waited)
        counts: dict[str, int] = {}
        for answer in answers:
            for label, probability in _of_all(model, answer.prediction or {}):
                if label is not None:
                    label = label if label in self._names(model) else "(other)"
                    counts[label] = counts.get(label, 0) + 1
                if probability is not None:
                    confidence.observe(probability)
        for label, times in counts.items():
            self._labels.labels(name, label).inc(times)

    def _names(self, model: Model) -> frozenset[str]:
        if model not in self._known:
            own = [
                f"{task}/{name}" if task else name
                for task, schema in model.tasks.items()
                for label in model.labels(task)
                for name in [(schema.words and ft.tags.split_tag(label)[1]) or label]
            ]
            # Models that were replaced are forgotten.
            served = self._models.all()
            self._known = {one: names for one, names in self._known.items() if one in served}
            self._known[model] = frozenset(list(dict.fromkeys(own))[:MOST_LABELS])
        return self._known[model]


def _of_all(
    model: Model, prediction: Mapping[str, Any]
) -> Iterator[tuple[str | None, float | None]]:
    """What a prediction says of each task; a label of one of several is called ``TASK/LABEL``."""
    for task in model.tasks:
        for label, probability in found(prediction.get(task, {}) if task else prediction):
            yield (f"{task}/{label}" if task and label is not None else label), probability


def found(prediction: Mapping[str, Any]) -> list[tuple[str | None, float | None]]:
    """What a prediction says: labels, each with its probability where it is known."""
    entities = prediction.get("entities")
    if isinstance(entities, list):
        return [(one.get("type"), one.get("score")) for one in entities if isinstance(one, Mapping)]
    label, scores = prediction.get("label"), prediction.get("scores")
    by_name = scores if isinstance(scores, Mapping) else {}
    if isinstance(label, str):
        return [(label, prediction.get("probability", by_name.get(label)))]
    if isinstance(label, list):
        return [(one, by_name.get(one)) for one in label if isinstance(one, str)]
    return []
