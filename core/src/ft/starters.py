"""What a starter package offers: a model and data that a run falls back on.

A distribution offers starters as entry points in the group ``ft.starters``. Each is a function
without arguments: ``model`` returns the folder of a pre-trained encoder, and one named after a task
plugin returns that plugin's settings.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from ft.data.sources import stands_alone
from ft.errors import ConfigError, FtError, PluginError

if TYPE_CHECKING:
    from ft.engine.run import Run
    from ft.settings import DataConfig

    C = TypeVar("C", bound=DataConfig)

GROUP = "ft.starters"


def starter(name: str) -> Any | None:
    """What the installed starter ``name`` returns; ``None`` if no distribution offers it.

    Found from metadata: only the distribution that offers it is imported.

    Raises:
        ft.PluginError: two distributions offer it, or its function cannot be loaded or fails.
        ft.FtError: what the function itself raises of ft's errors.
    """
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        return None
    if len(found) > 1:
        owners = " and ".join(sorted(_owner(point) for point in found))
        raise PluginError(
            f"the starter {name!r} is offered by two distributions: {owners}",
            hint="pip uninstall all but one of them",
        )
    point = found[0]
    try:
        return point.load()()
    except FtError:
        raise
    except Exception as error:
        raise PluginError(
            f"the starter {name!r} failed: {type(error).__name__}: {error}", who=_owner(point)
        ) from error


def data_or_starter(config: C, run: Run, owner: str) -> C:
    """The settings of a task, with the starter's data where the user named no training data.

    Raises:
        ft.ConfigError: no training data is named and no starter offers any for this task.
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
    run.note(f"no {owner}.train given: using the starter's data, {settings['train']}")
    return config.model_copy(update=settings)


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
