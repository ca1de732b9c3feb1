"""The study that the trials are kept in: an SQLite file, a journal, or a data base for many machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft import UserError
from ft_study.claims import claimed
from ft_study.folder import refuse_changed
from ft_study.tune.folder import SearchFolder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

JOURNAL = "journal:"
FLAG = "--storage"

LOCKED_SECONDS = 60
"""How long SQLite waits for another process to have written."""


def storage_name(storage: str | None) -> str:
    """How a storage is kept in the folder, without its password.

    Raises:
        UserError: it is no URL.
    """
    if storage is None:
        return "study.db"
    if storage.startswith(JOURNAL):
        return storage
    import sqlalchemy

    try:
        return sqlalchemy.make_url(storage).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError as error:
        raise UserError(
            "this is no storage",
            where=FLAG,
            hint="give the URL of a data base, such as postgresql://user:password@host/name, or "
            "journal:FILE",
        ) from error


def open_study(
    folder: SearchFolder,
    storage: str | None,
    name: str,
    sampler: BaseSampler,
    pruner: BasePruner,
    about: Mapping[str, Any],
) -> Study:
    """The study, made if it is not there.

    Args:
        folder: of the search.
        storage: where it is kept; ``None``: an SQLite file in the folder.
        name: of the study.
        sampler: draws the values.
        pruner: says which trials are not worth going on with.
        about: what all processes that share it must have alike.

    Raises:
        UserError: the storage cannot be opened, or the study is of another search.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        # Two processes that make the tables of a new data base at once would be in each other's way.
        with claimed(folder.claims, "storage", wait=True):
            study = optuna.create_study(
                storage=_opened(folder, storage),
                study_name=name,
                sampler=sampler,
                pruner=pruner,
                direction="maximize",
                load_if_exists=True,
            )
            kept = study.user_attrs.get("about")
            if kept is None:
                study.set_user_attr("about", dict(about))
    except Exception as error:
        raise _not_opened(error, storage_name(storage)) from error
    if kept is not None:
        refuse_changed(kept, about, f"study '{name}'", "choose another --study")
    return study


def _opened(folder: SearchFolder, storage: str | None) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if storage is not None and storage.startswith(JOURNAL):
        path = Path(storage.removeprefix(JOURNAL)).expanduser().absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path)))
    url = storage or f"sqlite:///{folder.database}"
    options = {"connect_args": {"timeout": LOCKED_SECONDS}} if url.startswith("sqlite") else {}
    return RDBStorage(url, engine_kwargs=options)


def _not_opened(error: Exception, name: str) -> UserError:
    cause = error
    while cause.__cause__ is not None and isinstance(cause.__cause__, ImportError):
        cause = cause.__cause__
    hint = "is the address right, and does the data base answer?"
    if isinstance(cause, ImportError):
        driver = cause.name or {"postgresql": "psycopg2-binary", "mysql": "pymysql"}.get(
            name.partition(":")[0], "the data base's driver"
        )
        packages = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
        hint = f"pip install {packages.get(driver, driver)}"
    first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    return UserError(f"the study cannot be opened: {first}", where=f"{FLAG} {name}", hint=hint)
