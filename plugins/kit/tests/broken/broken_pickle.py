"""Keeps something in a pickle."""

import pickle

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def on_run_start(self, run):
        with (run.output / "counts.pkl").open("wb") as stream:
            pickle.dump({"a": 1}, stream)
