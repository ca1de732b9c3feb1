"""The splits as pairs of a source and a target, whatever form their files have."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets import Dataset, DatasetDict

import ft
from ft import ConfigError, DataError, FtError, Run, TaskData
from ft_seq2seq.settings import Seq2SeqConfig
from ft_seq2seq.turns import TURNS, joined, replies, text_of, turns_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE, TARGET = "source", "target"

REFERENCES = "references"
"""Column with all references of a target, where there are several."""

SPLITS = ("train", "validation", "test")


def read_pairs(config: Seq2SeqConfig, owner: str, run: Run) -> tuple[TaskData, bool]:
    """Every split with a text as its source and one as its target.

    Returns:
        The data, and whether its sources are turns with the separator between.

    Raises:
        ConfigError: a setting names nothing that is there.
        DataError: a file, column or row does not fit.
    """
    with _read_files(config, owner, run) as (settings, files), _by_their_names(files):
        data = ft.read_split_tables(
            settings,
            owner=owner,
            run=run,
            columns=(TURNS,) if config.dialogue else (SOURCE, TARGET),
            content=(TURNS,) if config.dialogue else (SOURCE,),
            check=_dialogue_fault if config.dialogue else _pair_fault,
        )
    _name_bad_rows(run, files)
    for split, paths in data.files.items():
        data.files[split] = [files[path][0] if path in files else path for path in paths]
    data.notes = [_named(note, files, 0) for note in data.notes]
    for one in data.read:
        one["file"] = _named(one["file"], files, 0)
    make = _from_dialogues if config.dialogue else _from_pairs
    turns = config.dialogue or any(not _texts(rows, SOURCE) for rows in data.splits.values())
    made = {split: make(split, rows, config, data) for split, rows in data.splits.items()}
    whole = TaskData(DatasetDict(made), data.schema, data.files, data.notes, data.read)
    return whole, turns


def usual_target(train: Dataset) -> str:
    """The most frequent target of train, of equals the first."""
    return str(Counter(train[TARGET]).most_common(1)[0][0])


def _texts(rows: Dataset, name: str) -> bool:
    return getattr(rows.features[name], "dtype", None) in ("string", "large_string")


def _from_pairs(split: str, rows: Dataset, config: Seq2SeqConfig, data: TaskData) -> Dataset:
    if all(_texts(rows, name) for name in (SOURCE, TARGET)):
        return rows
    columns: dict[str, list[Any]] = {name: list(rows[name]) for name in rows.column_names}
    columns[SOURCE] = [joined(source, config) for source in columns[SOURCE]]
    golds = [[one] if isinstance(one, str) else list(one) for one in columns[TARGET]]
    columns[TARGET] = [several[0] for several in golds]
    most = max(map(len, golds), default=1)
    if most > 1:
        columns[REFERENCES] = golds
        several = sum(len(one) > 1 for one in golds)
        told = "the first is learnt" if split == "train" else "all are scored against"
        data.notes.append(f"{several:,} examples of {split} have several references: {told}")
    return Dataset.from_dict(columns)


def _from_dialogues(split: str, rows: Dataset, config: Seq2SeqConfig, data: TaskData) -> Dataset:
    columns: dict[str, list[Any]] = {SOURCE: [], TARGET: []}
    kept = [name for name in (ft.LINE, ft.FILE) if name in rows.column_names]
    columns |= {name: [] for name in kept}
    for row in rows:
        for source, target in replies(ft.spelled(row[TURNS]), config):
            columns[SOURCE].append(source)
            columns[TARGET].append(target)
            for name in kept:
                columns[name].append(row[name])
    count = len(columns[SOURCE])
    data.notes.append(f"{len(rows):,} dialogues of {split} hold {count:,} replies")
    if not count:
        who = f" by {config.reply_by!r}" if config.reply_by else ""
        raise DataError(
            f"no dialogue of {split} has a reply{who}: a turn after the first",
            where=split,
            hint="seq2seq.reply_by names the role whose turns are learnt",
        )
    return Dataset.from_dict(columns)


def _pair_fault(row: Mapping[str, Any]) -> str | None:
    source, target = row[SOURCE], row[TARGET]
    if isinstance(source, Sequence) and not isinstance(source, str):
        if fault := turns_fault(source):
            return fault
        source = " ".join(text_of(turn) or "" for turn in source)
    if not isinstance(source, str):
        return _no_text(source, "source")
    if ft.is_blank(source):
        return "has an empty source"
    golds = [target] if isinstance(target, str) else target
    if not isinstance(golds, Sequence) or not all(isinstance(one, str) for one in golds):
        return _no_text(target, "target")
    if not golds or any(map(ft.is_blank, golds)):
        return "has an empty target"
    return None


def _no_text(value: Any, name: str) -> str:
    return f"has no {name}" if value is None else f"has {value!r} as its {name}, which is no text"


def _dialogue_fault(row: Mapping[str, Any]) -> str | None:
    return turns_fault(ft.spelled(row[TURNS]))


def _named(text: str, files: Mapping[Path, Sequence[Path]], side: int) -> str:
    """A message with the user's file, of sources (0) or targets (1), for the one made of both."""
    for joint, pair in files.items():
        text = text.replace(str(joint), str(pair[side]))
    return text


