"""One plugin under test: the runs that the rules look at, each made once, when first asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from ft.contract.errors import PluginError, Problems
from ft.contract.plugin import Plugin
from ft.loading.installed import installed
from ft_kit import names
from ft_kit.bench import ENCODER, Bench, Subject, Trial, checked
from ft_kit.edges import Kind

STOP_AT = 4
"""The step in which a run is stopped; the checkpoint before it is that of step 2."""


SHORT: Mapping[str, Any] = {"epochs": 1, "checkpoint_steps": None, "advice": False}
"""Settings of the runs whose steps alone are looked at."""


class Exam:
    """A plugin and the runs it was tried in.

    Args:
        bench: where to run.
        subject: the plugin.
        family: of the model that it is tried with.
    """

    def __init__(self, bench: Bench, subject: Subject, family: str = ENCODER) -> None:
        self.bench = bench
        self.subject = subject
        self.family = family

    def _run(self, label: str, members: Sequence[Subject], **settings: Any) -> Trial:
        return self.bench.run(label, members, family=self.family, **settings)

    @cached_property
    def instance(self) -> Plugin | None:
        """One with the settings of the subject, ``None`` where they are not complete."""
        config, _ = checked(self.subject, {})
        return None if config is None else self.subject.loaded.cls(config)

    @property
    def members(self) -> list[Subject]:
        """The plugins of its runs, without probes."""
        return [*([self.host] if self.host else []), *self.own]

    @property
    def whole_batch(self) -> bool:
        """Whether one of the plugins of its runs declares that a batch must not be cut."""
        made = [self.instance, *(one.loaded.cls for one in self.members)]
        return any(one is not None and one.whole_batch for one in made)

    @cached_property
    def _needed(self) -> list[Subject]:
        """The plugins that it declares to need."""
        names_ = self.instance.needs if self.instance else ()
        return [self.bench.subject(name) for name in names_]

    @cached_property
    def own(self) -> list[Subject]:
        """The subject among the techniques that it needs."""
        behind = self.instance.before if self.instance else ()
        others = [one for one in self._needed if one.kind == "technique"]
        first = [one for one in others if one.name not in behind]
        return [*first, self.subject, *(one for one in others if one.name in behind)]

    def hosts(self) -> Iterator[Subject | None]:
        """Tasks to try a technique with, those of the kit first."""
        if self.subject.kind == "task":
            yield None
            return
        needed = [one for one in self._needed if one.kind == "task"]
        if needed:
            yield from needed
            return
        yield from map(self.bench.subject, names.HOSTS[self.family])
        if self.family in names.TEXT_FAMILIES:
            yield from self._official(names.OFFICIAL_TASKS)
        roles = self.instance.needs_schema if self.instance else ()
        if roles and self.family not in names.IMAGE_FAMILIES:
            yield self.bench.subject(names.ROLES, {"roles": list(roles)})

    @cached_property
    def _tried(self) -> tuple[Subject | None, Trial]:
        """The task, and the first run: with batches of one example."""
        trials: list[tuple[Subject | None, Trial]] = []
        for host in self.hosts():
            members = [*([host] if host else []), *self.own]
            trial = self._run("single", members, guard=True, batch_size=1, max_steps=3, **SHORT)
            trials.append((host, trial))
            error = trial.error
            faults = error.errors if isinstance(error, Problems) else [error]
            if not all(isinstance(fault, PluginError) for fault in faults):
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
        before = self.single
        trial = self._probed("watched", self.host, guard=True)
        trial.attempts = [*before.attempts, *trial.attempts]
        trial.executed = [*before.executed, *trial.executed]
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
        members = [*first, *near, *self.own, far, *last]
        return self._run(label, members, findings=report, **settings)

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
        return self._run("resumed", [], resume=stopped.output)

    def _bare(self, label: str, last: Sequence[Subject] = (), **settings: Any) -> Trial:
        return self._run(label, [*self.members, *last], **settings)

    def edge(self, kind: Kind) -> tuple[Trial, Any]:
        """A run with extreme examples, and the requests of the same kind."""
        report = self.bench.new_folder(kind) / "requests.json"
        edges = self.bench.subject(names.EDGES, {"kind": kind, "report": str(report)})
        trial = self._bare(kind, last=[edges], max_steps=3, **SHORT)
        requests = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
        return trial, requests

    def counterparts(self) -> list[Subject]:
        """The techniques to try it beside."""
        own = {one.loaded.source for one in self.own}
        found = [self.bench.subject(spec) for spec in names.TECHNIQUES]
        if self.family not in names.IMAGE_FAMILIES:
            found += self._official(names.OFFICIAL_TECHNIQUES)
        return [one for one in found if one.loaded.source not in own]

    def companies(self, technique: Subject, number: int) -> list[list[Subject]]:
        """The members of two runs with a technique, in both orders.

        Args:
            technique: the counterpart.
            number: its position among the counterparts; a technique is tried with other tasks
                beside each.
        """
        if self.subject.kind == "task":
            return [[*self.own, technique], [technique, *self.own]]
        tasks = [self.bench.subject(spec) for spec in names.HOSTS[self.family]]
        if self.family in names.TEXT_FAMILIES:
            tasks += self._official(names.OFFICIAL_TASKS)
        pair = [tasks[k % len(tasks)] for k in (2 * number, 2 * number + 1)]
        return self._orders(technique, pair)

    def at_home(self, technique: Subject) -> list[list[Subject]]:
        """The members of two runs with a technique and the task that is known to fit."""
        return self._orders(technique, [self.host, self.host]) if self.host else []

    def _orders(self, technique: Subject, tasks: Sequence[Subject]) -> list[list[Subject]]:
        return [[tasks[0], *self.own, technique], [tasks[1], technique, *self.own]]

    def conflict(self, other: Subject) -> bool:
        """Whether it and another declare that they cannot work together."""
        mine = self.instance.conflicts if self.instance else ()
        return other.name in mine or self.subject.name in other.loaded.cls.conflicts

    def _official(self, official: Sequence[str]) -> list[Subject]:
        """Those of ft's own plugins that are installed."""
        there = {one.name for one in installed()} - {self.subject.name}
        return [self.bench.subject(name) for name in official if name in there]

    def in_company(self, members: Sequence[Subject]) -> Trial:
        """A short run with others."""
        label = "-".join(one.name for one in members)
        return self._run(label, members, max_steps=2, **SHORT)
