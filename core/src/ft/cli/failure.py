"""How a command fails: one clear message on standard error and an exit code."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import typer

from ft.contract.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    TOLD_ELSEWHERE,
    FtError,
    Problems,
    UserError,
)
from ft.reporters.stream import LastingStream, detach, visible

F = TypeVar("F", bound=Callable[..., None])


def guarded(command: F) -> F:
    """Make a command report what goes wrong in it and end with the right exit code.

    The traceback is printed where the command was given ``--debug``, or with ``FT_DEBUG=1``.
    """

    @functools.wraps(command)
    def call(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:
            # The reader has what it wanted, as in `ft predict RUN texts.txt | head`.
            detach(sys.stdout)
        except (Exception, KeyboardInterrupt) as error:
            report(error, debug=bool(options.get("debug")))

    return call  # type: ignore[return-value]


def report(error: BaseException, *, debug: bool) -> NoReturn:
    """Say on standard error what went wrong, and end the command with its exit code.

    Raises:
        typer.Exit: always.
    """
    from ft.reporters.text import folded, terminal_width  # not needed by a command that works

    if _told_elsewhere(error):
        raise typer.Exit(exit_code(error)) from error
    said = LastingStream(sys.stderr)
    if debug or os.environ.get("FT_DEBUG", "0") not in ("", "0"):
        for one in error.errors if isinstance(error, Problems) else [error]:
            said.write("".join(traceback.format_exception(one)))
    for line in folded(visible(message(error)), terminal_width(sys.stderr)):
        said.write(f"{line}\n")
    said.flush()
    raise typer.Exit(exit_code(error)) from error


def _told_elsewhere(error: BaseException) -> bool:
    """Whether another process of the same run says it."""
    default = False
    if isinstance(error, UserError):
        # Before the processes know of each other, the first on each machine speaks.
        default = os.environ.get("LOCAL_RANK", "0") not in ("", "0")
    return bool(getattr(error, TOLD_ELSEWHERE, default))


def exit_code(error: BaseException) -> int:
    """The exit code of the command that an error ends."""
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return error.exit_code if isinstance(error, FtError) else EXIT_FAILED


def message(error: BaseException) -> str:
    """What to tell the user about an error."""
    if isinstance(error, KeyboardInterrupt):
        return "\n".join(
            ["interrupted", *(f"  {note}" for note in getattr(error, "__notes__", ()))]
        )
    if isinstance(error, Problems):
        return "\n".join(message(one) for one in error.errors)
    lines = [f"error: {error if isinstance(error, FtError) else _first_line(error)}"]
    lines += [f"  {note}" for note in getattr(error, "__notes__", ())]
    if not isinstance(error, FtError):
        lines.append("  to do: run with --debug for the traceback")
    return "\n".join(lines)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    name = type(error).__name__
    return f"{name}: {text.splitlines()[0]}" if text else name
