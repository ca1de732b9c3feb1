"""The run's settings trained again without a part of the data at a time, to look at that part."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ft
from ft import FILE, LINE, DataConfig, UserError, WordsConfig
from ft_curate.opened import Opened


def crossed(
    run: Opened, folds: int, seed: int, say: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[str], list[np.ndarray]]:
    """The training examples, their places, and what models say of them that have not seen them.

    Repeats of a text stay in one fold.

    Raises:
        UserError: the training data is not there any more as it was, or is too small.
    """
    from ft_curate.texts import key

    data = run.training()
    if data is None:
        raise UserError(
            f"{run.notes[-1]}, so that nothing can be trained on it",
            where="--folds",
            hint="put the files back where they were, and run in the folder in which `ft run` ran",
        )
    train = data.splits["train"]
    if not 2 <= folds <= len(train):
        raise UserError(f"{folds} folds of {len(train):,} examples", where="--folds")
    rows = [dict(row) for row in train]
    keys = [key(run.text(row)) for row in rows]
    order = np.random.default_rng(seed).permutation(len(set(keys)))
    fold_of = {one: int(order[k]) % folds for k, one in enumerate(sorted(set(keys)))}
    fold = np.array([fold_of[one] for one in keys])
    columns = [name for name in train.column_names if name not in (LINE, FILE)]
    shares: list[np.ndarray] = [np.zeros(0)] * len(rows)
    for k in range(folds):
        inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        say(f"fold {k + 1} of {folds}: training on {len(inside):,} examples")
        with tempfile.TemporaryDirectory(prefix="ft-suspect-") as folder:
            part = _trained(run, train.select(inside).select_columns(columns), data, Path(folder))
            if part.labels != run.labels:
                raise UserError(
                    f"without fold {k + 1} a label is missing from the training data",
                    where="--folds",
                    hint="take more folds, or leave out labels that have one example alone",
                )
            for i, share in zip(
                outside.tolist(), part.probabilities([rows[i] for i in outside]), strict=True
            ):
                shares[i] = share
    return rows, [data.place("train", i) for i in range(len(rows))], shares


def _trained(run: Opened, train: Any, data: ft.TaskData, folder: Path) -> Opened:
    """The run's settings trained on some of its examples; validation chooses the epoch as before."""
    file = run.folder / "config.toml"
    settings = tomllib.loads(file.read_text(encoding="utf-8"))
    plugins = settings.pop("plugins")
    own = settings.pop("run", {}) | {"lint": "off", "report": False, "advice": False}
    validation = data.splits["validation"]
    columns = [name for name in validation.column_names if name not in (LINE, FILE)]
    task = next(name for name, table in settings.items() if "train" in table)
    # The examples come as the task has read them: how the files were read does not hold for them.
    read = {*WordsConfig.model_fields, *DataConfig.model_fields} - {"split_words"}
    settings[task] = {
        **{name: value for name, value in settings[task].items() if name not in read},
        "train": train,
        "validation": validation.select_columns(columns),
    }
    result = ft.run(plugins, output=folder / "run", **own, **settings)
    return Opened(result.output, ft.load(result.output), run.kind)
