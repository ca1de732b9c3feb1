"""What a starter package offers: a model and data that a run falls back on.

A distribution offers starters as entry points in the group ``ft.starters``. Each is a function
without arguments: ``model`` returns the folder of a pre-trained encoder, and one named after a task
plugin returns that plugin's settings. Other checkpoints are entry points in the group ``ft.models``, each a
function without arguments that returns a folder; ``--model`` takes the name of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, TypeVar

from ft.contract.errors import ConfigError, FtError, PluginError
from ft.contract.schema import SPLITS
from ft.contract.settings import DataConfig
from ft.data.sources import stands_alone
from ft.loading.installed import installed

if TYPE_CHECKING:
    from ft.contract.run import Run

    C = TypeVar("C", bound=DataConfig)

GROUP = "ft.starters"

MODELS = "ft.models"

MODEL = "no --model given: using the starter model, all-MiniLM-L6-v2"


def offered_model(name: str) -> str:
    """The folder of a checkpoint that a distribution offers under a name, or else the name itself.

    Raises:
        ft.PluginError: as `starter`.
    """
    found = starter(name, MODELS)
    return name if found is None else str(found)


def starter(name: str, group: str = GROUP) -> Any | None:
    """What the installed starter ``name`` returns; ``None`` if no distribution offers it.

    Found from metadata: only the distribution that offers it is imported.

    Raises:
        ft.PluginError: two distributions offer it, or its function cannot be loaded or fails.
        ft.FtError: what the function itself raises of ft's errors.
    """
    found = [one for one in installed(group) if one.name == name]
    if not found:
        return None
    if len(found) > 1:
        owners = " and ".join(one.owner for one in found)
        raise PluginError(
            f"the starter {name!r} is offered by two distributions: {owners}",
            hint="pip uninstall all but one of them",
        )
    try:
        return EntryPoint(name, found[0].target, group).load()()
    except FtError:
        raise
    except Exception as error:
        raise PluginError(
            f"the starter {name!r} failed: {type(error).__name__}: {error}", who=found[0].owner
        ) from error


def data_or_starter(config: C, run: Run, owner: str) -> C:
    """The settings of a task, with the starter's data where the user named no training data.

    Raises:
        ft.ConfigError: no training data is named, and other data is or no starter offers any for
            this task.
    """
    if config.train is not None or stands_alone(config, run):
        return config
    settings = starter(owner)
    if settings is None:
        raise ConfigError(
            "no training data is named",
            where=f"{owner}.train",
            hint=f"give `-o {owner}.train=FILE`, or `pip install ft-starter` for data to try",
        )
    given = [split for split in SPLITS if getattr(config, split) is not None]
    if given:
        raise ConfigError(
            f"no training data is named, though {owner}.{given[0]} is",
            where=f"{owner}.train",
            hint=f"give `-o {owner}.train=FILE`; to score a trained model, `ft evaluate RUN --data FILE`",
        )
    run.note(data_note(owner, settings))
    return config.model_copy(update=settings)


def data_note(owner: str, settings: Mapping[str, str]) -> str:
    """What the user hears where the starter's data is taken."""
    key, path = next(iter(settings.items()))
    return f"no {owner}.{key} given: using the starter's data, {path}"
