"""The trials of a search, one after another, shared with whoever works on the same study."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from optuna.trial import Trial, TrialState

from ft import Interrupted, Metric, Result, TrainingError, UserError
from ft_study.claims import claimed
from ft_study.tune import trials
from ft_study.tune.pruner import upward, was_stopped
from ft_study.tune.work import Base, run_trial

if TYPE_CHECKING:
    from optuna import Study

    from ft_study.tune.folder import SearchFolder
    from ft_study.tune.space import Dimension

REDRAWS = 20
"""How often values that were tried already are drawn anew."""

KILLED_MOST = 2
"""A run whose process has ended without a word more often than this is given up."""

FAILED_MOST = 3
"""So many failures in a row end the search."""

UNBORN_SECONDS = 60
"""A trial that is nowhere after so long was left by a process that was killed as it began."""


@dataclass
class Search:
    """The search, as this process works on it.

    Attributes:
        study: with every trial, also those of other processes.
        folder: of the runs.
        base: the settings that it starts from.
        dimensions: what is searched.
        budget: trials of the study, over all processes.
        prune: whether trials may be stopped early.
        say: tells the user something.
        said: what the runs have noted, once each.
        failures: in a row.
    """

    study: Study
    folder: SearchFolder
    base: Base
    dimensions: Sequence[Dimension]
    budget: int
    prune: bool
    say: Callable[[str], None]
    said: set[str] = field(default_factory=set)
    failures: int = 0

    def run(self, done: Callable[[], object]) -> None:
        """Do trials until the study has as many as it may.

        Args:
            done: called after each trial.

        Raises:
            Interrupted: the user asked to stop.
            FtError: the first run failed, or several in a row.
        """
        while True:
            with self._claimed() as trial:
                if trial is None:
                    return
                self._do(trial)
            done()

    @contextmanager
    def _claimed(self) -> Iterator[Trial | None]:
        """A trial that is this process's alone; ``None`` where nothing is left to do."""
        for number in self._left_behind():
            with claimed(self.folder.claims, f"{number:04}") as ours:
                trial = self._again(number) if ours else None
                if trial is not None:
                    yield trial
                    return
        for _ in range(REDRAWS):
            if trials.counted_before(self._trials(), sys.maxsize) >= self.budget:
                break
            new = self.study.ask()
            with claimed(self.folder.claims, f"{new.number:04}"):
                # Others may have asked at the same time.
                if trials.counted_before(self._trials(), new.number) >= self.budget:
                    self._void(new, "beyond the number of trials")
                    break
                new.set_user_attr(trials.HOST, socket.gethostname())
                new.set_user_attr(trials.RUN, str(self.folder.run(new.number)))
                new.set_user_attr(trials.FOLDER, self.folder.id)
                if self._is_new(new):
                    yield new
                    return
        else:
            self.say("every combination that was drawn has been tried: the search ends here")
        yield None

    def _left_behind(self) -> list[int]:
        """Trials in this folder that are not finished; somebody may be at them."""
        found = []
        for one in self._trials():
            if one.state != TrialState.RUNNING:
                continue
            if one.user_attrs.get(trials.FOLDER) == self.folder.id:
                if trials.counted_before(self._trials(), one.number) < self.budget:
                    found.append(one.number)
            elif trials.FOLDER not in one.user_attrs and _age(one) > UNBORN_SECONDS:
                self._void(Trial(self.study, one._trial_id), "its process ended as it began")
        return found

    def _again(self, number: int) -> Trial | None:
        """A trial to go on with; ``None`` where it was finished meanwhile or is given up."""
        kept = self._trials()[number]
        if kept.state != TrialState.RUNNING:
            return None
        # Optuna has no public way back to a trial that another process has asked for.
        trial = Trial(self.study, kept._trial_id)
        killed = int(kept.user_attrs.get(trials.KILLED, 0))
        if killed > KILLED_MOST:
            self._fail(trial, f"its process was killed {killed} times")
            return None
        return trial if self._is_new(trial) else None

    def _is_new(self, trial: Trial) -> bool:
        """Whether no earlier trial has the same values; else it is not run."""
        same = trials.twin(self.study, trial.number, self._values(trial))
        if same is not None:
            self._void(trial, f"the same values as trial {same}")
        return same is None

    def _values(self, trial: Trial) -> dict[str, Any]:
        """The values of a trial, drawn if they are not there."""
        return {one.key: one.draw(trial) for one in self.dimensions}

    def _do(self, trial: Trial) -> None:
        values = self._values(trial)
        self._announce(trial, values)
        killed = int(trial.user_attrs.get(trials.KILLED, 0))
        # Taken back below: it stays where the process ends without a word.
        trial.set_user_attr(trials.KILLED, killed + 1)
        folder = self.folder.run(trial.number)
        try:
            result = run_trial(self.base, values, folder, self._judge(trial))
        except (Interrupted, KeyboardInterrupt) as error:
            trial.set_user_attr(trials.KILLED, 0)
            what = error.what if isinstance(error, Interrupted) else "stopped"
            hint = "the same command goes on"
            raise Interrupted(f"{what} (trial {trial.number})", hint=hint) from error
        except Exception as error:
            self._failed(trial, error)
        else:
            self._tell(trial, result)

    def _judge(self, trial: Trial) -> Callable[[int, str, Metric], str | None]:
        def judge(epoch: int, name: str, metric: Metric) -> str | None:
            if epoch not in self._trials()[trial.number].intermediate_values:
                trial.report(upward(metric), epoch)
            self.say(f"  epoch {epoch}: {name} {metric.value:.4f}")
            if self.prune and trial.should_prune():
                return f"{name} is below the median of the trials after epoch {epoch}"
            return None

        return judge

    def _tell(self, trial: Trial, result: Result) -> None:
        """Keep what a run gave."""
        record = result.record
        best = record.get("best")
        if not best:
            self._void(trial, "it was not scored on validation data")
            raise UserError(
                "the search chooses by the validation split, and this run has none",
                where=str(result.output),
                hint="give one: -o TASK.validation=FILE",
            )
        name = best["metric"]
        metric = result.metrics["validation"][name]
        stopped = was_stopped(record)
        self.failures = 0
        for text in [*record["notes"], *(one["message"] for one in record["findings"])]:
            if text not in self.said:
                self.said.add(text)
                self.say(f"  note: {text}")
        trial.set_user_attr(
            trials.DONE,
            {
                "metric": name,
                "higher_is_better": metric.higher_is_better,
                "value": best["value"],
                "epoch": record["epoch"],
                "seconds": record["total_seconds"],
                "test": {key: one.to_json() for key, one in result.metrics.get("test", {}).items()},
            },
        )
        value = upward(Metric(best["value"], higher_is_better=metric.higher_is_better))
        if not isfinite(value):
            self._fail(trial, f"{name} is {value}")
            return
        if stopped:
            self.study.tell(trial.number, state=TrialState.PRUNED)
        else:
            self.study.tell(trial.number, value, state=TrialState.COMPLETE)
        end = f"stopped after epoch {record['epoch']}" if stopped else "done"
        self.say(f"  {end}: {name} {best['value']:.4f}, {record['total_seconds']:.0f} s")

    def _failed(self, trial: Trial, error: Exception) -> None:
        """Count a failure, unless it is of the kind that every trial would end with."""
        first = all(one.state != TrialState.COMPLETE for one in self._trials())
        if first and not isinstance(error, TrainingError):
            self._void(trial, str(error))
            raise error
        self._fail(trial, str(error))
        self.failures += 1
        if self.failures >= FAILED_MOST:
            error.add_note(f"{self.failures} trials have failed in a row; this is the last of them")
            raise error

    def _fail(self, trial: Trial, why: str) -> None:
        trial.set_user_attr(trials.ERROR, why)
        # Optuna's sampler learns from a trial that was stopped, and not from one that failed.
        self.study.tell(trial.number, state=TrialState.PRUNED)
        self.say(f"  trial {trial.number} failed: {why}")

    def _void(self, trial: Trial, why: str) -> None:
        trial.set_user_attr(trials.VOID, why)
        self.study.tell(trial.number, state=TrialState.FAIL)

    def _announce(self, trial: Trial, values: dict[str, Any]) -> None:
        place = trials.counted_before(self._trials(), trial.number) + 1
        told = ", ".join(f"{key} {shown(value)}" for key, value in values.items())
        self.say(f"trial {trial.number} ({place} of {self.budget}): {told}")

    def _trials(self) -> list[Any]:
        return self.study.get_trials(deepcopy=False)


def _age(trial: Any) -> float:
    """Seconds since a trial was begun."""
    began = trial.datetime_start or datetime.now()
    return (datetime.now() - began) / timedelta(seconds=1)


def shown(value: Any) -> str:
    """A value in a line of text."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
