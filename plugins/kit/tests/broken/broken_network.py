"""Looks for a newer version of itself, and hides that it failed."""

import contextlib
import urllib.request

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def on_run_start(self, run):
        with contextlib.suppress(OSError):
            urllib.request.urlopen("http://version.invalid/", timeout=1)
