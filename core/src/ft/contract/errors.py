"""Errors that a person can act on: what happened, where, who is involved, what to do."""

from __future__ import annotations

from collections.abc import Iterable

EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130

TOLD_ELSEWHERE = "told_elsewhere"
"""Attribute of an exception: whether another process of the same run tells the user of it."""


class FtError(Exception):
    """Base of every error that ft explains itself.

    Args:
        what: one sentence that says what is wrong.
        where: the place: ``file:line``, a setting's key, a column.
        who: the plugin (and its distribution) involved.
        hint: what the reader can do about it.
    """

    exit_code = EXIT_FAILED

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        who: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.who = who
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.who:
            lines.append(f"  in: {self.who}")
        if self.hint:
            lines.append(f"  to do: {self.hint}")
        return "\n".join(lines)


class UserError(FtError):
    """The input is wrong: a setting, a file, a name on the command line. Exit code 2."""

    exit_code = EXIT_INPUT


class ConfigError(UserError):
    """A setting is unknown, missing or has a value that does not fit."""


class DataError(UserError):
    """A data file, row or column does not fit the task."""


class PluginError(UserError):
    """A plugin cannot be found or loaded, breaks the contract, or clashes with another."""


class TrainingError(FtError):
    """Training itself failed: the loss diverged, memory ran out, a check on a plugin's work failed."""


class Interrupted(FtError):
    """The user stopped the run; it can be resumed. Exit code 130."""

    exit_code = EXIT_INTERRUPTED


class Problems(UserError):
    """Several errors found in one look, reported together."""

    def __init__(self, errors: Iterable[FtError]) -> None:
        self.errors = list(errors)
        super().__init__(f"{len(self.errors)} problems found")

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def raise_all(errors: list[FtError]) -> None:
    """Raise the only error as it is, several as one `Problems`, none not at all."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Problems(errors)
