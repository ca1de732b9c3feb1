"""The runs of a study, several at a time, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ft import TrainingError
from ft_study.ablate.budget import left_out_text, plan
from ft_study.ablate.study import Job, Study
from ft_study.ablate.worker import TAKEN
from ft_study.claims import is_taken

WORKER = (sys.executable, "-P", "-m", "ft_study.ablate.worker")
Working = dict[Job, "subprocess.Popen[bytes]"]

THREADS = "OMP_NUM_THREADS"
POLL_SECONDS = 0.5
WAIT_SECONDS = 2.0
"""Between looks at runs that somebody else is at."""


@dataclass
class Driver:
    """Does what is left of a study.

    Attributes:
        study: the study.
        seeds: how many of each arm.
        parallel: runs at a time.
        say: tells the user something.
        budget: seconds that it may take; ``None`` for as long as it takes.
        keep_models: leave the trained models in the run folders.
        command: what starts a run, given its task.
        failed: the runs that failed, with the last line that they printed.
        left_out: the runs that do not fit into the budget.
        begun: when each run was started, by the monotonic clock.
    """

    study: Study
    seeds: int
    parallel: int
    say: Callable[[str], None]
    budget: float | None = None
    keep_models: bool = False
    command: Sequence[str] = field(default_factory=lambda: WORKER)
    failed: dict[Job, str] = field(default_factory=dict)
    left_out: Sequence[Job] = ()
    begun: dict[Job, float] = field(default_factory=dict)

    def run(self) -> None:
        """Run until everything is done, by this process or by others.

        Raises:
            KeyboardInterrupt: the user asked to stop; every run at work has a checkpoint.
            TrainingError: runs failed; the others are done.
        """
        began, waited = time.monotonic(), False
        working: Working = {}
        try:
            while True:
                self._collect(working)
                if len(working) < self.parallel:
                    left = self._left(working)
                    if self.budget is not None:
                        room = self.budget - (time.monotonic() - began)
                        left = self._fitting(left, working, room)
                    free = [job for job in left if not is_taken(self.study.claims, job.name)]
                    for job in free[: self.parallel - len(working)]:
                        working[job] = self._start(job)
                    if not working and not left:
                        break
                    if not working and not waited:
                        waited = True
                        self.say(f"waiting for {len(left)} runs that another process is at")
                time.sleep(POLL_SECONDS if working else WAIT_SECONDS)
        except KeyboardInterrupt:
            self._stop(working)
            raise
        if self.failed:
            told = "; ".join(f"{job.name}: {why}" for job, why in self.failed.items())
            raise TrainingError(
                f"{len(self.failed)} of the runs failed: {told}",
                where=str(self.study.folder / "logs"),
                hint="mend what the logs tell of, then give the same command again",
            )

    def _left(self, working: Working) -> list[Job]:
        return [
            job
            for job in self.study.jobs(self.seeds)
            if job not in working and job not in self.failed and not self.study.is_finished(job)
        ]

    def _fitting(self, left: list[Job], working: Working, seconds: float) -> list[Job]:
        """Those of the runs that are left that fit; only the first while no time is known."""
        now = time.monotonic()
        since = {job: now - self.begun[job] for job in working}
        fit = plan(self.study, left, seconds, self.parallel, since)
        if fit is None:
            return left[:1] if not working else []
        before, self.left_out = len(self.left_out), fit.left_out
        if fit.left_out and len(fit.left_out) != before:
            self.say(
                f"budget: {len(fit.kept)} more runs fit (about {fit.seconds / 60:.1f} min of "
                f"training and scoring); left out: {left_out_text(fit.left_out)}"
            )
        return list(fit.kept)

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        """Start a run, or go on with it."""
        task = {
            "claims": str(self.study.claims),
            "name": job.name,
            "settings": str(self.study.settings(job.arm)),
            "seed": job.seed,
            "output": str(self.study.output(job)),
            "trust": self.study.trust,
            "keep_models": self.keep_models,
        }
        self.begun[job] = time.monotonic()
        with self.study.log(job).open("ab") as log:
            return subprocess.Popen(
                [*self.command, json.dumps(task)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment(self.parallel),
                start_new_session=True,  # Ctrl-C is for this process, which asks them to stop
            )

    def _collect(self, working: Working) -> None:
        """Take note of the runs that have ended."""
        for job, process in list(working.items()):
            code = process.poll()
            if code is None:
                continue
            del working[job]
            _close(process)
            if self.study.is_finished(job):
                self._tell(job, working)
            elif code not in (TAKEN, 130, -15):
                self.failed[job] = self._last_words(job, code)
                self.say(f"{job.name} failed: {self.failed[job]}")

    def _tell(self, job: Job, working: Working) -> None:
        run = self.study.finished(job)
        assert run is not None
        metric = run.metrics.get(run.main or "")
        score = f"{run.main} {metric.value:.4f}, " if metric else ""
        jobs = list(self.study.jobs(self.seeds))
        # One that ended at the same time is told of next.
        done = sum(self.study.is_finished(one) for one in jobs if one not in working)
        total = len(jobs)
        seconds = run.record.get("total_seconds") or 0
        self.say(f"{job.name}: {score}{seconds:.0f} s ({done} of {total} runs done)")

    def _last_words(self, job: Job, code: int) -> str:
        lines = self.study.log(job).read_text(encoding="utf-8", errors="replace").split("\n")
        told = [line.strip() for line in lines if line.strip()]
        return told[-1] if told else f"it ended with code {code}"

    def _stop(self, working: Working) -> None:
        """Let the runs stop after their step; at once if the user asks again."""
        if working:
            self.say("stopping after a checkpoint; once more to stop at once")
        try:
            for process in working.values():
                _close(process)
            for process in working.values():
                process.wait()
        except KeyboardInterrupt:
            for process in working.values():
                process.kill()
                process.wait()


def environment(parallel: int) -> dict[str, str]:
    """The environment of one of several runs at a time: its share of the cores, or less if told."""
    variables = dict(os.environ)
    told = variables.get(THREADS, "")
    share = max(1, cores() // parallel)
    if parallel > 1 and not (told.isdigit() and int(told) <= share):
        variables[THREADS] = str(share)
    return variables


def cores() -> int:
    """The processor's cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
