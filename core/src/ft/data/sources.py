"""What the settings ``train``, ``validation`` and ``test`` name: files, folders, hub data sets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ft.contract.errors import ConfigError, DataError, FtError
from ft.contract.messages import nearest
from ft.contract.schema import SPLITS
from ft.contract.settings import DataConfig
from ft.data.formats.hub import HUB, hub_splits, is_saved, read_arrow, saved_splits
from ft.data.formats.lines import text_suffix

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.contract.run import Run

Format = Literal["conll", "delimited", "json", "parquet", "hub", "brat", "spacy"]

TABLES: dict[str, Format] = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".arrow": "hub",
    ".spacy": "spacy",
}
_CONLL = tuple(
    f".{ending}"
    for ending in [
        "conll",
        "conllu",
        "conll2003",
        "txt",
        "tsv",
        "bio",
        "iob",
        "iob2",
        "bioes",
        "bilou",
        "bmes",
        "ner",
        "train",
        "dev",
        "valid",
        "test",
        "testa",
        "testb",
    ]
)
WORDS: dict[str, Format] = {**TABLES, **dict.fromkeys(_CONLL, "conll"), ".ann": "brat"}
_ARCHIVES = (".zst", ".zip", ".tar", ".tgz", ".7z", ".rar")
_SHEETS = (".xlsx", ".xls", ".ods")
_PICKLES = (".pkl", ".pickle", ".pt", ".npy", ".feather")

_WORDS_OF_SPLITS = {
    "train": "train",
    "training": "train",
    "dev": "validation",
    "devel": "validation",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "testa": "validation",
    "test": "test",
    "testing": "test",
    "testb": "test",
}
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Source:
    """One file, or one split of a hub data set.

    Attributes:
        name: what messages call it.
        format: how it is read.
        path: the file; ``None`` for the hub.
        data: the hub's split.
    """

    name: str
    format: Format
    path: Path | None = None
    data: Dataset | None = None


def find_sources(
    config: DataConfig,
    owner: str,
    formats: Mapping[str, Format],
    run: Run | None = None,
    *,
    faults: list[FtError],
    need_train: bool = True,
) -> dict[str, list[Source]]:
    """The sources of each split, in the order of the splits.

    Where ``train`` is a folder or a hub data set, it gives the splits that have no setting too.
    Where the run wants one split alone and that has a setting, nothing else is looked at.

    Args:
        config: the settings.
        owner: the plugin, for the names of settings.
        formats: format by ending.
        run: says which split it wants, if it is one alone.
        faults: takes what is wrong: a setting that names nothing that is there, a folder or hub
            data set without such a split, a file of an unknown format.
        need_train: whether ``train`` must be set.

    Raises:
        ConfigError: no data is set.
    """
    found: dict[str, list[Source]] = {}
    alone = run is not None and stands_alone(config, run)
    if alone:
        assert run is not None
        config = config.model_copy(update={split: None for split in SPLITS if split != run.wanted})
    elif need_train and config.train is None:
        faults.append(
            ConfigError("is not set", where=f"{owner}.train", hint="name the training data")
        )
    whole: dict[Any, dict[str, list[Source]]] = {}
    for split in SPLITS:
        given = getattr(config, split)
        if given is None:
            continue
        key = f"{owner}.{split}"
        try:
            if given not in whole:
                whole[given] = _look(given, key, formats)
            found[split] = _pick(whole[given], split, given, key)
        except FtError as error:
            faults.append(error)
    if config.train is not None:
        for name, sources in whole.get(config.train, {}).items():
            if name:
                found.setdefault(name, sources)
    if not found and not faults:
        raise ConfigError("no data is set", where=f"{owner}.train", hint="name the data's files")
    return {split: found[split] for split in SPLITS if split in found}


def stands_alone(config: DataConfig, run: Run) -> bool:
    """Whether the one split that the run wants has data of its own."""
    return run.wanted is not None and getattr(config, run.wanted) is not None


def file_source(path: str | Path, key: str, formats: Mapping[str, Format]) -> Source:
    """One file as a source."""
    found = _look(str(path), key, formats)
    if "" not in found:
        raise ConfigError(f"{path} is no file", where=key)
    return found[""][0]


def _look(
    given: str | tuple[str, ...], key: str, formats: Mapping[str, Format]
) -> dict[str, list[Source]]:
    """Sources by split; a single file, or several for one split, stand under ``""``."""
    if not isinstance(given, str):
        found = [_look(one, key, formats) for one in given]
        if not found or any("" not in one for one in found):
            raise ConfigError("a list for a split is of files", where=key)
        return {"": [source for one in found for source in one[""]]}
    if given.startswith(HUB):
        splits = hub_splits(given, key)
        return {
            split: [Source(f"{given}/{name}", "hub", data=data)]
            for split, (name, data) in splits.items()
        }
    path = Path(given).expanduser()
    try:
        if path.is_dir():
            return _folder(path, key, formats)
        if path.is_file():
            return {"": [_source(path, given, key, formats)]}
        there = path.exists()
        if not there and _GLOB.search(given) and (paths := sorted(glob(str(path), recursive=True))):  # noqa: PTH207
            return _look(tuple(paths), key, formats)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{given!r} cannot be read: {error}", where=key) from error
    what = "is neither a file nor a folder" if there else "does not exist"
    raise ConfigError(f"{given} {what}", where=key, hint=_near(path))


def _pick(found: dict[str, list[Source]], split: str, given: Any, key: str) -> list[Source]:
    if "" in found:
        return found[""]
    if split in found:
        return found[split]
    raise DataError(
        f"{given} has no {split} split, only {', '.join(found)}",
        where=key,
        hint="a file's name tells its split: train, dev, valid or test in it",
    )


def _source(path: Path, name: str, key: str, formats: Mapping[str, Format]) -> Source:
    found = _format(path, key, formats)
    if found == "hub":
        return Source(name, found, data=read_arrow(path, key))
    if found == "brat":
        path = path.with_suffix(".txt")  # in which lines are counted
        return Source(str(path), found, path)
    return Source(name, found, path)


def _format(path: Path, key: str, formats: Mapping[str, Format]) -> Format:
    suffix = text_suffix(path)
    beside = path.with_suffix(".ann")
    if suffix == ".txt" and ".ann" in formats and beside.is_file():
        return "brat"
    if suffix in formats:
        return formats[suffix]
    hint = f"known: {', '.join(formats)}"
    if suffix in _ARCHIVES or suffix in _SHEETS or suffix in _PICKLES:
        hint = "unpack it first" if suffix in _ARCHIVES else "save it as CSV, JSONL or Parquet"
        if suffix in _SHEETS:
            hint = "save the sheet as CSV"
        raise ConfigError(f"{path}: a {suffix} file cannot be read", where=key, hint=hint)
    if suffix in WORDS:
        hint = f"it is a file of words with tags or of spans, for a task such as ner; {hint}"
    what = f"the ending {suffix}" if suffix else "a name without an ending"
    raise ConfigError(f"{path}: {what} tells no format", where=key, hint=hint)


def _near(path: Path) -> str | None:
    """The name in the folder that was perhaps meant."""
    folder = path.parent
    try:
        if not folder.is_dir():
            return f"the folder {folder} does not exist either"
        names = [other.name for other in folder.iterdir()]
    except OSError:
        return None
    near = nearest(path.name, names)
    return f"did you mean {folder / near[0]}?" if near else None


def _folder(folder: Path, key: str, formats: Mapping[str, Format]) -> dict[str, list[Source]]:
    if is_saved(folder):
        return {
            split: [Source(f"{folder}/{name}" if name else str(folder), "hub", data=data)]
            for split, (name, data) in saved_splits(folder, key).items()
        }
    if ".ann" in formats and (documents := _brat(folder)):
        return documents
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        known = text_suffix(path) in formats
        if not known or path.name.startswith(".") or not path.is_file():
            continue
        splits = _splits_of(path.name)
        if len(splits) > 1:
            raise DataError(
                f"the name tells two splits: {' and '.join(sorted(splits))}", where=str(path)
            )
        for split in splits:
            found.setdefault(split, []).append(path)
    if not found:
        raise DataError(
            f"{folder} has no file for a split",
            where=key,
            hint=f"names must tell the split (train.csv, dev.csv); endings: {', '.join(formats)}",
        )
    for split, paths in found.items():
        if len(paths) > 1 and not all(_SHARD.search(path.stem) for path in paths):
            raise DataError(
                f"{folder} has several files for {split}: {', '.join(p.name for p in paths)}",
                where=key,
                hint="name the file itself, or several as a list or with *",
            )
    return {
        split: [_source(path, str(path), key, formats) for path in found[split]]
        for split in SPLITS
        if split in found
    }


def _brat(folder: Path) -> dict[str, list[Source]]:
    """The documents of a folder of BRAT, or of its folders that are named as splits."""
    found: dict[str, list[Source]] = {}
    for path in sorted(folder.rglob("*.ann")):
        inside = path.relative_to(folder).parts[0] if path.parent != folder else ""
        splits = _splits_of(inside) or {""}
        text = path.with_suffix(".txt")
        if text.is_file():
            found.setdefault(min(splits), []).append(Source(str(text), "brat", text))
    return {"": found[""]} if "" in found else found


def _splits_of(name: str) -> set[str]:
    """The splits that a file's name tells, by its words, else by what stands inside them."""
    words = re.split(r"[^a-z]+", name.lower())
    found = {_WORDS_OF_SPLITS[word] for word in words if word in _WORDS_OF_SPLITS}
    if found:
        return found
    return {
        _WORDS_OF_SPLITS[part]
        for part in ("train", "valid", "dev", "test")
        if any(part in word for word in words)
    }
