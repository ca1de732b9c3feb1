"""The server described for programs, from the tasks' own schemas of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ft
from ft_serve.corrections import MOST_ROWS
from ft_serve.models import Model
from ft_serve.settings import Settings

STATUSES = {
    "400": "the body is not JSON, or nested too deeply",
    "401": "the key is missing or wrong",
    "404": "there is no such model",
    "408": "the request came too slowly",
    "413": "the body, or an item, is too long",
    "415": "the body is of another type than JSON",
    "421": "the server is called by a name that it does not have",
    "422": "no item can be answered, or there are too many",
    "429": "too many items are waiting",
    "500": "the model fails",
    "503": "the models are still loading, or the server is about to end",
    "504": "it was not answered in time",
}


def described(models: Sequence[Model], settings: Settings) -> dict[str, Any]:
    """The OpenAPI document, version 3.1, of a server."""
    paths: dict[str, Any] = {
        "/health": {"get": _plain("Whether the process is alive.")},
        "/ready": {"get": _plain("Whether all models are loaded.", "503")},
        "/models": {
            "get": _guarded(_plain("The models, with the schemas of their items."), settings)
        },
        "/metrics": {
            "get": _guarded(_plain("Numbers for Prometheus.", kind="text/plain"), settings)
        },
        "/reload": {
            "post": _guarded(
                _posted("Load the models whose runs have changed.", {}, {}, "409"),
                settings,
            )
        },
    }
    for model in models:
        paths |= _paths(f"/models/{model.name}", model, settings)
    if models:
        paths |= _paths("", models[0], settings)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "ft serve", "version": ft.__version__},
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}},
    }
    if settings.api_key is not None:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return document


ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            "required": ["code", "message"],
        }
    },
    "required": ["error"],
}

ABOUT = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("name", "version", "hash")},
    "required": ["name", "version", "hash"],
}


def _paths(prefix: str, model: Model, settings: Settings) -> dict[str, Any]:
    item = {key: value for key, value in model.schema.items() if key != "examples"}
    examples = list(model.schema.get("examples", ()))
    inputs = {"type": "array", "items": item, "minItems": 1, "maxItems": settings.max_items}
    asked = {"type": "object", "properties": {"inputs": inputs}, "required": ["inputs"]}
    errors = {
        "type": "object",
        "properties": {
            "item": {"type": "integer", "description": "counted from 0"},
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
        "required": ["item", "code", "message"],
    }
    answer = {
        "type": "object",
        "properties": {
            "model": ABOUT,
            "answers": {
                "type": "array",
                "items": {"type": ["object", "null"]},
                "description": "one an item, in their order; null where there is an error",
            },
            "errors": {"type": "array", "items": errors},
            "cut": {
                "type": "array",
                "items": {"type": "integer"},
                "description": "items whose text is longer than what the model reads",
            },
        },
        "required": ["model", "answers", "errors", "cut"],
    }
    predict = _posted(
        f"Answer items with the model '{model.name}'.",
        asked,
        {"inputs": examples} if examples else None,
        *("404", "422", "429", "500", "503", "504"),
        answer=answer,
    )
    found = {f"{prefix}/predict": {"post": _guarded(predict, settings)}}
    if settings.corrections is not None:
        names = [name for name in model.tasks if name]
        task = {"task": {"enum": names, "description": "which of its tasks"}} if names else {}
        correction = {
            "type": "object",
            "properties": {
                **task,
                "input": item,
                "correct": {
                    "type": "object",
                    "minProperties": 1,
                    "description": "a label; or tags, one a word; or entities with type and place",
                },
                "rows": {
                    "type": "array",
                    "items": {"type": "object", "minProperties": 1},
                    "minItems": 1,
                    "maxItems": MOST_ROWS,
                },
            },
            "oneOf": [
                {"required": ["input", "correct"], "properties": {"rows": False}},
                {"required": ["rows"], "properties": {"input": False, "correct": False}},
            ],
        }
        keep = _posted(
            "Keep what the answer should have been, as rows that `ft run` reads.",
            correction,
            None,
            *("404", "422", "503", "507"),
            answer={"type": "object", "properties": {"model": ABOUT, "rows": {"type": "integer"}}},
        )
        found[f"{prefix}/corrections"] = {"post": _guarded(keep, settings)}
    return found


def _plain(what: str, *statuses: str, kind: str = "application/json") -> dict[str, Any]:
    return {
        "summary": what,
        "responses": {"200": {"description": "it is so", "content": {kind: {}}}}
        | _errors(*statuses),
    }


def _posted(
    what: str,
    schema: Mapping[str, Any],
    example: Any,
    *statuses: str,
    answer: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    done = {"application/json": {"schema": answer or {"type": "object"}}}
    return {
        "summary": what,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"200": {"description": "done", "content": done}}
        | _errors("400", "408", "413", "415", *statuses),
    }


def _guarded(operation: dict[str, Any], settings: Settings) -> dict[str, Any]:
    statuses = ["421"] if settings.hosts is not None else []
    if settings.api_key is not None:
        operation["security"] = [{"key": []}]
        statuses.append("401")
    operation["responses"] |= _errors(*statuses)
    return operation


def _errors(*statuses: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    said = {**STATUSES, "409": "a run cannot be loaded", "507": "the file of corrections is full"}
    return {status: {"description": said[status], "content": error} for status in statuses}
