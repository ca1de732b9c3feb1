"""The conformance kit: plugins, and the rules that are checked on them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ft.contract.errors import UserError
from ft.contract.messages import did_you_mean
from ft_kit.bench import Bench
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

    def exam(self, plugin: str, settings: Mapping[str, Any] | None = None) -> Exam:
        """A plugin under test.

        Args:
            plugin: as in ``--plugins``.
            settings: of the plugin, over those of its ``example_settings``.

        Raises:
            PluginError: it cannot be loaded.
        """
        key = json.dumps([plugin, dict(settings or {})], sort_keys=True, default=str)
        if key not in self._exams:
            self._exams[key] = Exam(self.bench, self.bench.subject(plugin, settings))
        return self._exams[key]

    def check(
        self,
        plugin: str,
        settings: Mapping[str, Any] | None = None,
        rules: Sequence[Rule] = RULES,
    ) -> Iterator[Verdict]:
        """How each rule ends."""
        exam = self.exam(plugin, settings)
        for rule in rules:
            yield judge(rule, exam)


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
