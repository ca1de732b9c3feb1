"""The contract as tests of a plugin's own test-suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ft_kit.kit import Kit


def conformance(
    plugin: str,
    settings: Mapping[str, Any] | None = None,
    families: Sequence[str] = (),
    marks: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[..., None]:
    """A test function that checks a plugin, one test a rule.

    Bind it to a name that pytest collects: ``test_contract = conformance("ner")``. The runs that
    the rules look at are made once a session.

    Args:
        plugin: as in ``--plugins``: a name, a file, ``package.module:Class``.
        settings: of the plugin, over those of its `ft.Plugin.example_settings`.
        families: of models to try it with; by default those that it declares.
        marks: of pytest, for the tests of some rules, such as ``{"company": pytest.mark.slow}``.
    """
    import pytest

    from ft_kit.rules import RULES

    rules = {rule.id: rule for rule in RULES}

    @pytest.mark.parametrize("rule", [pytest.param(one, marks=marks.get(one, ())) for one in rules])
    def test_contract(rule: str, ft_kit: Kit) -> None:
        from ft_kit.contract import judge

        one = rules[rule]
        exams = ft_kit.exams(plugin, settings, families)
        verdicts = [judge(one, exam) for exam in (exams[:1] if one.once else exams)]
        failed = [each for each in verdicts if each.outcome == "failed"]
        if failed:
            owner = exams[0].subject.loaded.owner
            pytest.fail("\n\n".join(each.explain(owner) for each in failed), pytrace=False)
        if all(each.outcome == "skipped" for each in verdicts):
            pytest.skip(verdicts[0].text)

    return test_contract
