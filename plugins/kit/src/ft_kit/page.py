"""The page of the docs that lists the rules: ``python -m ft_kit.page > FILE``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from os.path import relpath
from pathlib import PurePosixPath

from ft_kit.contract import Rule
from ft_kit.rules import RULES

HERE = "reference/contract-rules.md"

TOP = """\
# The rules of the contract

What `ft check NAME` and [the tests of a plugin](../how-to/check-a-plugin.md) check, in this
order, on a tiny model of each [family](plugin.md#families-of-models) that the plugin declares. A technique is tried with
small tasks of the kit, a task with the data of its `example_settings`. A rule that says nothing about a plugin, or
needs a run that fails, is skipped with the reason. {once} are checked with the first family alone.
"""


def page() -> str:
    """The page in Markdown."""
    once = [f"`{rule.id}`" for rule in RULES if rule.once]
    top = TOP.format(once=f"{', '.join(once[:-1])} and {once[-1]}")
    lines = [top, *(line for rule in RULES for line in _section(rule))]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.id}"
    yield ""
    yield f"**{rule.says}**"
    yield ""
    yield rule.why
    yield ""
    target, _, anchor = rule.page.partition("#")
    if target != HERE:
        link = relpath(target, PurePosixPath(HERE).parent)
        title = f"{target.removesuffix('.md')}, {anchor.replace('-', ' ')}"
        yield f"Written in [{title}]({link}#{anchor})."
        yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
