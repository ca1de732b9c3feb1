"""A configuration as TOML that `resolve` reads back, and its JSON schema for editors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tomli_w
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ft.config.merge import NONE
from ft.contract.errors import ConfigError
from ft.contract.secrets import without_secrets
from ft.contract.settings import RunConfig

if TYPE_CHECKING:
    from ft.config.resolve import Resolved
    from ft.loading.load import Loaded


def to_toml(resolved: Resolved) -> str:
    """Every setting, defaults included, as TOML that `resolve` reads back to the same values.

    A setting that is ``None`` by default is left out; one that was set to ``None`` against its
    default is written as ``"none"``. Plugins of one file are written with their full path. A password
    or a token in an address is left out.

    Raises:
        ConfigError: a plugin's setting holds a value that TOML cannot.
    """
    tables = {"run": resolved.run, **resolved.configs}
    document: dict[str, Any] = {"plugins": [one.spec for one in resolved.plugins]}
    document |= {name: _table(config, name) for name, config in tables.items()}
    return tomli_w.dumps(document)


def _table(config: BaseModel, key: str) -> dict[str, Any]:
    plain = config.model_dump(mode="json", by_alias=True)
    table: dict[str, Any] = {}
    for name, field in type(config).model_fields.items():
        written = field.serialization_alias or field.alias or name
        if written not in plain or name in getattr(config, "unused_settings", ()):
            continue
        value, inner = getattr(config, name), f"{key}.{written}"
        if value is None:
            if _needs_none(field):
                table[written] = NONE
        elif isinstance(value, BaseModel):
            table[written] = _table(value, inner)
        else:
            _refuse_none(plain[written], inner)
            table[written] = without_secrets(plain[written])
    return table


def _needs_none(field: FieldInfo) -> bool:
    """Whether leaving a ``None`` out would bring back something else."""
    return field.is_required() or field.default is not None or field.default_factory is not None


def _refuse_none(value: Any, key: str) -> None:
    if value is None:
        raise ConfigError(
            "a list or table with a missing value cannot be kept in the configuration",
            where=key,
            hint="let the plugin's Config take something else for it",
        )
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_none(inner, f"{key}.{name}")
    elif isinstance(value, list):
        for inner in value:
            _refuse_none(inner, key)


def json_schema(plugins: Sequence[Loaded]) -> dict[str, Any]:
    """The JSON schema of configuration files for these plugins, for editors.

    Args:
        plugins: as `ft.loading.load.load_all` gives them.
    """
    from pydantic.json_schema import models_json_schema

    models: dict[str, type[BaseModel]] = {
        "run": RunConfig,
        **{one.name: one.cls.Config for one in plugins},
    }
    references, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models.values())],
        ref_template="#/$defs/{model}",
    )
    for model in models.values():
        described = definitions["$defs"][references[model, "validation"]["$ref"].rpartition("/")[2]]
        for name in getattr(model, "unused_settings", ()):
            described["properties"].pop(name, None)
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of ft",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "plugins": {
                "type": "array",
                "items": {"type": "string"},
                "description": "the plugins in order: a task, then techniques",
            },
            **{name: references[model, "validation"] for name, model in models.items()},
        },
        "$defs": definitions.get("$defs", {}),
    }
    named: dict[str, Any] = _null_as_word(schema)
    return named


def _null_as_word(schema: Any) -> Any:
    """TOML has no null: where a schema admits it, the word ``none``."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "null":
            return {"const": NONE}
        return {
            key: _null_as_word(value)
            for key, value in schema.items()
            if not (key == "default" and value is None)
        }
    if isinstance(schema, list):
        return [_null_as_word(value) for value in schema]
    return schema
