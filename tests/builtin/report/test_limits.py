"""What the page cuts, leaves out and calls by a shorter name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ft import Label, Metric, Schema, Table, Text

NAMES = tuple(f"{'a very long name of a class ' * 71}{i:>02} <&>".rjust(2_000) for i in range(30))


def rows(names: tuple[str, ...]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Examples whose first half is right."""
    found = []
    for i in range(900):
        gold, said = names[i % 30], names[(i if i < 450 else i * 7 + 1) % 30]
        scores = dict.fromkeys(names, 1 / 30)
        example = {"text": f"text {i}", "label": gold, "place": f"/home/ann/data/test.csv:{i + 1}"}
        found.append((example, {"label": said, "scores": scores}))
    return found


def test_a_page_of_long_names_keeps_its_size_and_its_filters(made: Any, held: Any) -> None:
    schema = Schema(texts=(Text("text"),), label=Label("label", NAMES))
    square = Table(
        "Counts", ("gold", *NAMES), tuple((n, *range(k, k + 30)) for k, n in enumerate(NAMES))
    )
    wide = Table("Wide", NAMES[:24], ((*NAMES[:24],),) * 200)
    metrics = {f"f1/{name}": Metric(0.5).to_json() for name in NAMES}
    record = {
        "metrics": {"test": {"f1": Metric(0.25, 0.2, 0.3).to_json(), **metrics}},
        "notes": list(NAMES),
        "baselines": {"split": "test", "metric": "f1", "values": {NAMES[0]: 0.5}},
        "advice": list(NAMES[:4]),
    }
    folder = made(schema, rows(NAMES), tables=[square, *[wide] * 11], record=record)
    page = (folder / "report.html").read_bytes()
    assert len(page) < 1_500_000
    examples = held(folder)["splits"][0]["examples"]
    assert len(examples) > 20
    wrong = [one for one in examples if one["gold"] != one["found"]]
    asked = set(re.findall(r'data-gold="([^"]*)"', page.decode()))
    assert asked
    assert {one["gold"] for one in wrong} & asked
    # Names that begin alike are still told apart.
    assert len({one["gold"] for one in examples}) == 30
    assert all(len(one["gold"]) <= 80 for one in examples)


def test_places_are_named_without_their_folders(made: Any, held: Any) -> None:
    names = tuple(f"c{i}" for i in range(30))
    folder = made(Schema(texts=(Text("text"),), label=Label("label", names)), rows(names))
    places = {one["at"] for one in held(folder)["splits"][0]["examples"]}
    assert "test.csv:1" in places
    assert "/home/ann" not in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("google/bert-base", "bert-base"),
        ("/home/ann/runs/first/model", "first"),
        ("C:\\runs\\second\\model", "second"),
        ("tiny", "tiny"),
        ("model", "model"),
    ],
)
def test_a_model_has_its_own_name(made: Any, path: str, name: str) -> None:
    folder = made(Schema(texts=(Text("text"),)), [], record={"model": {"path": path, "files": {}}})
    page = (folder / "report.html").read_text()
    assert f"· {name} ·" in page[: page.index("<nav")]


def test_the_results_come_before_the_hooks(made: Any) -> None:
    page = (made(Schema(texts=(Text("text"),)), []) / "report.html").read_text()
    assert page.index('id="errors"') < page.index('class="chains"')
    assert page.index('id="data"') < page.index('class="chains"')


def test_a_constant_line_is_told_and_not_drawn(made: Any, folders: ModuleType) -> None:
    training = folders.log("f1", [0.2, 0.3, 0.4])
    for line in training:
        if "metrics" in line:
            line["metrics"]["coverage"] = Metric(1.0).to_json()
            line["metrics"]["recall"] = Metric(line["metrics"]["f1"]["value"] / 2).to_json()
    page = (made(Schema(texts=(Text("text"),)), [], training=training) / "report.html").read_text()
    curves = page[page.index('id="curves"') : page.index('id="errors"')]
    assert "the same at every evaluation: coverage 1.0000" in curves
    drawn = "".join(re.findall(r"<svg.*?</svg>", curves, re.DOTALL))
    assert "recall" in drawn
    assert "coverage" not in drawn


def test_a_main_metric_that_is_constant_is_drawn(made: Any, folders: ModuleType) -> None:
    training = folders.log("f1", [0.2, 0.2, 0.2])
    folder: Path = made(Schema(texts=(Text("text"),)), [], training=training)
    page = (folder / "report.html").read_text()
    assert "the same at every evaluation" not in page
    assert "f1 on validation" in page
    assert json.loads((folder / "record.json").read_text())["main"] == "f1"
