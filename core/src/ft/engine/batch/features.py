"""Features of a split: encoded once and memory-mapped, or anew whenever they are asked for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ft.contract.errors import PluginError, TrainingError
from ft.contract.files import PARTIAL, file_hash
from ft.contract.plugin import Plugin
from ft.contract.results import Features
from ft.contract.schema import EXAMPLE_ID, POOL, TaskData
from ft.data.rows.cache import cache_folder, prune
from ft.engine.batch.arrays import Parts, from_arrow, to_arrow
from ft.engine.batch.batches import Feature, is_ids
from ft.engine.processor import described
from ft.loading.files import source_files

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.engine.run import LiveRun

ENCODE_BATCH = 1000
ENCODE_IMAGES = 100
"""Examples that are encoded together: fewer images, whose pixels take a thousand times the room of a text."""
DRAWN = "encode drew from self.rng: a run that is resumed could not draw the same again"


def examples_at(data: Dataset, ids: Sequence[int], first: int = 0) -> dict[str, list[Any]]:
    """Raw examples as columns, with their ids, which count from ``first``."""
    columns = dict(data[[int(i) for i in ids]])
    columns[EXAMPLE_ID] = [first + int(i) for i in ids]
    return columns


def check_features(features: Mapping[str, list[Any]], examples: int, owner: str) -> list[int]:
    """The example that each feature belongs to, counted within the batch.

    Raises:
        PluginError: the columns do not fit together.
    """
    lengths = {name: len(column) for name, column in features.items()}
    if not lengths or len(set(lengths.values())) != 1:
        raise PluginError(
            f"encode returned columns of different lengths: {lengths}",
            who=owner,
            hint="return as many values in every column as there are features",
        )
    if "length" not in features and not any(is_ids(name) for name in features):
        raise PluginError(
            f"encode returned neither input_ids nor length (only {', '.join(lengths)})",
            who=owner,
            hint="give each feature a 'length', the tokens (or patches, or frames) that it costs",
        )
    count = next(iter(lengths.values()))
    if "row" in features:
        rows = [int(row) for row in features["row"]]
        if rows != sorted(rows) or set(rows) - set(range(examples)):
            raise PluginError(
                "encode returned a column 'row' that does not rise or points outside the batch",
                who=owner,
                hint="row says which example of the batch a feature belongs to, counted from 0",
            )
        return rows
    if count != examples:
        raise PluginError(
            f"encode returned {count} features for {examples} examples",
            who=owner,
            hint="return the column 'row' when an example may give several features or none",
        )
    return list(range(examples))


def encode(run: LiveRun, examples: Mapping[str, list[Any]], training: bool) -> list[list[Feature]]:
    """Encode raw examples through the chain of `encode`, grouped by example."""
    columns = run.hooks.call("encode", run, examples, training)
    return group(columns, len(examples[EXAMPLE_ID]), _owner(run))


def group(columns: Mapping[str, list[Any]], examples: int, owner: str) -> list[list[Feature]]:
    """Columns of features as lists of features, one list an example."""
    rows = check_features(columns, examples, owner)
    grouped: list[list[Feature]] = [[] for _ in range(examples)]
    for row, feature in zip(rows, _features(columns), strict=True):
        grouped[row].append(feature)
    return grouped


def _features(columns: Mapping[str, Sequence[Any]]) -> list[Feature]:
    """The rows of columns; a feature has no column where its value is ``None``."""
    names = list(columns)
    features: list[Feature] = [
        dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    if any(value is None for column in columns.values() for value in column):
        features = [
            {name: value for name, value in feature.items() if value is not None}
            for feature in features
        ]
    return features


def _owner(run: LiveRun) -> str:
    return run.hooks.who("encode")


def _positions(ids: Iterable[int], examples: int) -> list[int]:
    """Ids of training examples, as a plugin or the engine gives them.

    Raises:
        PluginError: they are no whole numbers, or of no example.
    """
    try:
        found = [index(i) for i in ids]
        wrong = next((f"{i}" for i in found if not 0 <= i < examples), None)
    except TypeError:
        found, wrong = [], repr(ids)
    if wrong is not None:
        raise PluginError(
            f"features.fetch was given {wrong}",
            hint=f"give a list of positions of training examples, from 0 to {examples - 1}",
        )
    return found


class FreshFeatures:
    """Features encoded whenever they are asked for, because a technique makes them vary."""

    def __init__(self, run: LiveRun, data: Dataset, first: int = 0) -> None:
        self._run = run
        self._data = data
        self._first = first

    def __len__(self) -> int:
        return len(self._data)

    def fetch(self, ids: Sequence[int]) -> list[list[Feature]]:
        """The features of each example, encoded now.

        Raises:
            TrainingError: a technique drew from its own generator, whose state a checkpoint keeps
                for another moment than that of the encoding.
        """
        ids = _positions(ids, len(self._data))
        before = self._generators()
        features = encode(self._run, examples_at(self._data, ids, self._first), True)
        now = self._generators()
        moved = [owner for owner, state in before.items() if now[owner] != state]
        if moved:
            raise TrainingError(
                DRAWN, who=f"plugin {moved[0]}", hint="use self.rng_at(run.epoch, example_id)"
            )
        return features

    def _generators(self) -> dict[str, Any]:
        return {one.owner: one.plugin.rng.bit_generator.state for one in self._run.hooks.kept}


class CachedFeatures:
    """Features encoded once into a memory-mapped Arrow file, whose name ends in its hash."""

    def __init__(
        self, run: LiveRun, split: str, data: Dataset, fingerprint: str, first: int = 0
    ) -> None:
        self._data = data
        self._first = first
        fingerprint = f"{fingerprint} from {first}" if first else fingerprint
        path = _cache_path(run, split, fingerprint)
        self._encoded = self._read(run, path) or self._encode(run, split, path)

    @staticmethod
    def _read(run: LiveRun, path: Path) -> Dataset | None:
        """What was encoded before, if it is to the last bit what was written."""
        from datasets import Dataset

        for file in sorted(path.parent.glob(f"{path.stem}-*.arrow")):
            try:
                if file.stem.rpartition("-")[2] == file_hash(file):
                    with suppress(OSError):  # a read-only cache serves as well
                        file.touch()  # for `prune`
                    return Dataset.from_file(str(file))
            except OSError:
                continue  # another process was quicker to remove it
            run.note(f"{file}: the encoded data is damaged; it is encoded anew")
            file.unlink(missing_ok=True)
        return None

    def _encode(self, run: LiveRun, split: str, path: Path) -> Dataset:
        import pyarrow as pa
        from datasets import Dataset

        partial = path.with_suffix(f".{os.getpid()}{PARTIAL}")
        owner = _owner(run)
        total = len(self._data)
        assert run.data is not None
        together = ENCODE_IMAGES if run.data.schema.images else ENCODE_BATCH
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            prune(path.parent)
            with Parts(partial) as parts:
                for begin in range(0, total, together):
                    ids = range(begin, min(begin + together, total))
                    examples = examples_at(self._data, ids, self._first)
                    columns = dict(run.hooks.call("encode", run, examples, True))
                    rows = check_features(columns, len(ids), owner)
                    columns["row"] = [begin + row for row in rows]
                    table = pa.table(to_arrow(columns, owner))
                    parts.write(table)
                    run.reporter.progress(f"encode {split}", ids.stop, total)
            path = path.with_stem(f"{path.stem}-{file_hash(partial)}")
            partial.replace(path)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise PluginError(
                f"encode returned columns that change their type: {error}",
                who=owner,
                hint="keep the same columns and types for every batch",
            ) from error
        except OSError as error:
            raise TrainingError(
                f"cannot write the encoded data: {error}",
                where=str(path),
                hint="free some space, or set FT_CACHE to another folder",
            ) from error
        finally:
            partial.unlink(missing_ok=True)
        return Dataset.from_file(str(path))

    @cached_property
    def _starts(self) -> np.ndarray:
        """For each example the position of its first feature; one more entry closes the last."""
        rows = self._encoded.data.column("row").to_numpy()
        return np.searchsorted(rows, np.arange(len(self._data) + 1))

    def __len__(self) -> int:
        return len(self._data)

    def fetch(self, ids: Sequence[int]) -> list[list[Feature]]:
        """The features of each example, read from the cache."""
        ids = _positions(ids, len(self))
        counts = [int(self._starts[i + 1] - self._starts[i]) for i in ids]
        wanted = [
            int(self._starts[i]) + k for i, n in zip(ids, counts, strict=True) for k in range(n)
        ]
        columns = from_arrow(self._encoded, wanted)
        columns.pop("row")
        flat = iter(_features(columns))
        return [[next(flat) for _ in range(n)] for n in counts]


def _cache_path(run: LiveRun, split: str, fingerprint: str) -> Path:
    """A name that changes with the data, the processor, the settings and the code that encodes."""
    provider, _ = run.hooks.parts("encode")
    assert run.data is not None
    key = {
        "data": fingerprint,
        "processor": described(run.processor),
        "max_length": run.max_length,
        "schema": run.data.schema.to_json(),
        "encoded by": [_described(run, provider.owner, provider.plugin)]
        + [_described(run, part.owner, part.plugin) for part in run.hooks.inside],
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
    return cache_folder("encoded") / f"{split}-{digest[:32]}.arrow"


def _described(run: LiveRun, owner: str, plugin: Plugin) -> dict[str, Any]:
    return {
        "provider": f"{type(plugin).__module__}.{type(plugin).__qualname__}",
        "owner": owner,
        "settings": plugin.config.model_dump(mode="json"),
        "code": _code(plugin),
        "own": _key_of(run, plugin),
    }


def _code(plugin: Plugin) -> dict[str, str]:
    """The hash of every file that a plugin's encoding comes from, so that an edit encodes anew."""
    module = type(plugin).__module__
    return _own_code() if module.partition(".")[0] == "ft" else _hashes(module)


