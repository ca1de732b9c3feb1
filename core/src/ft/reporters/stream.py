"""Output that cannot be written never ends a run: a full disk, a closed terminal, a reader that is gone."""

from __future__ import annotations

import os
import sys
import unicodedata
from contextlib import suppress
from typing import Any, TextIO


class LastingStream:
    """A text stream that takes whatever is written, also when nothing can be written any more.

    The first failure is said on standard error, unless the reader has closed the pipe; from then on
    what is written is dropped.

    Args:
        stream: where the text goes; ``None`` where the process has no such stream.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:
        """Of the stream; rich asks for it."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return is_terminal(self._stream)

    def fileno(self) -> int:
        """Of the stream; rich asks for it.

        Raises:
            OSError: there is none.
        """
        if self._stream is None:
            raise OSError("there is no stream")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write, or drop, a text."""
        if self._stream is not None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:
                self._give_up(self._stream, error)
        return len(text)

    def flush(self) -> None:
        """See that what was written is on its way."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(self._stream, error)

    def _give_up(self, stream: TextIO, error: Exception) -> None:
        self._stream = None
        detach(stream)
        if not isinstance(error, BrokenPipeError) and stream is not sys.stderr:
            reason = getattr(error, "strerror", None) or error
            with suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(
                    f"note: the output cannot be written ({reason}); the run goes on\n"
                )
                sys.stderr.flush()


def detach(stream: TextIO) -> None:
    """Lead a stream nowhere, so that Python does not fail on flushing it when the process ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person reads the stream; one that is closed or missing is read by nobody."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def visible(text: str) -> str:
    """A text whose control characters are written out, such as ESC.

    Labels and messages may come from a file of somebody else: no escape sequence and no mark that
    turns the reading direction reaches the terminal.
    """
    if text.isprintable():
        return text
    return "".join(one.encode("unicode_escape").decode() if _hidden(one) else one for one in text)


def _hidden(character: str) -> bool:
    if character in "\n\t\u200c\u200d":  # joiners are part of words in several scripts
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")
