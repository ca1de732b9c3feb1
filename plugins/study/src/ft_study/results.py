"""What a command has found: printed, as JSON, and written into files."""

from __future__ import annotations

import json
import math
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from ft import Intervals, Table, UserError, html_page, table_text


@dataclass(frozen=True)
class Results:
    """What a command has found.

    Attributes:
        title: of the page.
        about: what was studied.
        tables: for people.
        values: the same as plain values.
        said: sentences.
        charts: of the page.
        details: further tables, of the page alone.
    """

    title: str
    about: str
    tables: Sequence[Table]
    values: Mapping[str, Any]
    said: Sequence[str] = ()
    charts: Sequence[Intervals] = ()
    details: Sequence[Table] = ()

    @property
    def text(self) -> str:
        """Tables and sentences, as they are printed."""
        parts = [*map(table_text, self.tables), "\n".join(self.said)]
        return "\n\n".join(part for part in parts if part)

    def show(self, as_json: bool) -> None:
        """Print the result."""
        typer.echo(to_json(self.values) if as_json else self.text)

    def write_page(self, path: Path) -> None:
        """Write the result as one HTML page.

        Raises:
            UserError: the file cannot be written.
        """
        tables = [*self.tables, *self.details]
        write_whole(path, html_page(self.title, self.about, tables, self.said, self.charts))

    def write(self, folder: Path, name: str) -> None:
        """Write ``<name>.txt``, ``<name>.json`` and ``<name>.html``.

        Raises:
            UserError: a file cannot be written.
        """
        write_whole(folder / f"{name}.txt", self.text + "\n")
        write_whole(folder / f"{name}.json", to_json(self.values) + "\n")
        self.write_page(folder / f"{name}.html")


def unique() -> str:
    """A part of a file's name that no other thread anywhere uses."""
    return f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all, also where several processes write it.

    Raises:
        UserError: it cannot be written.
    """
    _write(path, text, Path.replace)


def write_once(path: Path, text: str) -> bool:
    """Write a text whole, unless the file is there: of several processes one succeeds.

    Returns:
        Whether this call has written it.

    Raises:
        UserError: it cannot be written.
    """
    try:
        # A link fails where there is a file, on local file systems and on NFS since version 3.
        _write(path, text, lambda aside, to: os.link(aside, to))
    except FileExistsError:
        return False
    return True


def _write(path: Path, text: str, move: Any) -> None:
    aside = path.with_name(f".{path.name}.{unique()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_text(text, encoding="utf-8")
            move(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    except FileExistsError:
        raise
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(path)) from error


def to_json(values: Any) -> str:
    """Values as JSON; a number that JSON lacks becomes null."""
    return json.dumps(_plain(values), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
