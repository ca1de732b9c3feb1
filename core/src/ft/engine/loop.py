"""The training loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ft.contract.errors import Interrupted, TrainingError
from ft.contract.results import Metric, scores
from ft.engine import evaluated
from ft.engine.batch.batches import Feature, longest, unit_of
from ft.engine.batch.features import TrainingFeatures
from ft.engine.batch.inference import measure
from ft.engine.batch.order import Plan
from ft.engine.done import Done
from ft.engine.length import Length
from ft.engine.metric import require
from ft.engine.optim.custom import checked_factor
from ft.engine.optim.optim import Optimizer
from ft.engine.ranks.agreement import Agreement
from ft.engine.resume import state as run_state
from ft.engine.resume.checkpoint import Checkpoints
from ft.engine.resume.progress import Progress
from ft.engine.step import Step
from ft.engine.time_limit import TimeLimit
from ft.runfolder.folder import RunFolder

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

ORDER, PLUGINS = "order.safetensors", "plugins.safetensors"
"""What a checkpoint holds beside weights and moments: the ids of the epoch, plugins' tensors."""

LOG_EVERY = 10
"""Steps between lines of the training log."""

EPOCH_SAVE_SECONDS = 60.0
"""An epoch's end is saved unless the last checkpoint is younger than this."""


