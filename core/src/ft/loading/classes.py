"""From what a user or an entry point points to, to a plugin class and its name, or a clear refusal."""

from __future__ import annotations

import re
from types import ModuleType
from typing import NoReturn

from ft.contract.errors import PluginError
from ft.contract.messages import nearest
from ft.contract.plugin import Config, Plugin

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_RESERVED = ("run", "plugins")
_RENAME = "rename the file, or set the attribute `name` of the class"
_DERIVE = "point to a class that derives from ft.Plugin"


def attribute_of(module: ModuleType, path: str, who: str) -> object:
    """What a dotted name in a module stands for; the module itself for an empty one.

    Raises:
        PluginError: there is no such name.
    """
    value: object = module
    for part in path.split(".") if path else ():
        if not hasattr(value, part):
            classes = [
                name
                for name, one in vars(module).items()
                if isinstance(one, type) and issubclass(one, Plugin) and one is not Plugin
            ]
            near = nearest(path, classes) or classes[:1]
            raise PluginError(
                f"{getattr(module, '__file__', None) or module.__name__} has no '{path}'",
                who=who,
                hint=f"did you mean '{near[0]}'?" if near else _DERIVE,
            )
        value = getattr(value, part)
    return value


def plugin_class(target: object, place: str, who: str) -> type[Plugin]:
    """The target, if it is a plugin class with a proper ``Config``.

    Args:
        target: anything.
        place: where it was found.
        who: the plugin and its distribution.

    Raises:
        PluginError: it is something else.
    """
    if isinstance(target, Plugin):
        _refuse(f"{place} is an instance of {type(target).__name__}, not the class", who)
    if not isinstance(target, type):
        _refuse(f"{place} is a {type(target).__name__}, not a plugin class", who)
    if not issubclass(target, Plugin):
        _refuse(f"{place} does not derive from ft.Plugin", who)
    if target is Plugin:
        _refuse(f"{place} is ft.Plugin itself", who)
    settings: object = target.Config
    if not (isinstance(settings, type) and issubclass(settings, Config)):
        raise PluginError(
            f"the Config of {target.__name__} does not derive from ft.Config",
            who=who,
            hint="write `class Config(ft.Config):` inside the plugin's class",
        )
    return target


def _refuse(what: str, who: str) -> NoReturn:
    raise PluginError(what, who=who, hint=f"{_DERIVE}; ft makes one instance for each run")


def only_plugin(module: ModuleType, who: str) -> type[Plugin]:
    """The one plugin class that a module itself defines.

    Raises:
        PluginError: there is none, or there are several.
    """
    found = [
        one
        for one in dict.fromkeys(
            value for value in vars(module).values() if isinstance(value, type)
        )
        if issubclass(one, Plugin) and one.__module__ == module.__name__
    ]
    if not found:
        raise PluginError(
            f"{module.__file__} defines no plugin",
            who=who,
            hint="write a class that derives from ft.Plugin",
        )
    if len(found) > 1:
        names = ", ".join(one.__name__ for one in found)
        raise PluginError(
            f"{module.__file__} defines {len(found)} plugins: {names}",
            who=who,
            hint=f"say which one: FILE.py:{found[-1].__name__}",
        )
    return plugin_class(found[0], found[0].__name__, who)


def own_name(cls: type[Plugin], default: str, who: str) -> str:
    """The name of a plugin that no distribution names: its attribute ``name``, else a default.

    Raises:
        PluginError: it cannot be the name of a table in the configuration.
    """
    name = getattr(cls, "name", None)
    name = name if isinstance(name, str) else default
    check_name(name, who)
    return name


def check_name(name: str, who: str) -> None:
    """Refuse a name that cannot be a table of its own in the configuration.

    Raises:
        PluginError: it is taken, or has other characters than letters, digits, ``_`` and ``-``.
    """
    if name in _RESERVED:
        raise PluginError(
            f"a plugin cannot be called '{name}': every configuration has that",
            who=who,
            hint=_RENAME,
        )
    if not _NAME.fullmatch(name):
        raise PluginError(
            f"a plugin cannot be called '{name}': a name has letters, digits, _ and - only",
            who=who,
            hint=_RENAME,
        )
