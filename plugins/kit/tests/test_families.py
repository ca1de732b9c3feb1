"""Plugins are tried on the families of models that they declare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ft.cli.main import main
from ft_kit import IMAGES, TEXTS, WORDS, WRITE
from ft_kit.contract import judge
from ft_kit.kit import rules_named
from ft_kit.rules import RULES

if TYPE_CHECKING:
    from ft_kit.kit import Kit

SEEDS = Path(__file__).parents[3] / "tests"
SEEN = [
    pytest.param("seq2seq", ["encoder-decoder"], marks=pytest.mark.long),
    pytest.param(str(SEEDS / "tasks" / "images.py"), ["image", "convnet"], marks=pytest.mark.long),
    pytest.param("peft", ["encoder", "decoder"], marks=pytest.mark.long),
    (WRITE, ["encoder-decoder"]),
    (IMAGES, ["image", "convnet"]),
]
"""Plugins, and the families that they are tried on without being asked."""

SHORT = [rule for rule in RULES if rule.id in ("runs", "answers", "cut", "saved", "restored")]
TWO_NEEDS = """
from ft import Plugin, hookimpl


class Two(Plugin):
    needs_schema = ({needs})

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        assert {seen}
        return inner(run, model, batch)
"""


def check(kit: Kit, plugin: str, rules: Any, families: Any = ()) -> list[str]:
    """The families that a plugin was tried on; no rule may fail."""
    verdicts = list(kit.check(plugin, None, rules, families))
    for verdict in verdicts:
        assert verdict.outcome != "failed", verdict.explain(plugin)
    return list(dict.fromkeys(verdict.family for verdict in verdicts))


@pytest.mark.parametrize(("plugin", "families"), SEEN)
def test_it_is_tried_on_the_families_that_it_declares(
    plugin: str, families: list[str], ft_kit: Kit
) -> None:
    assert check(ft_kit, plugin, SHORT) == families


@pytest.mark.long
@pytest.mark.parametrize(("plugin", "families"), SEEN)
def test_it_keeps_every_rule_there(plugin: str, families: list[str], ft_kit: Kit) -> None:
    assert check(ft_kit, plugin, RULES) == families


@pytest.mark.parametrize(
    ("plugin", "family"),
    [
        (WORDS, "decoder"),
        (TEXTS, "encoder-decoder"),
        pytest.param(WORDS, "encoder-decoder", marks=pytest.mark.long),
        pytest.param(TEXTS, "decoder", marks=pytest.mark.long),
    ],
)
def test_a_family_may_be_asked_for(plugin: str, family: str, ft_kit: Kit) -> None:
    assert check(ft_kit, plugin, SHORT, [family]) == [family]


def test_rules_that_look_at_no_model_are_checked_once(ft_kit: Kit) -> None:
    verdicts = list(ft_kit.check(IMAGES, None, rules_named(["hooks", "settings"])))
    assert [verdict.family for verdict in verdicts] == ["image", "image"]


def test_the_families_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", IMAGES, "--rule", "hooks", "--rule", "forwards"]) == 0
    assert capsys.readouterr().out == (
        f"'kit-images' ({IMAGES}), a task\n"
        "\nwith a model of the family image\n"
        "hooks     passed\n"
        "forwards  passed   1 a batch\n"
        "\nwith a model of the family convnet\n"
        "forwards  passed   1 a batch\n"
        "\n3 passed\n"
    )


def test_a_family_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", WORDS, "--family", "encodr"]) == 2
    assert "did you mean 'encoder'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("needs", "seen"),
    [
        ("'words', 'label'", "run.data.schema.words and run.data.schema.label"),
        pytest.param(
            *("'pair', 'label:multi', 'numbers'", "run.data.schema.label.kind == 'multi'"),
            marks=pytest.mark.long,
        ),
        ("'tags', 'target:spans', 'group'", "run.data.schema.gold == ('tags', 'gold_spans')"),
    ],
)
def test_a_technique_may_need_what_no_task_has_together(
    needs: str, seen: str, ft_kit: Kit, tmp_path: Path
) -> None:
    (tmp_path / "two.py").write_text(TWO_NEEDS.format(needs=needs, seen=seen))
    exam = ft_kit.exam(str(tmp_path / "two.py"))
    verdicts = {
        rule.id: judge(rule, exam) for rule in rules_named(["hooks", "runs", "cut", "restored"])
    }
    assert {verdict.outcome for verdict in verdicts.values()} == {"passed"}, verdicts
    assert verdicts["runs"].text == "with the task kit-roles"
