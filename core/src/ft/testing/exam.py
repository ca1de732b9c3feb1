"""One plugin under test: the runs that the rules look at, each made once, when first asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from ft.discovery import installed
from ft.errors import PluginError
from ft.testing import names
from ft.testing.bench import Bench, Subject, Trial
from ft.testing.edges import Kind

STOP_AT = 4
"""The step in which a run is stopped; the checkpoint before it is that of step 2."""


class Exam:
    """A plugin and the runs it was tried in.

    Args:
        bench: where to run.
        subject: the plugin.
    """

    def __init__(self, bench: Bench, subject: Subject) -> None:
        self.bench = bench
        self.subject = subject

    @cached_property
    def _tried(self) -> tuple[Subject | None, Trial]:
        """The task, and the first run: with batches of one example."""
        hosts = [None] if self.subject.kind == "task" else map(self.bench.subject, names.HOSTS)
        trials: list[tuple[Subject | None, Trial]] = []
        for host in hosts:
            members = [*([host] if host else []), self.subject]
            trial = self.bench.run(
                "single", members, guard=True, batch_size=1, max_steps=3, epochs=1
            )
            trials.append((host, trial))
            if not isinstance(trial.error, PluginError):
                return trials[-1]
        return trials[0]

    @property
    def host(self) -> Subject | None:
        """The task that a technique is tried with: the first that it does not refuse."""
        return self._tried[0]

    @property
    def single(self) -> Trial:
        """A run with batches of one example.

        It comes before the others, so that what libraries do when they are first imported, such as
        drawing a random number, is done.
        """
        return self._tried[1]

    @cached_property
    def watched(self) -> Trial:
        """A run between probes, without network and pickle."""
        before = self.single.attempts
        trial = self._probed("watched", self.host, guard=True)
        trial.attempts = [*before, *trial.attempts]
        return trial

    def _probed(
        self,
        label: str,
        host: Subject | None,
        first: Sequence[Subject] = (),
        last: Sequence[Subject] = (),
        **settings: Any,
    ) -> Trial:
        """A run with the probes around the subject, and others outside of them."""
        report = self.bench.new_folder(label) / "report.jsonl"
        probe = {"report": str(report), "subject": self.subject.name}
        far = self.bench.subject(names.FAR, probe)
        near = [host, self.bench.subject(names.NEAR)] if host else []
        members = [*first, *near, self.subject, far, *last]
        return self.bench.run(label, members, report=report, **settings)

    @cached_property
    def again(self) -> Trial:
        """The watched run once more."""
        return self._probed("again", self.host)

    @cached_property
    def beside_idle(self) -> Trial:
        """The watched run with a plugin that only draws random numbers."""
        idle = self.bench.subject(names.IDLE)
        return self._probed("idle", self.host, first=[idle])

    @cached_property
    def resumed(self) -> Trial:
        """The watched run, stopped in mid-run and resumed."""
        armed = self.bench.new_folder("armed") / "armed"
        armed.touch()
        settings = {"armed": str(armed), "step": STOP_AT}
        stop = self.bench.subject(names.STOP, settings)
        stopped = self._probed("stopped", self.host, last=[stop])
        if armed.exists():
            return stopped
        return self.bench.run("resumed", [], resume=stopped.output)

    def _bare(self, label: str, last: Sequence[Subject] = (), **settings: Any) -> Trial:
        host = [self.host] if self.host else []
        return self.bench.run(label, [*host, self.subject, *last], **settings)

    def edge(self, kind: Kind) -> tuple[Trial, Any]:
        """A run with extreme examples, and the requests of the same kind."""
        report = self.bench.new_folder(kind) / "requests.json"
        edges = self.bench.subject(names.EDGES, {"kind": kind, "report": str(report)})
        trial = self._bare(kind, last=[edges], max_steps=3, epochs=1)
        requests = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
        return trial, requests

    def companies(self) -> Iterator[tuple[list[Subject], list[Subject]]]:
        """Who the subject is tried beside: the counterparts, and all members in their order."""
        others = [spec for spec in names.TECHNIQUES if spec != self.subject.loaded.source]
        techniques = [self.bench.subject(spec) for spec in others]
        techniques += self._official(names.OFFICIAL_TECHNIQUES)
        if self.subject.kind == "task":
            for technique in techniques:
                yield [technique], [self.subject, technique]
                yield [technique], [technique, self.subject]
            return
        tasks = [self.bench.subject(spec) for spec in names.HOSTS] + self._official(
            names.OFFICIAL_TASKS
        )
        for i, technique in enumerate(techniques):
            one, other = tasks[2 * i % len(tasks)], tasks[(2 * i + 1) % len(tasks)]
            yield [one, technique], [one, self.subject, technique]
            yield [other, technique], [other, technique, self.subject]

    def _official(self, official: Sequence[str]) -> list[Subject]:
        """Those of ft's own plugins that are installed."""
        there = {one.name for one in installed()} - {self.subject.name}
        return [self.bench.subject(name) for name in official if name in there]

    def in_company(self, members: Sequence[Subject]) -> Trial:
        """A short run with others."""
        label = "-".join(one.name for one in members)
        return self.bench.run(label, members, max_steps=2, epochs=1, checkpoint_steps=None)
