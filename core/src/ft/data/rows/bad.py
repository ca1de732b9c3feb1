"""Malformed rows: refused together, or set aside with the reason, never dropped in silence."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ft.contract.errors import DataError, FtError, UserError, raise_all
from ft.contract.files import write_whole
from ft.contract.paths import public

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.contract.run import Run
    from ft.contract.settings import DataConfig
    from ft.data.rows.entry import Entry

FILE_NAME = "bad_rows.jsonl"

SHOWN = 20
"""Errors reported in one go."""

SHARE, ALWAYS = 0.1, 10
"""Of a file's rows, the share that may be set aside; so many may be in any file."""

UNLABELLED = "has no label"
"""How the reason of a row begins that is good but for its label: such rows are no sign of a wrong file,
and any number of them may be set aside."""

HOPELESS = 1000
"""With so many bad rows, and more of them than good ones, reading stops."""

_RAW_CHARACTERS = 100_000


class Hopeless(DataError):
    """More bad rows than good ones: the file is not what it was taken for.

    Attributes:
        first: its first bad rows.
        unit: what their numbers count.
    """

    def __init__(self, first: list[dict[str, Any]], unit: str) -> None:
        self.first, self.unit = first, unit
        super().__init__("more than half of the first rows are malformed; reading was given up")


