"""Two runs in one process would share the generators of random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft

PLUGIN = """
import threading
import ft

class Second(ft.Plugin):
    errors = []

    @ft.hookimpl
    def on_run_start(self, run):
        def again():
            try:
                ft.run(["ner"], ner={"train": "nowhere.conll"})
            except ft.FtError as error:
                self.errors.append(str(error))
        thread = threading.Thread(target=again)
        thread.start()
        thread.join()
        run.note(self.errors[0])
"""


def test_a_second_run_in_another_thread_is_refused(go: Any, tmp_path: Path) -> None:
    plugin = tmp_path / "second.py"
    plugin.write_text(PLUGIN)
    record = go(["words", str(plugin)], max_steps=1).record
    assert any("another run trains in this process" in note for note in record["notes"])


def test_after_a_run_that_failed_another_may_start(go: Any) -> None:
    with pytest.raises(ft.FtError):
        go(["words"], max_steps=1, model="nowhere")
    assert go(["words"], max_steps=1).metrics
