"""Items of all clients, answered together in the order in which they came, by one thread."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from threading import Condition, Thread
from time import monotonic
from typing import Any, Protocol

import ft
from ft_serve.logs import logged
from ft_serve.models import Model
from ft_serve.refusal import Refusal

logger = logging.getLogger("ft_serve")

Outcome = tuple[str, dict[str, Any], bool] | Refusal
"""Of an item: its answer as JSON, its prediction, whether its text was cut; or why there is none."""


class Watch(Protocol):
    """Is told what the batcher does; called by its thread."""

    def batch(
        self, model: Model, waits: Sequence[float], answers: Sequence[ft.Answer], seconds: float
    ) -> None:
        """A batch was computed; ``waits`` are the seconds that its items stood in the queue."""


class Asked:
    """The items of one client's request, and what becomes of them.

    Args:
        model: the one that answers all of them.
        items: what is asked.
        sizes: characters of each.
        outcomes: of items that are refused already; ``None`` where the model is to be asked.
        deadline: by `monotonic`; items that have not been computed by then never are.
    """

    def __init__(
        self,
        model: Model,
        items: Sequence[Any],
        sizes: Sequence[int],
        outcomes: list[Outcome | None],
        deadline: float,
    ) -> None:
        self.model = model
        self.items = items
        self.sizes = sizes
        self.deadline = deadline
        self.begun = monotonic()
        self.outcomes = outcomes
        self.left = sum(outcome is None for outcome in outcomes)
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[bool] = self.loop.create_future()
        self.abandoned = False

    def finish(self, answered: bool = True) -> None:
        """Wake who waits for it; called in the event loop."""
        if not self.done.done():
            self.done.set_result(answered)

    def left_alone(self, gone: asyncio.Future[None]) -> None:
        """The client is gone."""
        self.finish(False)


@dataclass(frozen=True)
class _Item:
    number: int
    asked: Asked
    index: int

    @property
    def size(self) -> int:
        return self.asked.sizes[self.index]


class Batcher:
    """One queue a model, and one thread that computes for all.

    The model whose first item has waited longest is next; of its items as many are answered together as
    ``max_tokens`` holds, in their order. Tokens are estimated from characters by what the model's
    texts had lately; within the model they are counted, and texts of like length are put together.

    Args:
        max_tokens: of a batch.
        max_queue: items that may wait.
        watch: is told of every batch.
        log_texts: log failures with their message, which may hold a text.
    """

    def __init__(
        self, max_tokens: int, max_queue: int, watch: Watch, *, log_texts: bool = False
    ) -> None:
        self._max_tokens = max_tokens
        self._max_queue = max_queue
        self._watch = watch
        self._log_texts = log_texts
        self._queues: dict[Model, deque[_Item]] = {}
        self._numbers = count()
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name="ft-serve", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Items in the queue."""
        with self._changed:
            return sum(map(len, self._queues.values()))

    def submit(self, asked: Asked) -> None:
        """Put the items of a request behind all others.

        Raises:
            Refusal: the queue is full; none of them is taken.
        """
        with self._changed:
            waiting = sum(map(len, self._queues.values()))
            if waiting and waiting + asked.left > self._max_queue:
                raise Refusal(
                    429,
                    "queue_full",
                    f"{waiting} items are waiting; ask again in a moment",
                    {"Retry-After": "1"},
                )
            queue = self._queues.setdefault(asked.model, deque())
            queue.extend(
                _Item(next(self._numbers), asked, k)
                for k, outcome in enumerate(asked.outcomes)
                if outcome is None
            )
            self._changed.notify()

    def close(self) -> None:
        """Answer what waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            self._answer(batch)
            del batch  # the model of a run that was replaced is let go while the thread waits

    def _next(self) -> list[_Item] | None:
        """The items that are answered next; ``None`` at the end."""
        with self._changed:
            while not self._queues:
                if self._closed:
                    return None
                self._changed.wait()
            model = min(self._queues, key=lambda one: self._queues[one][0].number)
            queue = self._queues[model]
            batch: list[_Item] = []
            room = float(self._max_tokens)
            while queue and (not batch or queue[0].size * model.ratio <= room):
                item = queue.popleft()
                room -= item.size * model.ratio
                batch.append(item)
            if not queue:
                del self._queues[model]
            return batch

    def _answer(self, batch: list[_Item]) -> None:
        now = monotonic()
        items = []
        for item in batch:
            if item.asked.abandoned:
                self._give(item, abandoned())
            elif item.asked.deadline < now:
                self._give(item, too_late())
            else:
                items.append(item)
        if items:
            self._compute(items, now)
        for asked in {item.asked for item in batch}:
            if not asked.left:
                try:
                    asked.loop.call_soon_threadsafe(asked.finish)
                except RuntimeError:  # the loop has ended
                    logger.warning("an answer has nobody to go to")

    def _compute(self, items: list[_Item], begun: float) -> None:
        """Answer items together; where that fails, each alone, so that one does not fail the others."""
        model = items[0].asked.model
        try:
            answers = model.trained.answer([item.asked.items[item.index] for item in items])
            outcomes = [self._outcome(answer) for answer in answers]
        except Exception as error:
            if len(items) == 1:
                logged(error, f"the model '{model.name}' fails", with_texts=self._log_texts)
                self._give(items[0], _failed())
            else:
                for item in items:
                    self._compute([item], begun)
            return
        for item, outcome in zip(items, outcomes, strict=True):
            self._give(item, outcome)
        answered = [k for k, answer in enumerate(answers) if answer.prediction is not None]
        tokens = sum(answers[k].tokens for k in answered)
        model.measured(tokens, sum(items[k].size for k in answered))
        waits = [begun - item.asked.begun for item in items]
        self._watch.batch(model, waits, answers, monotonic() - begun)

    def _outcome(self, answer: ft.Answer) -> Outcome:
        if answer.prediction is None:
            assert answer.error is not None
            # Without its place, which counts the items of all clients, and options of the command line.
            hint = answer.error.hint or ""
            said = [answer.error.what, *([hint] if hint and " --" not in hint else [])]
            return Refusal(422, "invalid_item", "; ".join(said))
        return ft.to_json(answer.prediction), dict(answer.prediction), answer.cut

    def _give(self, item: _Item, outcome: Outcome) -> None:
        item.asked.outcomes[item.index] = outcome
        item.asked.left -= 1


def too_late() -> Refusal:
    """The answer to what was not computed in time."""
    return Refusal(504, "timeout", "it was not answered in time: the server is busy, ask again")


def abandoned() -> Refusal:
    """The end of what nobody waits for any more."""
    return Refusal(499, "abandoned", "the client is gone")


def _failed() -> Refusal:
    return Refusal(500, "failed", "the model fails at this item; the log of the server says where")