class Loop:
    """Trains a model: batches, steps, evaluations, checkpoints.

    Args:
        run: the run, with its model and data.
        features: of the train split, and of a pool.
        optimizer: of the model.
        folder: where logs and checkpoints go.
        began: when the command began, on `perf_counter`.
        saving: seconds that it took to try saving.
    """

    def __init__(
        self,
        run: LiveRun,
        features: TrainingFeatures,
        optimizer: Optimizer,
        folder: RunFolder,
        began: float,
        saving: float,
    ) -> None:
        assert run.model is not None
        self.run = run
        self.model = run.model
        self.features = features
        self.optimizer = optimizer
        self.folder = folder
        self.checkpoints = Checkpoints(folder.checkpoints, run.config.keep_checkpoints, self.model)
        self._ordered = run.hooks.customised("order")
        self.plan: Plan
        self.progress = Progress()
        batches = -(-len(features.train) // run.config.batch_size)
        self.length = Length(run, self.progress, batches, ordered=self._ordered)
        self.time = TimeLimit(run, began, saving, self.length)
        self.take_step = Step(run, optimizer)
        self._sums: dict[str, Tensor] = {}
        self._ids: list[int] = []
        self._unsettled: tuple[Done, int, int, list[int]] | None = None
        self._agreement = Agreement(run)
        self._schedule = run.hooks.only("learning_rate")
        if self._schedule and {"schedule", "warmup"} & run.config.model_fields_set:
            who = run.hooks.methods()["learning_rate"]
            run.note(f"run.schedule and run.warmup do nothing: the plugin '{who}' has the schedule")
        self._weights = run.hooks.only("evaluation_weights")
        self._giver = f"plugin '{run.hooks.methods().get('evaluation_weights')}'"
        self._on_step = run.hooks.listens("on_step")

    def resume(self) -> bool:
        """Take up the newest complete checkpoint; says whether there was one."""
        path, faults = self.run.ranks.from_main(self.checkpoints.newest)
        for fault in faults:
            self.run.note(f"passed over a checkpoint: {fault}")
        if path is None:
            self.folder.cut_metrics(0)
            self.run.note("there is no complete checkpoint: training starts from the beginning")
            return False
        state = self.checkpoints.load(path, self.optimizer)
        self.progress, self._sums = run_state.restore(self.run, state)
        run_state.load_plugin_tensors(self.run, self.checkpoints.extra(path, PLUGINS))
        self.length.restore(self.progress)
        if self._ordered:
            kept = self.checkpoints.extra(path, ORDER)
            self.plan = Plan.kept(self.run, self.progress.epoch, kept)
        elif self.progress.batch:
            self.plan = self._ask()
        if self.folder.cut_metrics(self.progress.lines) < self.progress.lines:
            self.run.note(f"{self.folder.metrics} lacks lines that were there at the checkpoint")
        self.run.note(f"resumed at step {self.progress.step} of {self.run.total_steps}")
        return True

    def train(self) -> None:
        """Run to the end, or until somebody stops it.

        Raises:
            TrainingError: the loss is not finite.
            Interrupted: the user asked to stop; the state is saved.
        """
        run, progress = self.run, self.progress
        run.reporter.train_start(run.total_steps, progress.step, run.epochs)
        self.time.begin(progress)
        self.model.train()
        with self._agreement.interrupt:
            self._agreement.renew()
            while True:
                # A run that was stopped right behind an epoch's last step has its end before it.
                if progress.batch and (self._epoch_is_over() or self._is_over()):
                    self._end_epoch()
                if self._is_over():
                    self._stop_if_asked()
                    return
                run.epoch = progress.epoch
                if not progress.batch:
                    self._start_epoch()
                for features in self._batches():
                    self._step(features)
                    progress.batch += 1
                    self._after_step()
                    if self._is_over():
                        break

    def _start_epoch(self) -> None:
        run, progress = self.run, self.progress
        if run.hooks.listens("on_epoch_start"):
            self._tell_plugins("on_epoch_start", epoch=progress.epoch)
            self.model.train()
            self.optimizer.require_all(self.model, run.hooks.who("on_epoch_start"))
        if not self._ordered:
            self.plan = self._ask()
            return
        self.plan = run.ranks.alone(self._ask)
        self.length.begin_epoch(progress, self.plan.batches)

    def _ask(self) -> Plan:
        return Plan.asked(
            self.run, self.progress.epoch, len(self.features.train), self.features.pooled
        )

    def _epoch_is_over(self) -> bool:
        return self.progress.batch >= self.plan.batches

    def _is_over(self) -> bool:
        return self.progress.step >= self.run.total_steps or bool(self.run.stops)

    def _batches(self) -> Iterator[list[Feature]]:
        """The features of each batch of this epoch, from the batch that is due."""
        due = self.progress.batch
        for begin, ids in self.plan.pools(due):
            started = perf_counter()
            mine = self.run.ranks.share(ids.tolist())
            fetched = self.run.ranks.merge(self.features.fetch(mine) if mine else [])
            cut = self.plan.cut(begin, longest(fetched))
            self.progress.train_seconds += perf_counter() - started
            for k, chosen in enumerate(cut):
                if begin + k >= due:
                    self._ids = [int(ids[i]) for i in chosen]
                    yield [feature for i in chosen for feature in fetched[i]]
            del fetched  # before the next pool is read

    def _step(self, features: list[Feature]) -> None:
        started = perf_counter()
        factor = self._factor()
        done = self.take_step(features, factor, self._agreement.own, self._places)
        for name, value in done.sums.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._agreement.take(done.wishes)
        unit = unit_of(features, self.run.data)
        self.progress.count(done.tokens, done.padded, len(features), unit)
        self.run.step = self.progress.step
        if self._on_step:
            self._tell_plugins("on_step", step=self.run.step)
        self._settle()
        self._unsettled = (done, self.progress.epoch, self.progress.step, self._ids)
        self.progress.train_seconds += perf_counter() - started
        self._log(factor)

    def _factor(self) -> float:
        """The share of the peak learning rate in the step that is due."""
        if self._schedule is None:
            return self.length.rate(self.progress, self.plan.batches)
        share = self.length.share(self.progress, self.plan.batches)
        return checked_factor(self._schedule, self.run, share)

    def _log(self, factor: float) -> None:
        """Report the step; every few steps write the mean loss and its parts since the last line."""
        run, progress = self.run, self.progress
        rate = run.config.learning_rate * factor
        if progress.step % LOG_EVERY and progress.step != run.total_steps:
            run.reporter.train_step(progress.step, progress.seen, None, rate, progress.unit)
            return
        self._settle()
        sums = self._all_sums()
        items = {name: max(sums.pop(name), 1e-12) for name in list(sums) if name[:5] == "items"}
        means = {n: v / items.get(f"items/{n}", items["items"]) for n, v in sums.items()}
        self._sums = {}
        values = {"learning_rate": rate, **means, **run.logged}
        self.folder.log({"step": progress.step, "epoch": progress.epoch, **values})
        run.logged = {}
        run.reporter.train_step(progress.step, progress.seen, means["loss"], rate, progress.unit)
        self._tell_plugins("on_log", step=progress.step, values=values)

    def _tell_plugins(self, hook: str, **facts: Any) -> None:
        """Tell of an event; whoever is told may write weights in ways that torch does not count."""
        self.run.hooks.tell(hook, run=self.run, **facts)
        if self.run.hooks.customised(hook):
            self.take_step.cast_anew()

    def _all_sums(self) -> dict[str, float]:
        """The sums since the last line of the log over all processes, and what these have noted."""
        own = {name: float(value) for name, value in self._sums.items()}
        told = self.run.ranks.gather((own, self.run.notes))
        for note in [note for _, notes in told for note in notes]:
            self.run.note(note)
        names = dict.fromkeys(name for sums, _ in told for name in sums)
        return {name: sum(sums.get(name, 0.0) for sums, _ in told) for name in names}

    def _after_step(self) -> None:
        """What is due between two steps: an evaluation, a checkpoint, the end."""
        config, progress = self.run.config, self.progress
        self.time.after_step(progress)
        last = self._epoch_is_over() or self._is_over()
        if config.evaluate_steps and progress.step % config.evaluate_steps == 0 and not last:
            self._evaluate()
            self._agreement.renew()
        if self._checkpoint_is_due() and not last:
            self.save()
        if self._agreement.leave:
            self.save()
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self._agreement.leave:
            raise Interrupted(
                f"stopped at step {self.progress.step} of {self.run.total_steps}; nothing is lost",
                hint=f"go on with `ft run --resume {self.run.output}`",
            )

    def _checkpoint_is_due(self) -> bool:
        every, minutes = self.run.config.checkpoint_steps, self.run.config.checkpoint_minutes
        return bool(every and self.progress.step % every == 0) or bool(
            minutes and self._agreement.age >= 60 * minutes
        )

    def _end_epoch(self) -> None:
        progress = self.progress
        metrics = self._evaluate() if self.length.evaluates(progress) else {}
        self._tell_plugins("on_epoch_end", epoch=progress.epoch, metrics=metrics)
        self._agreement.renew()
        progress.epoch += 1
        progress.batch = 0
        # Short epochs would otherwise spend more time on saving than on training.
        waited = self._agreement.age >= EPOCH_SAVE_SECONDS
        if self._is_over() or waited or self._checkpoint_is_due():
            self.save()

    def take_evaluation_weights(self) -> None:
        """Put the weights that are to be evaluated into the model, for good."""
        if self._weights is not None:
            evaluated.put(self.model, self._weights(self.run), self._giver)

    def _evaluate(self) -> Mapping[str, Metric]:
        """Score the validation split and those that the schema asks for after each epoch.

        Returns:
            The metrics of validation, and those of other splits as ``old/f1``.
        """
        self._settle()
        assert self.run.data is not None
        splits = self.run.data.scored(final=False)
        swapped: AbstractContextManager[None] = nullcontext()
        if self._weights is not None and splits:
            swapped = evaluated.weights(self.model, self._weights(self.run), self._giver)
        with self.time.scoring(self.progress), swapped:
            return self._score(splits)

    def _score(self, splits: Sequence[str]) -> Mapping[str, Metric]:
        metrics: dict[str, Metric] = {}
        for split in splits:
            if split == "validation":
                metrics |= self._validate()
                continue
            _, _, own = measure(self.run, split)
            self._tell(split, own, better=False)
            metrics |= {f"{split}/{name}": metric for name, metric in own.items()}
        return metrics

    def _validate(self) -> Mapping[str, Metric]:
        """Score the validation split, keep the best weights, count towards patience."""
        run, progress = self.run, self.progress
        _, evaluation, metrics = measure(run, "validation")
        name = run.config.metric or evaluation.main
        require(name, metrics)
        kept = progress.judge(metrics[name])
        if kept and run.ranks.main:
            value = metrics[name].value
            told = {"step": progress.step, "epoch": progress.epoch, "metric": name, "value": value}
            self.checkpoints.save_best(progress.step, told)
        self._tell("validation", metrics, kept)
        if run.config.patience and progress.misses >= run.config.patience:
            run.stops.append(
                {
                    "plugin": "core",
                    "reason": f"{name} has not risen in {progress.misses} evaluations",
                    "step": progress.step,
                }
            )
        return metrics

    def _tell(self, split: str, metrics: Mapping[str, Metric], better: bool) -> None:
        """Log what a split scored, and say it."""
        run, progress = self.run, self.progress
        self.folder.log(
            {
                "step": progress.step,
                "epoch": progress.epoch,
                "split": split,
                "metrics": {key: metric.to_json() for key, metric in metrics.items()},
            }
        )
        run.reporter.evaluation(progress.step, progress.epoch, split, metrics, better)
        self._tell_plugins("on_log", step=progress.step, values=scores(split, metrics))

    @property
    def best_step(self) -> int | None:
        """The step with the best weights so far; ``None`` before the first evaluation."""
        return None if self.progress.best is None else self.progress.best_step

    def save(self) -> None:
        """Write a checkpoint of everything that the rest of the run depends on."""
        self._settle()
        self.progress.lines = self.folder.metrics_lines()
        self.progress.seconds = self.time.elapsed()
        state = run_state.take(self.run, self.progress, self._sums)
        if self.run.ranks.main:
            extra = {PLUGINS: run_state.plugin_tensors(self.run)}
            if self._ordered:
                extra[ORDER] = self.plan.tensors()
            self.checkpoints.save(self.progress.step, self.optimizer, state, self.best_step, extra)
        self._agreement.saved_at = perf_counter()

    def _places(self, ids: list[int] | None = None) -> str:
        """Where the examples of the batch stand, for messages."""
        assert self.run.data is not None
        return f"examples {self.run.data.places('train', self._ids if ids is None else ids)}"

    def _settle(self) -> None:
        """Stop if the last step was not finite; looked at when the next one is under way, or before
        it matters, so that the host need not wait for the device.

        Nothing is saved: generators and plugins have moved on since, so that a resume from here
        would not be exact.
        """
        if self._unsettled is None:
            return
        (done, epoch, step, ids), self._unsettled = self._unsettled, None
        fault = done.fault()
        if fault is None:
            return
        last, _ = self.run.ranks.from_main(self.checkpoints.newest)
        way = f"`ft run --resume {self.run.output}` goes on from the last good state, {last}"
        raise TrainingError(
            f"{fault} in step {step} (epoch {epoch})",
            where=self._places(ids),
            who=f"compute_loss: {self.run.hooks.describe('compute_loss')}",
            hint="lower run.learning_rate, raise run.warmup, or try run.precision = 'fp32'; "
            + (way if last else "there is no checkpoint yet: start again"),
        )
