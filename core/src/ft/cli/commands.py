"""Commands that installed distributions add, by the entry-point group ``ft.commands``.

What is installed is read from metadata and source alone; only the command that was typed is imported.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ft.cli.failure import guarded, report
from ft.cli.options import Debug
from ft.contract.errors import PluginError
from ft.contract.messages import did_you_mean
from ft.loading.installed import COMMANDS, Installed, installed, require_this_ft
from ft.loading.summary import summary_of

UsageError: Any = typer.BadParameter.__base__
"""Of click, or of what typer has in its place, by typer's version."""


def _summary(verb: Installed) -> str:
    """The first line of its docstring, read from the source; else what the distribution says."""
    return summary_of(verb.target) or verb.summary


class Command(TyperCommand):
    """A command whose help names arguments and numbers without the marks that typer adds."""

    def get_help(self, ctx: Any) -> str:
        """``RUN`` in place of ``{RUN}``, ``[INPUT]`` of ``[[INPUT]]``, ``<int>`` of ``<int range>``."""
        return _plain(super().get_help(ctx))

    def get_usage(self, ctx: Any) -> str:
        """The line above an error, written as in the help."""
        return _plain(super().get_usage(ctx))


def _plain(text: str) -> str:
    """A help text without typer's marks."""
    for marked, plain in (
        (r"\{(\w+)\}", r"\1"),
        (r"\[\[(\w+)\]\]", r"[\1]"),
        (r"<(int|float) range>", r"<\1>      "),
    ):
        text = re.sub(marked, plain, text)
    return text


class Commands(TyperGroup):
    """The core's commands, and behind them those that installed distributions add."""

    @cached_property
    def others(self) -> list[Installed]:
        """What distributions offer, by name: looked up once, for the help asks for each command."""
        return installed(COMMANDS)

    def list_commands(self, ctx: Any) -> list[str]:
        """The core's in their order, then the others by name."""
        return list(dict.fromkeys([*self.commands, *(one.name for one in self.others)]))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command of the core, or for the listing a stand-in with the summary of another."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        offers = [one for one in self.others if one.name == cmd_name]
        if not offers:
            return None
        both = " and ".join(one.owner for one in offers)
        text = _summary(offers[0]) if len(offers) == 1 else f"offered by {both}; uninstall one"
        return TyperCommand(cmd_name, help=text, rich_markup_mode=None)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed; where it is told a setting as an option, say the way."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            # pydantic's words before those of a value that typer checked with it.
            error.message = error.message.replace("Value error, ", "") + _meant_setting(error)
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was typed; that of a distribution is imported here."""
        name, offers = args[0], [one for one in self.others if one.name == args[0]]
        if offers:
            try:
                _refuse_clash(name, offers, name in self.commands)
                return name, load_verb(offers[0]), args[1:]
            except Exception as error:
                report(error, debug="--debug" in args)
        if name not in self.commands and not name.startswith("-"):
            meant = did_you_mean(name, self.list_commands(ctx), 3)
            ctx.fail(f"No such command {name!r}" + (f": {meant}" if meant else "."))
        return super().resolve_command(ctx, args)


def _meant_setting(error: Any) -> str:
    """How to give the setting that an unknown option or argument was meant for."""
    from ft.contract.settings import RunConfig

    key = str(getattr(error, "option_name", "")).lstrip("-").replace("-", "_")
    if key in RunConfig.model_fields:
        return f". It is a setting: -o run.{key}=..."
    if "extra argument" in error.message and "=" in error.message:
        return ". Each setting needs a -o before it: -o table.key=value"
    return ""


def _refuse_clash(name: str, offers: Sequence[Installed], is_core: bool) -> None:
    owners = [*(["ft-core"] if is_core else []), *(one.owner for one in offers)]
    if len(owners) > 1:
        raise PluginError(
            f"the command '{name}' is offered by {' and by '.join(owners)}",
            where=f"ft {name}",
            hint=f"uninstall {'it' if is_core else 'one of them'}: "
            f"pip uninstall {offers[-1].distribution}",
        )


def load_verb(verb: Installed) -> Any:
    """Import a command and make it fail as the core's do: one message, the right exit code.

    Raises:
        PluginError: it needs another ft, cannot be imported, or is neither a function nor a
            `typer.Typer`.
    """
    who = f"command '{verb.name}' ({verb.owner})"
    require_this_ft(verb.distribution, who)
    module, _, attribute = verb.target.partition(":")
    try:
        found: Any = importlib.import_module(module.strip())
        for part in attribute.strip().split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"the command cannot be imported: {type(error).__name__}: {error}",
            where=verb.target,
            who=who,
            hint="run with --debug for the traceback",
        ) from error
    root = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    root.callback()(lambda: None)
    if isinstance(found, typer.Typer):
        root.add_typer(found, name=verb.name)
    elif inspect.isroutine(found):
        root.command(verb.name, cls=Command)(found)
    else:
        raise PluginError(
            f"{verb.target} is neither a function nor a typer.Typer",
            who=who,
            hint=f"let the entry point in [{COMMANDS}] name a function that typer can read",
        )
    command = typer.main.get_group(root).commands[verb.name]
    _guard(command, who)
    return command


def _guard(command: Any, who: str) -> None:
    """Give a command, and those below it, the option ``--debug`` and the core's way to fail."""
    if command.callback is not None:
        takes_debug = any(one.name == "debug" for one in command.params)
        if not takes_debug:
            command.params.append(_debug_option())
        command.callback = guarded(_noting(command.callback, who, takes_debug))
    for below in getattr(command, "commands", {}).values():
        _guard(below, who)


def _debug_option() -> Any:
    """The option as typer makes it of a function that has it."""

    def command(debug: Debug = False) -> None:
        pass

    app = typer.Typer(add_completion=False)
    app.command()(command)
    return typer.main.get_command(app).params[0]


def _noting(call: Callable[..., Any], who: str, takes_debug: bool) -> Callable[..., None]:
    """The call, without the option that it did not ask for; an unforeseen error says whose it is."""

    def noted(*arguments: Any, **options: Any) -> None:
        if not takes_debug:
            options.pop("debug", None)
        try:
            call(*arguments, **options)
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except Exception as error:
            if not hasattr(error, "exit_code"):
                error.add_note(f"in: {who}")
            raise

    return noted
