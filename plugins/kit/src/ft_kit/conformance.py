"""The contract as tests of a plugin's own test-suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ft_kit.kit import Kit


def conformance(plugin: str, settings: Mapping[str, Any] | None = None) -> Callable[..., None]:
    """A test function that checks a plugin, one test a rule.

    Bind it to a name that pytest collects: ``test_contract = conformance("ner")``. The runs that
    the rules look at are made once a session.

    Args:
        plugin: as in ``--plugins``: a name, a file, ``package.module:Class``.
        settings: of the plugin, over those of its `ft.Plugin.example_settings`.
    """
    import pytest

    from ft_kit.rules import RULES

    rules = {rule.id: rule for rule in RULES}

    @pytest.mark.parametrize("rule", list(rules))
    def test_contract(rule: str, ft_kit: Kit) -> None:
        from ft_kit.contract import judge

        exam = ft_kit.exam(plugin, settings)
        verdict = judge(rules[rule], exam)
        if verdict.outcome == "failed":
            pytest.fail(verdict.explain(exam.subject.loaded.owner), pytrace=False)
        if verdict.outcome == "skipped":
            pytest.skip(verdict.text)

    return test_contract
