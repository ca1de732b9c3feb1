"""Tiny data that the plugin is tried with: a place and a mood in the same file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PLUGIN = '''"""A label of a text."""

import ft


class OneLabel(ft.Plugin):
    """One class for a text."""

    class Config(ft.DataConfig):
        pass

    @ft.hookimpl
    def load_data(self, run):
        return ft.read_texts(self.config, run, owner=self.name)

    @ft.hookimpl
    def evaluate(self, run, predictions):
        gold = predictions.examples["label"]
        right = [item["label"] == label for item, label in zip(predictions.items, gold)]
        return ft.Evaluation({"accuracy": ft.Metric(sum(right) / len(right))}, "accuracy")
'''

WHO = ("anna", "ben", "clara", "dora")
WHERE = ("london", "paris", "rome")
SIZES = {"train": 12, "validation": 6, "test": 6}


def write_example(folder: Path) -> dict[str, Any]:
    """Write a plugin with one label, and a JSONL file a split with two."""
    (folder / "one_label.py").write_text(PLUGIN, encoding="utf-8")
    rows = [
        {
            "text": f"{WHO[i % 4]} {('went to', 'saw')[i % 2]} {WHERE[i % 3]}",
            "place": WHERE[i % 3],
            "deed": ("went", "saw")[i % 2],
        }
        for i in range(sum(SIZES.values()))
    ]
    files, begin = {}, 0
    for split, size in SIZES.items():
        path = folder / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[begin : begin + size]))
        files[split] = str(path)
        begin += size
    spec = str(folder / "one_label.py")
    return {
        "tasks": {"place": spec, "deed": spec},
        "settings": {name: {**files, "columns": {"label": name}} for name in ("place", "deed")},
    }
