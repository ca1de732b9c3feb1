"""Exported forms side by side with the run: `ft.load(...).predict` over the same texts.

    python tests/benchmarks/export.py --run RUN [--forms onnx onnx-int8 openvino] [--texts FILE] [--rows 2000]

``RUN`` is the folder of a finished run; forms that are not there yet are exported. The texts are those of
``FILE``, one a line, or else the examples of the test split. All forms are in memory and answer in turn, as often
as asked, with as many threads each; the table has examples a second, their ratio to the run's within a repetition
(median), the share of decisions that are the run's, and megabytes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import ft
from ft_export.export import FORMS, export
from ft_export.parity import count_changed, predictions, size_of


def forms_of(run: Path, names: list[str]) -> dict[str, Path]:
    """The folder of each form, which is exported where it is not there."""
    found = {"run": run}
    for name in names:
        folder = run / FORMS / name
        if not folder.exists():
            to, _, int8 = name.partition("-")
            export(run, to, int8=bool(int8), say=print)  # type: ignore[arg-type]
        found[name] = folder
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--forms", nargs="+", default=["onnx", "onnx-int8"])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    forms = forms_of(given.run, given.forms)
    asked: list[Any] = (
        given.texts.read_text(encoding="utf-8").splitlines()
        if given.texts
        else predictions(given.run, "test.examples")
    )[: given.rows]
    models = {name: ft.load(folder) for name, folder in forms.items()}
    answers = {name: model.predict(asked) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(given.repetitions):
        for name, model in models.items():
            started = time.perf_counter()
            model.predict(asked)
            seconds[name].append(time.perf_counter() - started)
    rows = []
    for name, spent in seconds.items():
        ratios = [ours / theirs for ours, theirs in zip(seconds["run"], spent, strict=True)]
        count, changed = count_changed(answers["run"], answers[name])
        rows.append(
            (
                name,
                f"{len(asked) / statistics.median(spent):.0f}",
                f"{statistics.median(ratios):.2f}",
                f"{1 - changed / max(1, count):.2%}",
                f"{size_of(forms[name] / 'model') / 1e6:.1f}",
            )
        )
    columns = ("form", "examples a second", "times the run", "decisions equal", "megabytes")
    print(ft.table_text(ft.Table(f"{len(asked):,} examples", columns, tuple(rows))))


if __name__ == "__main__":
    main()
