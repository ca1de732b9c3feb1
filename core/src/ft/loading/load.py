"""Loading of the plugins that the user names.

Only what is named is imported, so a plugin that is merely installed never runs.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from ft.contract.errors import FtError, PluginError, raise_all
from ft.contract.messages import did_you_mean, nearest
from ft.contract.plugin import Config, Plugin
from ft.loading.files import import_file, search_also, source_files
from ft.loading.installed import Installed, installed, require_this_ft

FLAG = "--plugins"

MANY = 20
"""So many errors are told; a list that is no list of plugins has one for each of its names."""

FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^:/\\]*))?", re.DOTALL)
"""A plugin that is named by its file."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_RESERVED = ("run", "plugins")

_RENAME = "rename the file, or set the attribute `name` of the class"

_DERIVE = "point to a class that derives from ft.Plugin"


@dataclass(frozen=True)
class Loaded:
    """A plugin that the user named, imported.

    Attributes:
        name: what the run calls it; its table in the configuration.
        cls: the class; one instance is made for each run.
        distribution: the distribution that it comes from, ``None`` for a plugin of one's own.
        version: of the distribution.
        source: where the class is: ``package.module:Class`` or ``/folder/file.py:Class``.
        spec: what names it again in ``--plugins``, whatever the current folder.
    """

    name: str
    cls: type[Plugin]
    distribution: str | None
    version: str | None
    source: str
    spec: str

    @property
    def owner(self) -> str:
        """How to name it to people, e.g. ``'ner' (ft-ner 0.1.0)``."""
        origin = " ".join(part for part in (self.distribution, self.version) if part)
        return f"'{self.name}' ({origin or self.source})"

    def file_hashes(self) -> dict[str, str]:
        """SHA-256 of every ``.py`` file of the plugin's outermost package, by its path there.

        A plugin outside any package gives its own file alone.
        """
        return dict(self._hashes)

    @cached_property
    def _hashes(self) -> dict[str, str]:
        """Read when a run begins: a file that is edited meanwhile is not the one that runs."""
        files = source_files(self.cls.__module__)
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def load_all(specs: Sequence[str]) -> list[Loaded]:
    """Load the named plugins, in order.

    Raises:
        PluginError: one cannot be loaded, or two have the same name.
        Problems: several errors, reported together.
    """
    loaded, errors = try_load_all(specs)
    raise_all(errors)
    return loaded


def try_load_all(specs: Sequence[str]) -> tuple[list[Loaded], list[FtError]]:
    """Load what can be loaded of the named plugins; the errors of the others.

    After `MANY` errors the rest is not looked at, and that is said.
    """
    loaded: dict[str, Loaded] = {}
    errors: list[FtError] = []
    everything = installed() if specs else []
    for i, spec in enumerate(specs):
        if len(errors) == MANY:
            what = f"{len(specs) - i:,} more of {len(specs):,} names were not looked at"
            errors.append(PluginError(what, where=FLAG, hint="mend the others first"))
            break
        try:
            one = load(spec, everything)
        except FtError as error:
            errors.append(error)
            continue
        other = loaded.setdefault(one.name, one)
        if other is not one and other.source == one.source:
            what, hint = f"the plugin {one.owner} is named twice", "name it once"
            errors.append(PluginError(what, where=FLAG, hint=hint))
        elif other is not one:
            what = f"two plugins are called '{one.name}': {other.owner} and {one.owner}"
            hint = "keep one, or rename a file of yours or set the attribute `name` of its class"
            errors.append(PluginError(what, where=FLAG, hint=hint))
    return list(loaded.values()), errors


def load(spec: str, everything: Sequence[Installed] | None = None) -> Loaded:
    """Load one plugin.

    Args:
        spec: the name of an installed plugin (``ner``), a file (``./fraud.py``, or
            ``./fraud.py:Class`` where it defines several) or ``package.module:Class``.
        everything: what is installed, for a caller that loads several; reading it takes milliseconds.

    Raises:
        PluginError: there is none, there are two, it cannot be imported, or it is no plugin.
    """
    spec = spec.strip()
    if not spec:
        raise PluginError("the name of a plugin is empty", where=FLAG, hint="e.g. --plugins ner")
    file = FILE.fullmatch(spec)
    if file:
        return _from_file(spec, Path(file["path"]).expanduser(), file["name"])
    if "/" in spec or "\\" in spec or spec.startswith("."):
        raise PluginError(
            f"'{spec}' is not a Python file",
            where=FLAG,
            hint="name a file that ends in .py, or package.module:Class",
        )
    everything = installed() if everything is None else everything
    return (_from_module if ":" in spec else _from_entry_point)(spec, everything)


