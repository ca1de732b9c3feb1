"""The choice of a reporter."""

from __future__ import annotations

import os
import sys

from ft.reporters.lines import JsonReporter, PlainReporter, QuietReporter
from ft.reporters.reporter import Reporter
from ft.reporters.stream import is_terminal


def choose(*, quiet: bool, as_json: bool, to_stderr: bool = False) -> Reporter:
    """The reporter that fits the flags and where the output goes.

    Args:
        quiet: only the final metrics.
        as_json: JSON lines.
        to_stderr: standard output is taken by something else.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    if os.environ.get("RANK", "0") not in ("", "0"):
        return Reporter()  # another process of the same run speaks
    if as_json:
        return JsonReporter(stream)
    if quiet:
        return QuietReporter(stream, sys.stderr)
    if is_terminal(stream):
        from ft.reporters.terminal import RichReporter

        return RichReporter(stream)
    return PlainReporter(stream)
