"""Writes a pickle under another name."""

import pickle

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def on_run_end(self, run):
        (run.output / "counts.bin").write_bytes(pickle.dumps({"a": 1}))
