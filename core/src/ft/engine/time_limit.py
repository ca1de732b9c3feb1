"""How many steps a time limit leaves, from what steps and evaluations have cost so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from ft.contract.duration import seconds_of
from ft.contract.errors import ConfigError
from ft.engine.batch.inference import predict_split

if TYPE_CHECKING:
    from ft.engine.length import Length
    from ft.engine.resume.progress import Progress
    from ft.engine.run import LiveRun

SAMPLES = (4, 24)
"""Examples that are predicted to find what an evaluation costs, whatever it predicts, and an example."""

SPARE = 1.15
"""Factor on what is only estimated: evaluations that have not been yet, and the end of the run."""

REPORT, LONGEST_REPORT = (5.0, 0.05), 60.0
"""Seconds and share of the limit that are kept for baselines and the report, and seconds at most."""


class TimeLimit:
    """Plans the steps that fit into ``run.time_limit``, which counts for the whole command.

    The first plan is made behind the fourth step of the command, further ones behind twice as many each and
    behind every evaluation. A plan is part of a checkpoint, so that a resume goes on with it.

    Args:
        run: with its data.
        began: when the command began, on `perf_counter`.
        saving: seconds that writing and reading the model took.
        length: of the training, which is cut.
    """

    def __init__(self, run: LiveRun, began: float, saving: float, length: Length) -> None:
        self._run, self._began, self._saving, self._length = run, began, saving, length
        self._limit = seconds_of(run.config.time_limit) if run.config.time_limit else None
        self._before = 0.0
        self._due = 1
        self._mark: tuple[int, float] | None = None
        self._scoring = 0.0
        self._scored = False
        self._end = 0.0
        self._said = 0

    def begin(self, progress: Progress) -> None:
        """Training is about to begin, or to go on.

        Raises:
            ConfigError: the limit is over already.
        """
        self._before = progress.seconds
        if self._limit is None:
            return
        spent = self._run.ranks.from_main(self.elapsed)
        if spent > self._limit and not progress.step:
            raise ConfigError(
                f"the {self._run.config.time_limit} were over before the first step: reading, encoding and "
                f"loading took {spent:.0f} seconds",
                where="run.time_limit",
                hint="give more time, or leave it out",
            )

    def elapsed(self) -> float:
        """Seconds since the command began, those of the commands before it counted."""
        return self._before + perf_counter() - self._began

    def after_step(self, progress: Progress) -> None:
        """Plan if it is time to, and end the training if there is no more time."""
        if self._limit is None:
            return
        step = progress.step
        if self._mark is None:  # the first step of a command takes longer than those that follow
            self._estimate()
            if not self._before:
                self._require_time()
            self._mark = step, progress.train_seconds
            self._due = step + 3
        elif step >= self._due:
            self._plan(progress)
            self._due = step + max(3, step - self._mark[0])
            self._mark = step, progress.train_seconds
        over = self._run.stops or step >= self._run.total_steps
        # Several processes end by a plan, which all of them have.
        alone = self._run.ranks.count == 1
        if alone and not over and self.elapsed() + self._rest() > self._limit:
            limit = self._run.config.time_limit
            stop = {"plugin": "core", "reason": f"the time limit of {limit}", "step": step}
            self._run.stops.append(stop)

    @contextmanager
    def scoring(self, progress: Progress) -> Iterator[None]:
        """Learn what an evaluation costs that is made in it."""
        started = perf_counter()
        yield
        self._scoring, self._scored = perf_counter() - started, True
        if self._limit is not None and self._mark and progress.step > self._mark[0]:
            self._plan(progress)

    def _rest(self) -> float:
        """Seconds from the last step to the end of the command."""
        return self._scoring * (1 if self._scored else SPARE) + self._end

    def _estimate(self) -> None:
        """Find from a few examples what an evaluation costs, and the end."""
        run = self._run
        assert run.data is not None

        def cost(split: str, final: bool) -> float:
            rows = run.data.splits[split]  # type: ignore[union-attr]
            spent = []
            sizes = [min(size, len(rows)) for size in SAMPLES]
            for size in sizes:
                started = perf_counter()
                with run.answering(split, final):
                    predict_split(run, split, rows=rows.select(range(size)))
                spent.append(perf_counter() - started)
            each = max(0.0, spent[1] - spent[0]) / max(1, sizes[1] - sizes[0])
            return spent[1] + each * (len(rows) - sizes[1])

        self._scoring = sum(cost(split, False) for split in run.data.scored(final=False))
        final = sum(cost(split, True) for split in run.data.scored(final=True))
        assert self._limit is not None
        told = min(LONGEST_REPORT, REPORT[0] + REPORT[1] * self._limit)
        self._end = SPARE * final + 2 * self._saving + told

    def _require_time(self) -> None:
        """Refuse a limit within which the model cannot even be scored and saved.

        Raises:
            ConfigError: it is such.
        """
        assert self._limit is not None
        spent, rest = self._run.ranks.from_main(lambda: (self.elapsed(), self._rest()))
        if spent + rest > self._limit:
            raise ConfigError(
                f"what stands before the second step took {spent:.0f} seconds, and to score and save the "
                f"model takes about {rest:.0f}: nothing is left of {self._run.config.time_limit} to train",
                where="run.time_limit",
                hint=f"give more than {spent + rest:.0f}s, or score fewer examples",
            )

    def _plan(self, progress: Progress) -> None:
        """Cut the training to the steps that there is time for, and say so once."""
        assert self._mark is not None
        assert self._limit is not None
        done = progress.step - self._mark[0]
        each = (progress.train_seconds - self._mark[1]) / done
        left = self._limit - self.elapsed() - self._rest()
        steps = self._run.ranks.from_main(
            lambda: self._length.fitting(progress, left, each, self._scoring)
        )
        before = self._run.total_steps
        self._length.limit(progress, progress.step + max(steps, 1))
        total = self._run.total_steps
        if total == before:
            return
        self._run.reporter.train_start(total, progress.step, self._run.epochs)
        if not self._said:
            epochs = total / self._length.batches
            self._run.note(
                f"the time limit of {self._run.config.time_limit} leaves about {total} of "
                f"{self._length.usual} steps, {epochs:.2g} epochs: a step takes {each:.2g} seconds, an "
                f"evaluation about {self._scoring:.2g}, the end about {self._end:.2g}"
            )
        self._said = total