@cache
def _own_code() -> dict[str, str]:
    """That of ft itself, which stays what this process has imported."""
    return _hashes("ft")


def _hashes(module: str) -> dict[str, str]:
    return {name: file_hash(path) for name, path in source_files(module).items()}


def _key_of(run: LiveRun, plugin: Plugin) -> Any:
    """What a plugin adds to the key itself.

    Raises:
        PluginError: it is no JSON value, or nothing.
    """
    key = plugin.cache_key(run)
    if key is None and type(plugin).cache_key is not Plugin.cache_key:
        raise PluginError(
            "cache_key returned nothing, and kept features would never be made anew",
            who=_owner(run),
            hint="return what the features depend on, such as the hash of a file",
        )
    try:
        json.dumps(key)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"cache_key returned what JSON cannot hold: {error}",
            who=_owner(run),
            hint="return numbers, texts, lists and dicts, such as the hash of a file",
        ) from error
    return key


class TrainingFeatures:
    """Features of the train split, and behind them those of a pool, made when one is asked for.

    Args:
        train: those of the train split.
        pool: makes those of the pool.
        pooled: examples of the pool.
    """

    def __init__(self, train: Features, pool: Callable[[], Features], pooled: int) -> None:
        self.train = train
        self._make = pool
        self.pooled = pooled

    @cached_property
    def _pool(self) -> Features:
        return self._make()

    def __len__(self) -> int:
        return len(self.train) + self.pooled

    def fetch(self, ids: Sequence[int]) -> list[list[Mapping[str, Any]]]:
        """The features of each example, those of the two splits encoded apart."""
        count = len(self.train)
        parts = (
            ([i for i in ids if i < count], self.train.fetch),
            ([i - count for i in ids if i >= count], lambda own: self._pool.fetch(own)),
        )
        own, pooled = (iter(fetch(some) if some else ()) for some, fetch in parts)
        return [next(own if i < count else pooled) for i in ids]


def training_features(
    run: LiveRun, data: TaskData, fingerprints: Mapping[str, str]
) -> TrainingFeatures:
    """Features of the train split and of a pool: cached unless a technique wraps `encode` or the
    provider varies.
    """
    provider, techniques = run.hooks.parts("encode")
    encoders = [provider.plugin, *(part.plugin for part in run.hooks.inside)]
    fresh = techniques or any(plugin.varies for plugin in encoders)

    def of(split: str, rows: Dataset, first: int = 0) -> Features:
        if fresh:
            return FreshFeatures(run, rows, first)
        return CachedFeatures(run, split, rows, fingerprints[split], first)

    train, pool = data.splits["train"], data.splits.get(POOL)
    # What encodes training examples may ask for any of their columns.
    for name in train.column_names if pool is not None else ():
        if name not in pool.column_names:
            pool = pool.add_column(name, [None] * len(pool))
    made = of("train", train)
    return TrainingFeatures(
        made, lambda: of(POOL, pool, len(train)), 0 if pool is None else len(pool)
    )
