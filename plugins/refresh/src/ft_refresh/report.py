"""The regression report: the old run and the new one on old and on new data, and the verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path
from typing import Any

import ft
from ft import DataError, Intervals, Table, UserError
from ft_refresh.verdict import Rule, Verdict, missing, verdict

NAME = "regression"
SHOWN = 10
"""Examples that flipped and are printed; ``regression.json`` has all."""

WIDE = 60


@dataclass(frozen=True)
class Report:
    """A regression report.

    Attributes:
        old: the older run's folder.
        new: the new one's.
        data: what ``ft compare --json`` says of each source of examples.
        titles: what each source is called for people.
        rule: what must not fall.
        verdict: what follows.
        said: what else the user should know.
    """

    old: Path
    new: Path
    data: Sequence[Mapping[str, Any]]
    titles: Mapping[str, str]
    rule: Rule
    verdict: Verdict
    said: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "verdict": "ship" if self.verdict.ship else "do not ship",
            "reasons": list(self.verdict.reasons),
            "rule": asdict(self.rule),
            "old": str(self.old),
            "new": str(self.new),
            "notes": list(self.said),
            "data": [{"title": self.titles[one["data"]], **one} for one in self.data],
        }

    @property
    def text(self) -> str:
        """Tables and the verdict, as they are printed."""
        parts = [ft.table_text(table) for table in self.tables()]
        return "\n\n".join([*parts, "\n".join([*self.said, self.verdict.text])])

    def tables(self) -> Iterator[Table]:
        """What is shown of each source."""
        for one in self.data:
            yield from _tables(one, self.titles[one["data"]])

    def write(self) -> None:
        """Write ``regression.json`` and ``regression.html`` into the new run's folder."""
        text = ft.to_json(self.to_json(), indent=2)
        ft.write_whole(self.new / f"{NAME}.json", f"{text}\n")
        charts = [
            Intervals(
                f"F1 of the new run less the old one by class, {self.titles[one['data']]}",
                [
                    (row["class"], row["difference"], row["low"], row["high"])
                    for row in one["classes"]
                ],
            )
            for one in self.data
            if one["classes"]
        ]
        about = f"{self.old} and {self.new}"
        said = [self.verdict.text, *self.said]
        page = ft.html_page("Regression report", about, list(self.tables()), said, charts)
        ft.write_whole(self.new / f"{NAME}.html", page)


def of_runs(
    old: Path,
    new: Path,
    tests: Sequence[str],
    rule: Rule,
    *,
    texts: bool = True,
    trust: Mapping[str, bool],
) -> Report:
    """The report on a run and the one that it went on from.

    Old data is the older run's test split, else its validation split; new data the files of
    ``tests``, else the new run's validation split.

    Raises:
        UserError: the rule names a class that no data has.
        DataError: data is wrong.
    """
    sources: dict[str, str] = {}
    said: list[str] = []
    chosen = "by which the best model was chosen: the scores are a little too good"
    there = _splits(old)
    if split := next((one for one in ("test", "validation") if one in there), None):
        sources[f"old:{split}"] = f"old {split} data"
        said += [f"old: this is the validation data, {chosen}"] if split == "validation" else []
    older = list(sources)
    if tests:
        sources |= {one: f"new test data, {one}" for one in tests}
    elif "validation" in _splits(new):
        sources["new:validation"] = "new validation data"
        said.append(f"new: no --test is given, and this is the validation data, {chosen}")
    return make(old, new, sources, older, rule, said, texts=texts, trust=trust)


