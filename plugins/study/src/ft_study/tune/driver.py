"""From the settings of a search to its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from optuna.pruners import MedianPruner

import ft
from ft_study.folder import begin, default_folder
from ft_study.results import Results, write_whole
from ft_study.tune.folder import SearchFolder
from ft_study.tune.outcome import outcome, results
from ft_study.tune.sampler import Sampler
from ft_study.tune.search import Search
from ft_study.tune.space import Dimension
from ft_study.tune.storage import open_study, storage_name
from ft_study.tune.work import Base

NAME = "tune"


def drive(
    base: Base,
    dimensions: Sequence[Dimension],
    path: Path | None,
    storage: str | None,
    name: str | None,
    budget: int,
    prune: bool,
    say: Callable[[str], None],
) -> Results:
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
    """
    about = {
        "settings": base.about(),
        "ranges": {one.key: one.to_json() for one in dimensions},
    }
    path = (path or default_folder(NAME, base.resolved, about)).absolute()
    name = name or path.name
    mark = begin(path, {**about, "storage": storage_name(storage), "study": name})
    folder = SearchFolder(path, mark)
    if not folder.base.exists():
        write_whole(folder.base, base.text)
    first = {one.key: one.given for one in dimensions if one.contains(one.given)}
    odd = [one.key for one in dimensions if one.key not in first]
    if odd:
        say(f"note: the first trial has the settings as given, but for {', '.join(odd)}\n")
    sampler = Sampler(first, base.resolved.run.seed)
    study = open_study(folder, storage, name, sampler, MedianPruner(), about)
    kept = base.kept(folder.base)

    def keep() -> Results:
        found = outcome(study)
        told = results(found, folder, name)
        told.write(path, NAME)
        if found.best is not None:
            best = kept.with_values(found.best.values, {})
            write_whole(folder.best, ft.to_toml(best))
        return told

    Search(study, folder, kept, dimensions, budget, prune, say).run(keep)
    told = keep()
    say(f"\neverything is in {path}, the page in {path / NAME}.html")
    return told