def _name_bad_rows(run: Run, files: Mapping[Path, Sequence[Path]]) -> None:
    """Let the rows that were set aside be those of the user's files, as errors are."""
    path = run.output / ("bad_rows.jsonl" if run.wanted is None else f"bad_rows-{run.wanted}.jsonl")
    if not files or not path.is_file():
        return
    pairs = {joint.name: pair for joint, pair in files.items()}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        if pair := pairs.get(Path(row["file"]).name):
            row["file"] = _public(pair[_side(row["reason"])])
    ft.write_whole(path, (ft.to_json(row) + "\n" for row in rows))


def _public(path: Path) -> str:
    """The name of a file as the rows that are set aside have it, without folders of the machine."""
    full = path.absolute()
    return full.relative_to(Path.cwd()).as_posix() if full.is_relative_to(Path.cwd()) else path.name


def _side(reason: str) -> int:
    """Whether a row's source (0) or its target (1) is malformed."""
    return int(TARGET in reason)


@contextmanager
def _by_their_names(files: Mapping[Path, Sequence[Path]]) -> Iterator[None]:
    """Errors speak of the user's files."""
    try:
        yield
    except FtError as error:
        for one in getattr(error, "errors", [error]):
            if one.where is not None:
                one.where = _named(one.where, files, _side(one.what))
        raise


@contextmanager
def _read_files(
    config: Seq2SeqConfig, owner: str, run: Run
) -> Iterator[tuple[Seq2SeqConfig, dict[Path, tuple[Path, Path]]]]:
    """The settings with parallel text files as one JSONL file each, line by line the same numbers;
    and the two files of each. Without such files, the settings as they are.
    """
    if config.parallel is None:
        yield config, {}
        return
    ending, other = (f".{one.removeprefix('.')}" for one in config.parallel)
    with tempfile.TemporaryDirectory(prefix="ft-parallel-") as folder:
        changed: dict[str, Any] = {}
        files: dict[Path, tuple[Path, Path]] = {}
        for split in SPLITS:
            given = getattr(config, split)
            if given is None or (run.wanted not in (None, split) and getattr(config, run.wanted)):
                continue
            made = []
            for name in [given] if isinstance(given, str) else given:
                path = Path(name).expanduser()
                if not name.endswith(ending):
                    raise ConfigError(
                        f"{name} does not end in {ending}, as {owner}.parallel says",
                        where=f"{owner}.{split}",
                        hint=f"name the source's file, such as corpus{ending}",
                    )
                target = path.with_name(path.name.removesuffix(ending) + other)
                joint = Path(folder) / f"{len(files)}-{path.name}{other}.jsonl"
                _join(path, target, joint, config.encoding, owner, f"{owner}.{split}")
                for one in (path, target):
                    run.uses(one)
                files[joint] = path, target
                made.append(str(joint))
            changed[split] = made[0] if isinstance(given, str) else tuple(made)
        yield config.model_copy(update={**changed, "columns": {}, "encoding": "utf-8"}), files


def _join(source: Path, target: Path, joint: Path, encoding: str, owner: str, key: str) -> None:
    """Write two files of lines as one of rows."""
    for path in (source, target):
        if not path.is_file():
            raise ConfigError(
                f"{path} does not exist", where=key, hint=f"see {owner}.parallel for its name"
            )
    one, two = (ft.read_lines(path, encoding=encoding, owner=owner) for path in (source, target))
    counts = [0, 0]
    with joint.open("w", encoding="utf-8") as file:
        for pair in zip_longest(one, two):
            for side, line in enumerate(pair):
                counts[side] += line is not None
            file.write(json.dumps(dict(zip((SOURCE, TARGET), pair, strict=True))) + "\n")
    if counts[0] != counts[1]:
        raise DataError(
            f"{source} has {counts[0]:,} lines and {target} has {counts[1]:,}: line by line they "
            "must be translations",
            where=key,
        )
