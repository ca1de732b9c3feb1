"""A run that was pushed to the hub, as a run folder of this machine."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ft.contract.errors import UserError
from ft.contract.files import whole
from ft.data.rows.cache import cache_folder

RUN = "ft"
"""The folder of a repository that holds the run's own files; the model's lie beside it."""

NAME = re.compile(r"(?P<name>[\w-]+(?:\.[\w-]+)*/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


def local_run(given: str | Path) -> Path:
    """The folder of a run that is named by its folder, or as ``owner/name`` or ``owner/name@revision``.

    What begins with a folder that is here is a folder's name.

    What is on the hub is downloaded into the hub's cache, or taken from there without a network, and
    put together in ft's cache from hard links to it (copies where the disk is another).

    Raises:
        UserError: there is no such repository, or no run in it.
    """
    named = NAME.fullmatch(str(given))
    # `runs/frist` beside other runs is a folder with a wrong name, which is nobody's to be told of.
    if not named or Path(given).exists() or Path(given).parent.exists():
        return Path(given)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        snapshot = Path(snapshot_download(named["name"], revision=named["revision"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            f"there is no such folder, and no such model on the hub: {str(error).partition(chr(10))[0]}",
            where=str(given),
            hint="give a run's folder, or the name of a run that `ft push` put there; for a private "
            "one, log in with `hf auth login`",
        ) from error
    if not (snapshot / RUN / "task.json").is_file():
        raise UserError(
            "this model on the hub is no run of ft",
            where=str(given),
            hint=f"to train it further, give `ft run --model {named['name']}`",
        )
    folder = cache_folder("hub") / named["name"].replace("/", "--") / snapshot.name
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        try:
            with whole(folder) as partial:
                _put_together(snapshot, partial)
        except OSError:
            if not folder.exists():  # another process may have been faster
                raise
    return folder


def _put_together(snapshot: Path, folder: Path) -> None:
    """The files of a repository where a run folder has them."""
    for path in sorted(one for one in snapshot.rglob("*") if one.is_file()):
        inside = path.relative_to(snapshot)
        own = inside.parts[0] == RUN
        copy = folder / (inside.relative_to(RUN) if own else Path("model") / inside)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path.resolve(), copy)
        except OSError:
            shutil.copyfile(path, copy)