def _from_entry_point(name: str, everything: Sequence[Installed]) -> Loaded:
    offers = [one for one in everything if one.name == name]
    if not offers:
        raise _unknown(name, everything)
    if len(offers) > 1:
        both = " and ".join(one.owner for one in offers)
        raise PluginError(
            f"'{name}' is offered by {len(offers)} installed distributions: {both}",
            where=FLAG,
            hint=f"uninstall one of them, or name the class that you mean: {offers[0].target}",
        )
    offer = offers[0]
    who = f"plugin '{name}' ({offer.owner})"
    check_name(name, who)
    require_this_ft(offer.distribution, who)
    module, _, attribute = offer.target.partition(":")
    cls = plugin_class(_import(module.strip(), attribute.strip(), who), offer.target, who)
    return Loaded(name, cls, offer.distribution, offer.version, offer.target, name)


def _from_module(spec: str, everything: Sequence[Installed]) -> Loaded:
    module, _, attribute = spec.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise PluginError(
            f"'{spec}' is not package.module:Class", where=FLAG, hint="e.g. acme.nlp:Tickets"
        )
    who = f"plugin '{spec}'"
    # Of a distribution's plugin, named by its class, the version is known too.
    offers = [one for one in everything if one.target == spec]
    for offer in offers:
        require_this_ft(offer.distribution, f"{who} ({offer.owner})")
    search_also(Path.cwd())
    cls = plugin_class(_import(module, attribute, who), spec, who)
    name = own_name(cls, cls.__name__.lower(), who)
    distribution, version = (
        (offers[0].distribution, offers[0].version) if len(offers) == 1 else (None, None)
    )
    return Loaded(name, cls, distribution, version, spec, spec)


def _from_file(spec: str, path: Path, attribute: str | None) -> Loaded:
    if not path.is_file():
        raise PluginError(
            f"there is no file '{path}'", where=FLAG, hint=f"paths are looked up from {Path.cwd()}"
        )
    who = f"plugin '{spec}'"
    path = path.resolve()
    search_also(path.parent)
    try:
        module = import_file(path)
    except (Exception, SystemExit) as error:
        raise _broken(error, who) from error
    if attribute:
        cls = plugin_class(attribute_of(module, attribute, who), attribute, who)
    else:
        cls = only_plugin(module, who)
    place = f"{path}:{cls.__qualname__}"
    return Loaded(own_name(cls, path.stem, who), cls, None, None, place, place)


def _import(module: str, attribute: str, who: str) -> object:
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise PluginError(
                f"there is no module '{error.name}'",
                who=who,
                hint="the installed packages and the current folder are searched; check the name",
            ) from error
        raise _broken(error, who) from error
    except (Exception, SystemExit) as error:
        raise _broken(error, who) from error
    return attribute_of(imported, attribute, who)


def _unknown(name: str, offered: Sequence[Installed]) -> PluginError:
    names = sorted({one.name for one in offered})
    said = set(re.split(r"[-_ ]", name.lower()))
    fit = sorted(
        {one.name for one in offered for use in one.uses if said <= {*use.lower().split()}}
    )
    near = did_you_mean(name.removeprefix("ft-").removeprefix("ft_"), names, 3)
    if Path(f"{name}.py").is_file():
        hint = f"for the file here write ./{name}.py"
    elif fit:
        hint = f"for that there is {' or '.join(fit)}"
    elif near:
        hint = near
    elif "." in name:
        hint = "a class in a module is named package.module:Class"
    else:
        hint = "install the distribution that offers it; `ft plugins` lists what is installed"
    listing = f"installed: {', '.join(names)}" if names else "no plugin is installed"
    return PluginError(f"there is no plugin '{name}' ({listing})", where=FLAG, hint=hint)


def _broken(error: BaseException, who: str) -> PluginError:
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None
    if isinstance(error, SyntaxError) and error.filename:
        reason, place = f"{type(error).__name__}: {error.msg}", f"{error.filename}:{error.lineno}"
    return PluginError(
        f"the plugin cannot be imported: {reason}",
        where=place,
        who=who,
        hint="run with --debug for the traceback",
    )


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
    try:
        inspect.signature(target).bind(None)
    except TypeError as error:
        own = ", ".join(inspect.signature(target).parameters)
        raise PluginError(
            f"the __init__ of {target.__name__} takes (self{own and ', '}{own}), and is called with "
            "(self, config)",
            who=who,
            hint="write def __init__(self, config=None) and call super().__init__(config) in it",
        ) from error
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
