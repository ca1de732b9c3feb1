"""The training loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from ft.contract.results import Metric
from ft.engine.batch.batches import Feature, longest, unit_of
from ft.engine.batch.features import TrainingFeatures
from ft.engine.batch.order import Plan
from ft.engine.done import Done, not_finite
from ft.engine.length import Length
from ft.engine.optim.optim import Optimizer
from ft.engine.ranks.agreement import Agreement
from ft.engine.resume import state as run_state
from ft.engine.resume.checkpoint import Checkpoints
from ft.engine.resume.progress import Progress
from ft.engine.step import Step
from ft.engine.time_limit import TimeLimit
from ft.engine.training_log import TrainingLog
from ft.engine.validation import Validation
from ft.runfolder.folder import RunFolder

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

ORDER, PLUGINS = "order.safetensors", "plugins.safetensors"
"""What a checkpoint holds beside weights and moments: the ids of the epoch, plugins' tensors."""

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
        self.log = TrainingLog(run, folder, self.take_step.tell)
        self.validation = Validation(run, self.checkpoints, self.log)
        self._ids: list[int] = []
        self._unsettled: tuple[Done, int, int, list[int]] | None = None
        self._agreement = Agreement(run)
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
        self.progress, self.log.sums = run_state.restore(self.run, state)
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
                    self._agreement.stop_if_asked()
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
            self.take_step.tell("on_epoch_start", epoch=progress.epoch)
            self.model.train()
            self.optimizer.require_all(self.model, run.hooks.who("on_epoch_start"))
        self.plan = run.ranks.alone(self._ask) if self._ordered else self._ask()
        if self._ordered:
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
        factor = self.length.factor(self.progress, self.plan.batches)
        done = self.take_step(features, factor, self._agreement.own, self._places)
        self.log.add(done)
        self._agreement.take(done.wishes)
        unit = unit_of(features, self.run.data)
        self.progress.count(done.tokens, done.padded, len(features), unit)
        self.run.step = self.progress.step
        if self._on_step:
            self.take_step.tell("on_step", step=self.run.step)
        self._settle()
        self._unsettled = (done, self.progress.epoch, self.progress.step, self._ids)
        self.progress.train_seconds += perf_counter() - started
        if self.log.is_due(self.progress):
            self._settle()
        self.log.step(self.progress, factor)

    def _after_step(self) -> None:
        """What is due between two steps: an evaluation, a checkpoint, the end."""
        config, progress = self.run.config, self.progress
        self.time.after_step(progress)
        last = self._epoch_is_over() or self._is_over()
        if config.evaluate_steps and progress.step % config.evaluate_steps == 0 and not last:
            self._evaluate()
            self._agreement.renew()
        if self._agreement.checkpoint_is_due(progress.step) and not last:
            self.save()
        if self._agreement.leave:
            self.save()
        self._agreement.stop_if_asked()

    def _end_epoch(self) -> None:
        progress = self.progress
        metrics = self._evaluate() if self.length.evaluates(progress) else {}
        self.take_step.tell("on_epoch_end", epoch=progress.epoch, metrics=metrics)
        self._agreement.renew()
        progress.epoch += 1
        progress.batch = 0
        # Short epochs would otherwise spend more time on saving than on training.
        waited = self._agreement.age >= EPOCH_SAVE_SECONDS
        if self._is_over() or waited or self._agreement.checkpoint_is_due(progress.step):
            self.save()

    def _evaluate(self) -> Mapping[str, Metric]:
        self._settle()
        with self.time.scoring(self.progress):
            return self.validation.score(self.progress)

    def save(self) -> None:
        """Write a checkpoint of everything that the rest of the run depends on."""
        self._settle()
        run, progress = self.run, self.progress
        progress.lines = self.folder.metrics_lines()
        progress.seconds = self.time.elapsed()
        state = run_state.take(run, progress, self.log.sums)
        if run.ranks.main:
            extra = {PLUGINS: run_state.plugin_tensors(run)}
            if self._ordered:
                extra[ORDER] = self.plan.tensors()
            self.checkpoints.save(progress.step, self.optimizer, state, progress.best_step, extra)
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
        if fault is not None:
            last, _ = self.run.ranks.from_main(self.checkpoints.newest)
            what = f"{fault} in step {step} (epoch {epoch})"
            raise not_finite(self.run, what, self._places(ids), last)
