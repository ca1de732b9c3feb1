"""Settings from several sources in one tree, and the check of one table of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from ft.config.complaints import Scope, complaints
from ft.config.describe import admits_none, model_of
from ft.config.given import Setting
from ft.contract.errors import FtError, PluginError
from ft.contract.plugin import Config, fields_by_key

NONE = "none"
"""Stands for ``None`` wherever a setting may be none: TOML has no null."""


@dataclass
class Given:
    """The settings as given, the last source on top.

    Attributes:
        tree: the values by table and key.
        places: where each was given, by dotted key.
        texts: the values of overrides as typed, by dotted key.
    """

    tree: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Iterable[Setting]) -> Self:
        """Merge settings, the strongest last. A setting replaces what was there as a whole; one
        with a longer path replaces only what it leads to.
        """
        given = cls()
        for setting in settings:
            given._put(setting)
        return given

    def _put(self, setting: Setting) -> None:
        key = ".".join(setting.path)
        *above, last = setting.path
        node = self.tree
        for part in above:
            if not isinstance(node.get(part), dict):
                node[part] = {}
            node = node[part]
        if setting.is_table and isinstance(node.get(last), dict):
            self.places.setdefault(key, setting.place)
            return
        node[last] = setting.value
        for stale in [one for one in self.places if one == key or one.startswith(f"{key}.")]:
            self.places.pop(stale)
            self.texts.pop(stale, None)
        self.places[key] = setting.place
        if setting.text is not None:
            self.texts[key] = setting.text

    def suggest(self, table: str, values: Mapping[str, Any], place: str) -> None:
        """Give settings below all that are there: one that is there, or a part of it, stays."""
        node = self.tree.setdefault(table, {})
        for key, value in values.items() if isinstance(node, dict) else ():
            if key not in node:
                node[key] = value
                self.places[f"{table}.{key}"] = place

    def drop(self, table: str, key: str) -> None:
        """Take a setting out, wherever it was given."""
        node = self.tree.get(table)
        if isinstance(node, dict):
            node.pop(key, None)
        self.places.pop(f"{table}.{key}", None)
        self.texts.pop(f"{table}.{key}", None)

    def check(
        self, table: str, model: type[Config], owner: str, scope: Scope
    ) -> tuple[Config | None, list[FtError]]:
        """The checked settings of a table, or what is wrong with them.

        Args:
            table: its name.
            model: the type of its settings.
            owner: how to name the plugin that brings ``model``.
            scope: the whole configuration, for messages.
        """
        given = self.tree.get(table, {})
        if not isinstance(given, dict):
            return None, []
        values = _with_none(model, given)
        try:
            try:
                return model.model_validate(values), []
            except ValidationError as error:
                return self._as_typed(table, model, values, error), []
        except ValidationError as error:
            return None, complaints(table, values, error, scope)
        except Exception as error:
            fault = PluginError(
                f"the check of [{table}] failed: {type(error).__name__}: {error}",
                who=f"plugin {owner}",
                hint="run with --debug for the traceback",
            )
            fault.__cause__ = error
            return None, [fault]

    def _as_typed(
        self, table: str, model: type[Config], values: dict[str, Any], error: ValidationError
    ) -> Config:
        """The settings with the text of overrides where that fits and the value did not.

        ``-o ner.label=2024`` reads as a number, ``-o run.metric=nan`` too, but both are text.

        Raises:
            ValidationError: what does not fit either way; ``values`` are then as they were there.
        """
        kept: list[tuple[dict[str, Any], str, str, Any]] = []
        for node, key, dotted in self._overridden(table, values, error):
            kept.append((node, key, dotted, node[key]))
            node[key] = self.texts[dotted]
        if not kept:
            raise error
        try:
            return model.model_validate(values)
        except ValidationError as still:
            wrong = {dotted for _, _, dotted in self._overridden(table, values, still)}
        for node, key, dotted, value in kept:
            if dotted in wrong:
                node[key] = value
        return model.model_validate(values)

    def _overridden(
        self, table: str, values: dict[str, Any], error: ValidationError
    ) -> list[tuple[dict[str, Any], str, str]]:
        """The overrides that an error is about: the mapping and key they are at, and their place."""
        found: dict[str, tuple[dict[str, Any], str, str]] = {}
        for detail in error.errors(include_url=False):
            node: Any = values
            dotted = table
            for step in detail["loc"]:
                if not isinstance(node, dict) or step not in node:
                    break
                dotted = f"{dotted}.{step}"
                if dotted in self.texts:
                    found[dotted] = (node, str(step), dotted)
                    break
                node = node[step]
        return list(found.values())


def _with_none(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which the word ``none`` is ``None`` wherever the setting may be none."""
    fields = fields_by_key(model)
    copy: dict[str, Any] = {}
    for key, value in values.items():
        annotation = fields[key].annotation if key in fields else None
        inner = model_of(annotation)
        if key in fields and value == NONE and isinstance(value, str) and admits_none(annotation):
            copy[key] = None
        elif inner and isinstance(value, dict):
            copy[key] = _with_none(inner, value)
        else:
            copy[key] = dict(value) if isinstance(value, dict) else value
    return copy
