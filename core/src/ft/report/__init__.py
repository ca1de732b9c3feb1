"""The page that a run leaves for people: ``report.html``, one file that needs no network."""

from ft.report.build import write_report

__all__ = ["write_report"]
