"""A run on the hub: what is uploaded, what must not be, and the upload."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

import ft
from ft import FtError, UserError
from ft_export.hub.card import CARD, make_card, read_run
from ft_export.hub.texts import found_in, texts_of

RUN = "ft"
"""The folder of the repository that holds the run's own files, beside the model's."""

OWN = ("config.toml", "task.json", "plugins.json", "record.json")
SHOWN = 3
BLANK: Mapping[str, Any] = {"read": [], "findings": []}
"""What the record says of single examples; it is left out of what is uploaded."""


@dataclass(frozen=True)
class File:
    """A file that is uploaded.

    Attributes:
        path: here.
        name: in the repository.
    """

    path: Path
    name: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


def push(
    run_folder: str | Path,
    name: str,
    *,
    public: bool = False,
    licence: str | None = None,
    languages: Sequence[str] = (),
    allow_texts: bool = False,
    confirm: Callable[[str, Sequence[File]], bool] = lambda where, files: True,
) -> str | None:
    """Upload a run: its model in the root of a repository, what ft needs beside it under ``ft/``.

    Data, predictions, checkpoints, logs and the page stay here.

    Args:
        run_folder: the folder of a finished run.
        name: of the repository, ``owner/name``; it is made if it is not there.
        public: may be read by everybody.
        licence: see `make_card`; for a card that is not there yet.
        languages: likewise.
        allow_texts: upload also what holds texts of the data, or cannot be compared with them.
        confirm: is asked, with the address and the files, before anything is sent.

    Returns:
        The address of the commit; ``None`` where `confirm` said no.

    Raises:
        ft.UserError: there is no finished run, the hub refuses, or a file holds a text of the data.
    """
    source = Path(run_folder)
    read_run(source)
    with TemporaryDirectory(prefix="ft-push-") as place:
        folder = Path(place) / "run"

        def copy(model: Path) -> None:
            shutil.copytree(source / "model", model, dirs_exist_ok=True)
            if not (model / CARD).exists():
                card = make_card(source, name, licence=licence, languages=languages)
                (model / CARD).write_text(card, encoding="utf-8")

        # A run folder of its own, so that its record is sealed again without what is left out.
        ft.derive(source, folder, [], copy, lambda _: BLANK)
        files = [
            *(File(folder / one, f"{RUN}/{one}") for one in OWN),
            *(
                File(path, path.relative_to(folder / "model").as_posix())
                for path in sorted((folder / "model").rglob("*"))
                if path.is_file()
            ),
        ]
        if not allow_texts:
            _refuse_texts(source, files)
        return _upload(name, files, public=public, confirm=confirm)


def _refuse_texts(source: Path, files: Sequence[File]) -> None:
    """See that no file holds a text of the run's data.

    Raises:
        UserError: one does, or the data cannot be read any more.
    """
    way = "--allow-texts uploads it nevertheless"
    try:
        data = ft.load(source).data()
    except FtError as error:
        raise UserError(
            f"the run's data cannot be read, so nobody knows whether its texts are uploaded: {error}",
            hint=way,
        ) from error
    found = found_in([one.path for one in files], texts_of(data))
    if found:
        names = {one.path: one.name for one in files}
        path, text = next(iter(found.items()))
        raise UserError(
            f"{names[path]} holds a text of the run's data: {text!r}..."
            + (f" (and {len(found) - 1} more files do)" if len(found) > 1 else ""),
            hint=f"take it out (of model/README.md, of a plugin's state); {way}",
        )


def _upload(
    name: str,
    files: Sequence[File],
    *,
    public: bool,
    confirm: Callable[[str, Sequence[File]], bool],
) -> str | None:
    api = HfApi()
    try:
        try:
            private = api.model_info(name).private
        except RepositoryNotFoundError:
            private = None
        if private is False and not public:
            raise UserError(
                "this repository is there already, and public",
                where=name,
                hint="give --public, or another name",
            )
        kind = "public" if public and not private else "private"
        if not confirm(f"{api.endpoint}/{name} ({kind})", files):
            return None
        if private is None:
            api.create_repo(name, private=not public)
        done = api.create_commit(
            name,
            [CommitOperationAdd(one.name, one.path) for one in files],
            commit_message="Model, card and run of ft",
        )
    except HFValidationError as error:
        raise UserError(f"this is no name of a repository: {error}", where=name) from error
    except Exception as error:
        # What the client raises where the hub cannot be reached is of the library that it stands on.
        known = isinstance(error, (HfHubHTTPError, OSError))
        if not known and not type(error).__module__.startswith("httpx"):
            raise
        first = str(error).strip().partition("\n")[0]
        raise UserError(
            f"the hub refuses: {first}",
            where=f"{api.endpoint}/{name}",
            hint="log in with `hf auth login`, with a token that may write there",
        ) from error
    return str(done.commit_url)
