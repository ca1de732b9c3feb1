"""What a rule of the contract is, and how it ends."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ft_kit.exam import Exam


class Broken(Exception):
    """The plugin breaks the rule.

    Args:
        found: what was seen.
        hint: what the author can do.
    """

    def __init__(self, found: str, hint: str) -> None:
        super().__init__(found)
        self.found = found
        self.hint = hint


class NotApplicable(Exception):
    """The rule says nothing about this plugin; the message says why."""


@dataclass(frozen=True)
class Rule:
    """A rule of the contract.

    Attributes:
        id: its name, as in ``ft check --rule``.
        says: the contract in one sentence.
        page: where the contract is written, below ``docs``.
        check: looks at a plugin.
        once: the model does not matter: of several families only the first is tried.
    """

    id: str
    says: str
    page: str
    check: Callable[[Exam], str | None]
    once: bool = False

    @property
    def why(self) -> str:
        """More about it, in Markdown."""
        return cleandoc(self.check.__doc__ or "")


@dataclass(frozen=True)
class Verdict:
    """How a rule ended.

    Attributes:
        rule: the rule.
        outcome: what came out.
        family: of the model that the plugin was tried with.
        text: why it was skipped or what was found, else a remark.
        hint: what the author can do, if it failed.
    """

    rule: Rule
    outcome: Literal["passed", "failed", "skipped"]
    family: str
    text: str = ""
    hint: str = ""

    def explain(self, owner: str) -> str:
        """A failure in full: the contract, what was found, what to do, where it is written."""
        tiny = f"a model of the family {self.family}"
        lines = [
            f"rule '{self.rule.id}': {self.rule.says}",
            f"  found: {self.text}",
            f"  in: plugin {owner}" + ("" if self.family == "encoder" else f", with {tiny}"),
        ]
        lines += [f"  to do: {self.hint}"] if self.hint else []
        return "\n".join([*lines, f"  contract: docs/{self.rule.page}"])


def judge(rule: Rule, exam: Exam) -> Verdict:
    """Check one rule."""
    try:
        return Verdict(rule, "passed", exam.family, rule.check(exam) or "")
    except NotApplicable as reason:
        return Verdict(rule, "skipped", exam.family, str(reason))
    except Broken as broken:
        return Verdict(rule, "failed", exam.family, broken.found, broken.hint)
    except Exception as error:  # whatever the plugin's own code raises when it is called
        text = f"its code ended in {type(error).__name__}: {error}"
        return Verdict(rule, "failed", exam.family, text, f"see {_innermost(error)}")


def _innermost(error: BaseException) -> str:
    """The file and line that an error comes from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
