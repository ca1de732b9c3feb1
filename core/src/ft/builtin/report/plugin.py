"""The page for people, written as soon as the record is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ft.contract.errors import FtError
from ft.contract.plugin import Plugin, hookimpl

if TYPE_CHECKING:
    from ft.contract.run import Run


class Report(Plugin):
    """Writes ``report.html``, unless ``run.report`` is false."""

    @hookimpl
    def on_record(self, run: Run) -> None:
        """Write the page; a run whose training is done does not fail for it."""
        if not run.config.report:
            return
        try:
            from ft.page import require_libraries

            require_libraries()
            from ft.builtin.report.build import write_report

            write_report(run.output)
        except FtError as error:
            run.note(f"no report.html: {error.what}" + (f"; {error.hint}" if error.hint else ""))
        except Exception as error:
            run.note(f"no report.html: {type(error).__name__}: {error}")
