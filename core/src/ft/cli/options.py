"""Options that several commands share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import typer

if TYPE_CHECKING:
    from ft.config.resolve import Resolved

F = TypeVar("F", bound=Callable[..., None])

FinishedRun = Annotated[
    str,
    typer.Argument(metavar="RUN", help="The folder of a finished run, or its name on the hub."),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show only warnings and the final metrics.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print everything as JSON, one object per line.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code that the model's folder brings.")
]
TrustPlugins = Annotated[
    bool,
    typer.Option(
        "--trust-plugins",
        help="Run the plugin files that the run's folder names, though it was not made here.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Refuse other plugins than the run was made with."),
]


@dataclass(frozen=True)
class RunOptions:
    """The options of ``ft run`` that name plugins and settings, as they were typed.

    Attributes:
        plugins: the values of ``--plugins``.
        config: the settings' file.
        override: the values of ``-o``.
        model: and what follows, but for the last: the settings of ``[run]`` of that name.
        on_bad_row: the setting of that name of every plugin that has one.
    """

    plugins: Annotated[
        list[str] | None,
        typer.Option(
            "--plugins",
            "-p",
            help="A task, then techniques, with commas between: ner,augment.",
            metavar="A,B",
            show_default=False,
        ),
    ] = None
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Settings in TOML.")
    ] = None
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-o",
            metavar="TABLE.KEY=VALUE",
            show_default=False,
            help="One setting, over those of the file; repeatable.",
        ),
    ] = None
    model: Annotated[
        str | None, typer.Option(help="Name of a pre-trained model on the hub, or a folder.")
    ] = None
    preset: Annotated[
        Literal["quick", "default", "best"] | None,
        typer.Option(help="A plan for the training: a first look, the usual, or all that pays."),
    ] = None
    epochs: Annotated[float | None, typer.Option(help="Passes over the training split.")] = None
    time_limit: Annotated[
        str | None,
        typer.Option(
            metavar="10m", help="All of the run takes at most this; it trains as long as fits."
        ),
    ] = None
    seed: Annotated[int | None, typer.Option(help="Seed of every random number.")] = None
    batch_size: Annotated[int | None, typer.Option(help="Examples per optimizer step.")] = None
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None
    checkpoint_minutes: Annotated[
        float | None, typer.Option(help="Save a checkpoint every N minutes.")
    ] = None
    trust_remote_code: TrustRemoteCode = False
    on_bad_row: Annotated[
        Literal["refuse", "skip"] | None,
        typer.Option(
            help="A malformed row of the data: refuse it, or set it aside with the reason."
        ),
    ] = None

    @property
    def names(self) -> list[str] | None:
        """The plugins in order, ``None`` where none is named."""
        return split_names(self.plugins)

    def resolve(self, file: Path | None = None) -> Resolved:
        """Load the plugins and check every setting, as `ft.resolve` does.

        Args:
            file: the settings' file; default: the one of ``--config``.

        Raises:
            ft.ConfigError: a setting is unknown, missing or has a value that does not fit.
            ft.PluginError: a plugin cannot be loaded.
            ft.Problems: several of these.
        """
        from ft.config.resolve import resolve

        flags = [one.name for one in fields(self)][3:-1]
        values = {name: getattr(self, name) for name in flags}
        given = {name: one for name, one in values.items() if one is not None and one is not False}
        return resolve(
            self.names,
            file=file or self.config,
            overrides=self.override or (),
            values={f"run.{name}": one for name, one in given.items()},
            labels={
                "on_bad_row": "--on-bad-row",
                **{f"run.{name}": f"--{name.replace('_', '-')}" for name in given},
            },
            shared={} if self.on_bad_row is None else {"on_bad_row": self.on_bad_row},
        )


def run_options(**helps: str) -> Callable[[F], F]:
    """Give a command the options of ``ft run`` that name plugins and settings.

    The command takes them as one argument, annotated ``options: RunOptions``; typer sees the
    options themselves in its place.

    Args:
        helps: by the option's name (``batch_size``), what ``--help`` says in place of the usual.
    """
    hints = get_type_hints(RunOptions, include_extras=True)
    shared = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=one.default,
            annotation=_with_help(hints[one.name], helps.get(one.name)),
        )
        for one in fields(RunOptions)
    ]
    unknown = sorted(set(helps) - {one.name for one in shared})
    if unknown:
        raise TypeError(f"ft run has no option {unknown[0]!r} among those that commands share")

    def decorate(command: F) -> F:
        own = inspect.signature(command, eval_str=True).parameters.values()
        name = next((one.name for one in own if one.annotation is RunOptions), None)
        if name is None:
            raise TypeError(f"{command.__qualname__} has no argument annotated RunOptions")

        @functools.wraps(command)
        def call(**given: Any) -> None:
            options = RunOptions(**{one.name: given.pop(one.name) for one in shared})
            command(**{name: options}, **given)

        # typer reads both.
        parameters = [
            new
            for one in own
            for new in (shared if one.name == name else [one.replace(kind=one.KEYWORD_ONLY)])
        ]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {one.name: one.annotation for one in parameters}
        return call  # type: ignore[return-value]

    return decorate


def _with_help(hint: Any, text: str | None) -> Any:
    """An option's annotation with another text for ``--help``."""
    kind, usual = get_args(hint)
    option = copy(usual)
    option.help = text or usual.help
    return Annotated[kind, option]


def split_names(given: Sequence[str] | None) -> list[str] | None:
    """The names in ``--plugins a,b --plugins c``, in order."""
    if given is None:
        return None
    return [name.strip() for names in given for name in names.split(",")]
