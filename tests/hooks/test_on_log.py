"""The event `on_log`: everything that the log has, and the scores of the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LISTENER = '''
import json
from ft import Plugin, hookimpl


class Listener(Plugin):
    """Keeps what it is told."""

    @hookimpl
    def on_epoch_end(self, run, epoch):
        run.log(self, "epochs", epoch)

    @hookimpl
    def on_log(self, run, step, values):
        with (run.output / "told.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\\n")
'''


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_numbers_are_told_as_they_are_logged_and_at_the_end(go: Any, tmp_path: Path) -> None:
    (tmp_path / "listener.py").write_text(LISTENER)
    result = go(["words", str(tmp_path / "listener.py")], epochs=3, evaluate_steps=4)
    told = lines(result.output / "told.jsonl")
    logged = []
    for line in lines(result.output / "metrics.jsonl"):
        values = {name: value for name, value in line.items() if name not in ("epoch", "split")}
        for name, metric in values.pop("metrics", {}).items():
            values[f"{line['split']}/{name}"] = metric["value"]
        logged.append(values)
    final = [
        {f"final/{split}/{name}": metric.value for name, metric in metrics.items()}
        for split, metrics in result.metrics.items()
    ]
    steps = {"step": result.record["steps"]}
    assert told == [*logged, *({**steps, **values} for values in final)]
    assert any("listener/epochs" in values for values in told)
    assert {"loss", "learning_rate"} <= set(told[-4])