class Sink:
    """Where a reader reports what is not a row, and what it decided.

    Attributes:
        rows: rows read.
        bad: rows that could not be.
        unlabelled: those of them that only lack a label.
        first: the first bad rows.
        seen: good rows of a first look, before any is read.
        notes: what the reader decided for the user, without the file's name.
        columns, left_out, layout, unit: see `Entry`.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.first: list[dict[str, Any]] = []
        self.rows = 0
        self.bad = self.unlabelled = 0
        self.seen = 0
        self.notes: list[str] = []
        self.columns: dict[str, str] = {}
        self.left_out: Counter[str] = Counter()
        self.layout = ""
        self.unit = "line"

    def inherit(self, entry: Entry, *, settled: bool = False) -> None:
        """Begin with what was said of the entry that this one is made from.

        Args:
            entry: it.
            settled: whether its malformed rows were set aside, so that they are left out here.
        """
        if settled and entry.bad:
            self.left_out["malformed, set aside"] += entry.bad
        self.notes = list(entry.notes)
        self.columns = dict(entry.columns)
        self.left_out.update(entry.left_out)
        self.layout, self.unit = entry.layout, entry.unit

    def leave_out(self, reason: str, rows: int = 1) -> None:
        """Count rows that are no examples, such as answers that an annotator rejected."""
        self.left_out[reason] += rows

    def read(self, rows: int) -> None:
        """Count rows that were read."""
        self.rows += rows

    def reject(self, line: int, reason: str, raw: str) -> None:
        """Set a row aside.

        Args:
            line: its 1-based line, or row, in the file.
            reason: what is wrong, to be read after ``file:line:``.
            raw: the row as it stands in the file.
        """
        raw = raw.encode("utf-8", "replace").decode()[:_RAW_CHARACTERS]
        row = {"line": line, "reason": reason, "raw": raw}
        self.bad += 1
        self.unlabelled += reason.startswith(UNLABELLED)
        wrong = self.bad - self.unlabelled
        if len(self.first) < SHOWN:
            self.first.append(row)
        if wrong >= HOPELESS and wrong > max(self.rows, self.seen):
            raise Hopeless(self.first, self.unit)
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def note(self, text: str) -> None:
        """Say once what was decided."""
        if text not in self.notes:
            self.notes.append(text)


def without(
    batch: pa.RecordBatch, reasons: Mapping[int, str], original: pa.RecordBatch, sink: Sink
) -> pa.RecordBatch:
    """A batch without its bad rows, which go to the sink.

    Args:
        batch: the rows as they are kept.
        reasons: what is wrong with a row, by its position.
        original: the rows as the reader gave them, the line in the last column.
        sink: takes the bad rows.
    """
    import pyarrow as pa

    if not reasons:
        return batch
    columns = original.select(range(original.num_columns - 1))
    lines = original.columns[-1]
    for i in sorted(reasons):
        row = columns.slice(i, 1).to_pylist()[0]
        raw = json.dumps(row, ensure_ascii=False, default=str)
        sink.reject(lines[i].as_py(), reasons[i], raw)
    return batch.filter(pa.array([i not in reasons for i in range(batch.num_rows)]))


def hopeless_errors(error: Hopeless, name: str) -> list[FtError]:
    """The first rows of a file that reading was given up on, and that it was."""
    hint = "is it the right file, format and encoding?"
    return [
        *row_errors(error.first, name, error.unit),
        DataError(error.what, where=name, hint=hint),
    ]


def row_errors(rows: Iterable[Mapping[str, Any]], name: str, unit: str) -> list[FtError]:
    """An error for each malformed row of a file, whose places are lines or another unit."""
    before = f"{name}:" if unit == "line" else f"{name}: {unit} "
    return [DataError(row["reason"], where=f"{before}{row['line']}") for row in rows]


def refusals(files: Sequence[tuple[str, Entry]], config: DataConfig, owner: str) -> list[str]:
    """Refuse malformed rows where the user wants that, and set none aside.

    Raises:
        DataError: there are malformed rows, and they are refused.
    """
    found = [(name, entry) for name, entry in files if entry.bad]
    if found and config.on_bad_row == "refuse":
        raise_all(_refusals(found, owner))
    return []


def settle(
    entries: Sequence[tuple[str, Entry]], config: DataConfig, run: Run | None, owner: str
) -> list[str]:
    """Refuse malformed rows, or set them aside, as the user chose.

    Args:
        entries: the files by name, as they were read.
        config: says which.
        run: its folder takes ``bad_rows.jsonl``.
        owner: the plugin, for the names of settings.

    Returns:
        Notes.

    Raises:
        DataError: rows are malformed and not to be skipped, or too many are.
    """
    refusals(entries, config, owner)
    found = [(name, entry) for name, entry in entries if entry.bad]
    if not found:
        return []
    if run is None:
        errors = _refusals(found, owner)
        errors[-1].hint = "there is no run folder to set the rows aside in; mend them"
        raise_all(errors)
        return []
    raise_all([error for name, entry in found if (error := _too_many(name, entry))])
    # What training set aside stays there when other data is scored.
    name = FILE_NAME if run.wanted is None else f"bad_rows-{run.wanted}.jsonl"
    path = run.output / name
    # One run may read in several calls, such as those of several tasks: all go into one file.
    aside: list[tuple[str, str, Entry]] = getattr(run, "set_aside", [])
    aside += [(owner, name, entry) for name, entry in found]
    _write(path, aside)
    return [
        f"{name}: {entry.bad:,} malformed of {entry.bad + entry.rows:,} rows set aside in {path}"
        + (f"; {count:,} of them only lack a label" if (count := _unlabelled(entry)) else "")
        for name, entry in found
    ]


def _refusals(found: Sequence[tuple[str, Entry]], owner: str) -> list[FtError]:
    errors: list[FtError] = []
    total = sum(entry.bad for _, entry in found)
    for name, entry in found:
        # A file is read in more than one pass: what each finds is told in the order of the lines.
        rows = heapq.nsmallest(SHOWN - len(errors), entry.bad_rows(), key=itemgetter("line"))
        errors += row_errors(rows, name, entry.unit)
    hint = f"mend the rows, or set {owner}.on_bad_row = 'skip' to set them aside"
    if total > len(errors):
        errors.append(DataError(f"and {total - len(errors):,} more malformed rows", hint=hint))
    else:
        errors[-1].hint = hint
    return errors


def _too_many(name: str, entry: Entry) -> DataError | None:
    rows = entry.rows + entry.bad
    wrong = entry.bad - (_unlabelled(entry) if entry.rows else 0)
    if wrong <= max(ALWAYS, SHARE * rows):
        return None
    first = next(iter(entry.bad_rows()))
    return DataError(
        f"{wrong:,} of {rows:,} rows are malformed, more than the {SHARE:.0%} that may be "
        f"set aside; the first is {entry.unit} {first['line']}: it {first['reason']}",
        where=name,
        hint="is it the right file, format and encoding?",
    )


def _unlabelled(entry: Entry) -> int:
    return sum(row["reason"].startswith(UNLABELLED) for row in entry.bad_rows())


def _write(path: Path, found: Sequence[tuple[str, str, Entry]]) -> None:
    rows = (
        {"file": public(name), "plugin": owner, **row}
        for owner, name, entry in found
        for row in entry.bad_rows()
    )
    try:
        write_whole(path, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    except OSError as error:
        raise UserError(
            f"the rows set aside cannot be written: {error.strerror or error}", where=str(path)
        ) from error
