"""The contract with ft, rule by rule.

The usual run checks the one that stands around the most hooks; the others are checked by
``pytest -m long plugins/refresh``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import TEXTS, WORDS
from ft_kit.contract import judge
from ft_kit.rules import RULES

SEVERAL = ("from_run", "replay", "lwf", "l2sp", "wise")
USUAL = ("from_run",)
RULE = {rule.id: rule for rule in RULES}


@pytest.fixture(scope="session")
def older(ft_tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the first task that the kit tries a technique with."""
    output = tmp_path_factory.mktemp("older") / "run"
    settings: dict[str, Any] = {"epochs": 1, "report": False, "advice": False, "lint": "off"}
    return ft.run([WORDS], model=str(ft_tiny_model), output=output, **settings).output


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        pytest.param(
            name,
            rule,
            marks=[] if name in USUAL and rule != "company" else [pytest.mark.long],
        )
        for name in SEVERAL
        for rule in RULE
    ],
)
def test_contract(name: str, rule: str, ft_kit: Any, older: Path) -> None:
    settings = {"run": [str(older)] if name == "replay" else str(older)}
    exam = ft_kit.exam(name, settings)
    verdict = judge(RULE[rule], exam)
    if verdict.outcome == "failed":
        pytest.fail(verdict.explain(exam.subject.loaded.owner), pytrace=False)
    if verdict.outcome == "skipped":
        pytest.skip(verdict.text)


def test_a_run_of_another_task_is_refused(ft_run: Any, older: Path) -> None:
    with pytest.raises(ft.DataError, match="older run predicts 'tags'"):
        ft_run([TEXTS, "from_run"], from_run={"run": str(older)})
