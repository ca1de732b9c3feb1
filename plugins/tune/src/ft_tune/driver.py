"""From the settings of a search to its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.pruners import MedianPruner

from ft import table_text
from ft_tune import outcome, page
from ft_tune.folder import SearchFolder
from ft_tune.sampler import Sampler
from ft_tune.search import Search
from ft_tune.space import Dimension
from ft_tune.storage import open_study, storage_name
from ft_tune.work import Base


def drive(
    base: Base,
    dimensions: Sequence[Dimension],
    path: Path | None,
    storage: str | None,
    name: str | None,
    budget: int,
    prune: bool,
    say: Callable[[str], None],
) -> tuple[str, dict[str, Any]]:
    """Search, or go on with it, and write down what was found.

    Args:
        base: the settings that it starts from.
        dimensions: what is searched.
        path: the search's folder; ``None``: one whose name follows from what is searched.
        storage: where the study is kept; ``None``: in the folder.
        name: of the study; ``None``: the folder's.
        budget: trials of the study.
        prune: whether trials may be stopped early.
        say: tells the user something.

    Returns:
        The result for people, and as plain values.
    """
    about = {
        "settings": base.about(),
        "ranges": {one.key: one.to_json() for one in dimensions},
    }
    folder = SearchFolder(path or default_folder(base, about))
    name = name or folder.path.name
    folder.begin({**about, "storage": storage_name(storage), "study": name}, base.text)
    first = {one.key: one.given for one in dimensions if one.contains(one.given)}
    odd = [one.key for one in dimensions if one.key not in first]
    if odd:
        say(f"note: the first trial has the settings as given, but for {', '.join(odd)}\n")
    sampler = Sampler(first, base.resolved.run.seed)
    study = open_study(folder, storage, name, sampler, MedianPruner(), about)
    search = Search(study, folder, base.kept(folder.base), dimensions, budget, prune, say)

    def keep() -> outcome.Outcome:
        found = outcome.outcome(study)
        with folder.locked("result", wait=True):
            outcome.write(found, folder, name, search.base)
        return found

    search.run(keep)
    found = keep()
    with folder.locked("result", wait=True):
        page.write(found, folder, name)
    tables = list(outcome.tables(found)) if found.best else []
    said = [*outcome.words(found, folder), f"every trial is in {folder.page}"]
    parts = [*map(table_text, tables), "\n".join(said)]
    return "\n\n".join(parts), outcome.as_json(found, folder, name)


def default_folder(base: Base, about: Mapping[str, Any]) -> Path:
    """``runs/tune-<plugins>-<hash>``: the same for the same search."""
    names = "-".join(one.name for one in base.resolved.plugins)
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:8]
    return Path("runs") / f"tune-{names}-{digest}"
