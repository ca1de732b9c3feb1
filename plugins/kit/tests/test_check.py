"""`ft check`, the fixtures of the pytest plugin, and what the docs say of the rules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ft
from ft.cli.main import main
from ft.contract.errors import UserError
from ft_kit import TEXTS, WORDS
from ft_kit.kit import rules_named
from ft_kit.page import page
from ft_kit.rules import RULES

if TYPE_CHECKING:
    from ft_kit.kit import Kit

ROOT = Path(__file__).parents[3]
BROKEN = Path(__file__).parent / "broken"
HEAVY = {"torch", "transformers", "datasets", "accelerate", "numpy", "pandas", "pydantic"}


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9_]+", "-", one.lower()).strip("-") for one in headings}


def test_check_says_how_each_rule_ends(capsys: pytest.CaptureFixture[str]) -> None:
    plugin = str(BROKEN / "broken_forwards.py")
    asked = ["--rule", "forwards", "--rule", "hooks"]
    assert main(["check", plugin, *asked]) == 1
    assert capsys.readouterr().out == (
        f"'broken_forwards' ({plugin}:Broken), a technique\n"
        "hooks     passed\n"
        "forwards  failed   a training batch took 2 forward passes, forwards() says 1\n"
        "\n"
        "rule 'forwards': forwards() tells the true number of forward passes.\n"
        "  found: a training batch took 2 forward passes, forwards() says 1\n"
        f"  in: plugin 'broken_forwards' ({plugin}:Broken)\n"
        "  to do: return the most that a batch takes, such as `2 * inner`\n"
        "  contract: docs/reference/hooks/compute_loss.md#technique\n"
        "\n"
        "1 passed, 1 failed\n"
    )


def test_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", WORDS, "--rule", "settings", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "plugin": f"'kit-words' ({WORDS})",
        "family": "encoder",
        "rule": "settings",
        "says": "A wrong setting is refused in words, and every setting says what it means.",
        "outcome": "passed",
        "text": "",
        "hint": "",
        "contract": "docs/reference/contract-rules.md#settings",
    }


def test_check_with_data_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tickets.py").write_text(
        "import ft\n\nclass Tickets(ft.Plugin):\n    Config = ft.DataConfig\n\n"
        "    @ft.hookimpl\n    def load_data(self, run):\n"
        "        return ft.read_texts(self.config, run, owner=self.name)\n\n"
        "    @ft.hookimpl\n    def evaluate(self, run, predictions):\n"
        "        return ft.Evaluation({'n': ft.Metric(float(len(predictions.items)))}, 'n')\n"
    )
    rows = [json.dumps({"text": f"house {i}", "label": "ab"[i % 2]}) for i in range(20)]
    (tmp_path / "tickets.jsonl").write_text("\n".join(rows))
    plugin = str(tmp_path / "tickets.py")
    data = ["--data", f"train={tmp_path / 'tickets.jsonl'}"]
    assert main(["check", plugin, "--rule", "runs", *data]) == 0
    assert main(["check", plugin, "--rule", "runs"]) == 1
    assert "example_settings" in capsys.readouterr().out
    assert main(["check", plugin, "--data", "train"]) == 2
    assert "an override is table.key=value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.py"], "there is no file 'nowhere.py'"),
        ([WORDS, "--rule", "hook"], "did you mean 'hooks'?"),
        ([WORDS, "--rule", "zzz"], "the rules are hooks, settings,"),
    ],
)
def test_check_refuses_what_is_not_there(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_rules_come_in_the_order_of_the_contract() -> None:
    assert [rule.id for rule in rules_named(["sum", "hooks"])] == ["hooks", "sum"]
    assert rules_named([]) == list(RULES)
    with pytest.raises(UserError, match="no rule"):
        rules_named(["hooks", "no"])


def test_the_pytest_plugin_costs_nothing_at_the_start() -> None:
    code = f"import sys, ft_kit.pytest_plugin; print(*({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_contract_tests_fail_with_the_explanation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    plugin = str(BROKEN / "broken_hooks_unmarked.py")
    (tmp_path / "test_broken_contract.py").write_text(
        f"from ft_kit import conformance\n\ntest_contract = conformance({plugin!r})\n"
    )
    where = [str(tmp_path), f"--rootdir={tmp_path}", f"-c{tmp_path / 'pyproject.toml'}"]
    options = [
        "-p",
        "no:cacheprovider",
        f"--basetemp={tmp_path / 'temporary'}",
        "-k",
        "hooks",
    ]
    assert pytest.main([*where, *options]) == pytest.ExitCode.TESTS_FAILED
    said = capsys.readouterr().out
    assert "rule 'hooks': Every hook is one of the contract's" in said
    assert "  found: compute_loss is not marked\n" in said
    assert "1 failed" in said
    assert "Traceback" not in said


def test_ft_run_gives_a_plugin_its_example_data(ft_run: Callable[..., Any]) -> None:
    first = ft_run(["sentiment"], max_steps=2)
    second = ft_run(["sentiment"], max_steps=2)
    assert first.record["steps"] == 2
    assert first.output != second.output
    assert first.metrics["test"]["macro_f1"].value == second.metrics["test"]["macro_f1"].value


def test_ft_run_takes_what_run_takes(
    ft_run: Callable[..., Any], ft_tiny_model: Path, tmp_path: Path
) -> None:
    result = ft_run(
        [TEXTS], model=str(ft_tiny_model), output=tmp_path / "mine", **{"kit-texts": {"train": 7}}
    )
    assert result.output == tmp_path / "mine"
    assert result.record["data"]["train"]["examples"] == 7


def test_the_kit_writes_into_its_folder_alone(
    ft_kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FT_CACHE", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    verdicts = list(ft_kit.check(WORDS, {"longest": 6}, rules_named(["runs", "longest"])))
    assert [verdict.outcome for verdict in verdicts] == ["passed", "passed"]
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_need_not_bring_example_data(tmp_path: Path) -> None:
    assert ft.Plugin.example_settings(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_written_where_it_says(rule: Any) -> None:
    target, _, anchor = rule.page.partition("#")
    assert anchor in anchors(ROOT / "docs" / target)
    assert rule.says.endswith(".")
    assert len(rule.why) > 60


def test_the_page_of_the_rules_is_in_step() -> None:
    """Where it is not: ``python -m ft_kit.page > docs/reference/contract-rules.md``."""
    there = (ROOT / "docs" / "reference" / "contract-rules.md").read_text(encoding="utf-8")
    assert there == page()
