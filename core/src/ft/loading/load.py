"""Loading of the plugins that the user names.

Only what is named is imported, so a plugin that is merely installed never runs.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ft.contract.errors import FtError, PluginError, raise_all
from ft.contract.messages import did_you_mean
from ft.contract.plugin import Plugin
from ft.loading.classes import attribute_of, check_name, only_plugin, own_name, plugin_class
from ft.loading.compat import require_this_ft
from ft.loading.files import import_file, search_also, source_files
from ft.loading.installed import installed

FLAG = "--plugins"

FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^:/\\]*))?", re.DOTALL)
"""A plugin that is named by its file."""


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
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in source_files(self.cls.__module__).items()
        }


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
    """Load what can be loaded of the named plugins; the errors of the others."""
    loaded: dict[str, Loaded] = {}
    errors: list[FtError] = []
    for spec in specs:
        try:
            one = load(spec)
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


def load(spec: str) -> Loaded:
    """Load one plugin.

    Args:
        spec: the name of an installed plugin (``ner``), a file (``./fraud.py``, or
            ``./fraud.py:Class`` where it defines several) or ``package.module:Class``.

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
    if ":" in spec:
        return _from_module(spec)
    return _from_entry_point(spec)


def _from_entry_point(name: str) -> Loaded:
    everything = installed()
    offers = [one for one in everything if one.name == name]
    if not offers:
        raise _unknown(name, sorted({one.name for one in everything}))
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


def _from_module(spec: str) -> Loaded:
    module, _, attribute = spec.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise PluginError(
            f"'{spec}' is not package.module:Class", where=FLAG, hint="e.g. acme.nlp:Tickets"
        )
    who = f"plugin '{spec}'"
    # Of a distribution's plugin, named by its class, the version is known too.
    offers = [one for one in installed() if one.target == spec]
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


def _unknown(name: str, names: list[str]) -> PluginError:
    near = did_you_mean(name.removeprefix("ft-").removeprefix("ft_"), names, 3)
    if Path(f"{name}.py").is_file():
        hint = f"for the file here write ./{name}.py"
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
    return PluginError(
        f"the plugin cannot be imported: {reason}",
        who=who,
        hint="run with --debug for the traceback",
    )
