"""The conformance kit: plugins, and the rules that are checked on them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ft.contract.errors import UserError
from ft.contract.messages import did_you_mean
from ft.hooks.declarations import FAMILIES
from ft_kit.bench import ENCODER, Bench, Subject
from ft_kit.contract import Rule, Verdict, judge
from ft_kit.exam import Exam
from ft_kit.rules import RULES


class Kit:
    """Checks plugins; what two rules look at is run once.

    Args:
        folder: gets everything that is written.
    """

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        self._exams: dict[str, Exam] = {}

    def exam(
        self, plugin: str, settings: Mapping[str, Any] | None = None, family: str | None = None
    ) -> Exam:
        """A plugin under test.

        Args:
            plugin: as in ``--plugins``.
            settings: of the plugin, over those of its ``example_settings``.
            family: of the model that it is tried with; by default the first that it declares.

        Raises:
            PluginError: it cannot be loaded.
        """
        subject = self.bench.subject(plugin, settings)
        family = family or families_of(subject, ())[0]
        key = json.dumps([plugin, dict(settings or {}), family], sort_keys=True, default=str)
        if key not in self._exams:
            self._exams[key] = Exam(self.bench, subject, family)
        return self._exams[key]

    def exams(
        self,
        plugin: str,
        settings: Mapping[str, Any] | None = None,
        families: Sequence[str] = (),
    ) -> list[Exam]:
        """A plugin under test with a model of each family.

        Args:
            plugin: as in ``--plugins``.
            settings: of the plugin, over those of its ``example_settings``.
            families: to try it with; by default those that it declares.

        Raises:
            PluginError: it cannot be loaded.
            UserError: there is no such family.
        """
        tried = families_of(self.bench.subject(plugin, settings), families)
        return [self.exam(plugin, settings, family) for family in tried]

    def check(
        self,
        plugin: str,
        settings: Mapping[str, Any] | None = None,
        rules: Sequence[Rule] = RULES,
        families: Sequence[str] = (),
    ) -> Iterator[Verdict]:
        """How each rule ends, with the first family of models and then with the others."""
        for number, exam in enumerate(self.exams(plugin, settings, families)):
            for rule in rules:
                if number == 0 or not rule.once:
                    yield judge(rule, exam)


def families_of(subject: Subject, asked: Sequence[str]) -> Sequence[str]:
    """The families of models that a plugin is tried with: those asked for, or that it declares.

    Raises:
        UserError: there is no such family.
    """
    for name in asked:
        if name not in FAMILIES:
            raise UserError(
                f"there is no family '{name}'",
                where="--family",
                hint=did_you_mean(name, FAMILIES) or f"the families are {', '.join(FAMILIES)}",
            )
    # The rule `hooks` reports a family that a plugin declares and that there is not.
    return asked or [one for one in subject.families if one in FAMILIES] or (ENCODER,)


def rules_named(ids: Sequence[str]) -> list[Rule]:
    """Rules by their ids, in the order of the contract; every rule if none is named.

    Raises:
        UserError: there is no such rule.
    """
    known = [rule.id for rule in RULES]
    for name in ids:
        if name not in known:
            raise UserError(
                f"there is no rule '{name}'",
                where="--rule",
                hint=did_you_mean(name, known) or f"the rules are {', '.join(known)}",
            )
    return [rule for rule in RULES if not ids or rule.id in ids]