def _splits(run: Path) -> Sequence[str]:
    """The splits that a finished run was scored on."""
    file = run / "record.json"
    try:
        return list(json.loads(file.read_text(encoding="utf-8"))["metrics"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("this run is not finished, or damaged", where=str(file)) from error


def make(
    old: Path,
    new: Path,
    tests: Mapping[str, str],
    older: Sequence[str],
    rule: Rule,
    said: Sequence[str] = (),
    *,
    texts: bool = True,
    trust: Mapping[str, bool],
) -> Report:
    """Compare two runs and judge the newer one.

    Args:
        old: the older run's folder.
        new: the newer one's.
        tests: what ``ft compare --data`` takes, with what people call it.
        older: which of them are old data.
        rule: what must not fall.
        said: what else the user should know.
        texts: keep what the examples say.
        trust: as `ft.load` takes it.

    Raises:
        UserError: the rule names a class that no data has.
        DataError: data is wrong.
    """
    found = _compared(old, new, list(tests), texts, trust) if tests else []
    if lacking := missing(found, rule):
        there = sorted({one["class"] for part in found for one in part["classes"]})
        raise UserError(
            f"no data has the class {ft.listed(lacking, 5)}",
            where="--classes",
            hint=f"the classes are {ft.listed(there, 20)}",
        )
    judged = verdict(found, rule, older)
    return Report(old, new, found, tests, rule, judged, [*said, *not_learned(found)])


def not_learned(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The classes that the older run did not know, and that the new one never answers rightly."""
    for part in found:
        lost = [
            f"`{one['class']}` (of {one['gold']:,} examples)"
            for one in part["classes"]
            if one["class"] in part["unknown"]["old"] and one["gold"] and not one["new"]
        ]
        if lost:
            yield f"not learned yet, F1 of 0 on {part['data']}: {ft.listed(lost, 8)}"


def _compared(
    old: Path, new: Path, sources: Sequence[str], texts: bool, trust: Mapping[str, bool]
) -> list[dict[str, Any]]:
    """What ``ft compare --json`` says, the command of ft-study."""
    found = tuple(entry_points(group="ft.commands", name="compare"))
    if len(found) != 1:
        raise UserError("the command `ft compare` is missing", hint="pip install ft-study")
    said = StringIO()
    with redirect_stdout(said):
        found[0].load()(
            runs=[old, new], data=list(sources), no_texts=not texts, as_json=True, **trust
        )
    data: list[dict[str, Any]] = json.loads(said.getvalue())["data"]
    return data


def _tables(found: Mapping[str, Any], title: str) -> Iterator[Table]:
    head = ("old", "new", "difference", "95 % interval", "p")
    yield Table(
        f"{title}, {found['examples']:,} examples",
        ("metric", *head),
        tuple((one["metric"], *_row(one, one["p"])) for one in found["metrics"]),
    )
    if found["classes"]:
        yield Table(
            f"{title}: F1 by class",
            ("class", "examples", *head[:-1], "corrected p"),
            tuple(
                (one["class"], one["gold"], *_row(one, one["corrected_p"]))
                for one in found["classes"]
            ),
            "".join(
                f"the {run} run does not know {ft.listed(list(found['unknown'][run]), 8)}"
                for run in ("old", "new")
                if found["unknown"][run]
            ),
        )
    flips = found["flips"]
    if flips is None:
        return
    lost, won = flips["right_to_wrong"], flips["wrong_to_right"]
    if not lost:
        return
    yield Table(
        f"{title}: from right to wrong",
        ("example", "right", "old", "new", "text"),
        tuple(
            (
                one["place"],
                *(_short(one[key]) for key in ("gold", "old", "new")),
                _short(one.get("text", "")),
            )
            for one in lost[:SHOWN]
        ),
        f"{len(lost)} from right to wrong, {len(won)} from wrong to right"
        + (f"; the first {SHOWN} are shown, {NAME}.json has all" if len(lost) > SHOWN else ""),
    )


def _row(one: Mapping[str, Any], p: float | None) -> tuple[str, ...]:
    low, high = one["low"], one["high"]
    return (
        f"{one['old']:.4f}",
        f"{one['new']:.4f}",
        f"{one['difference']:+.4f}",
        "" if low is None or high is None else f"{low:+.4f} to {high:+.4f}",
        "" if p is None else f"{p:.4f}",
    )


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        parts = [_plain(one) for one in value.values()]
        value = "; ".join(parts)
    text = str(value)
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def _plain(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        marked = [f"{k + 1}:{one}" for k, one in enumerate(value) if one != "O"]
        return " ".join(marked if any(one[1:2] == "-" for one in value) else value) or "(none)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
