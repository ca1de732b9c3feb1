"""What a command has found: printed, as JSON, and written into files."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

import ft
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
        typer.echo(ft.to_json(self.values, indent=2) if as_json else self.text)

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
        write_whole(folder / f"{name}.json", ft.to_json(self.values, indent=2) + "\n")
        self.write_page(folder / f"{name}.html")


def unique() -> str:
    """A part of a file's name that no other thread anywhere uses."""
    return f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all, also where several processes write it.

    Raises:
        UserError: it cannot be written.
    """
    try:
        ft.write_whole(path, text)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(path)) from error


def write_once(path: Path, text: str) -> bool:
    """Write a text whole, unless the file is there: of several processes one succeeds.

    Returns:
        Whether this call has written it.

    Raises:
        UserError: it cannot be written.
    """
    aside = path.with_name(f".{path.name}.{unique()}.once")
    write_whole(aside, text)
    try:
        # A link fails where there is a file, on local file systems and on NFS since version 3.
        os.link(aside, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(path)) from error
    finally:
        aside.unlink(missing_ok=True)
    return True
