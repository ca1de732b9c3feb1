"""The body of a request: read within limits of size and time, and parsed."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn

from starlette.requests import Request

from ft_serve.protocol import WHOLE
from ft_serve.refusal import Refusal
from ft_serve.settings import Settings

DEPTH = 32
"""Lists and objects within each other that no task needs more of."""


async def read_json(request: Request, settings: Settings) -> Any:
    """The JSON value of a request's body.

    Raises:
        Refusal: it is of another type, too long, too slow, no JSON, or nested too deeply.
        ClientDisconnect: the client is gone.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "not_json_type", "send JSON, with Content-Type: application/json")
    return parse(await _read(request, settings))


async def _read(request: Request, settings: Settings) -> bytes:
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > settings.max_bytes:
        raise _too_long(settings)
    try:
        if request.scope["extensions"].get(WHOLE):
            return await _parts(request, settings)
        async with asyncio.timeout(settings.read_timeout):
            return await _parts(request, settings)
    except TimeoutError as error:
        message = f"the request took longer than {settings.read_timeout:g} seconds to come"
        raise Refusal(408, "slow_client", message, {"Connection": "close"}) from error


async def _parts(request: Request, settings: Settings) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > settings.max_bytes:
            raise _too_long(settings)
        parts.append(part)
    return b"".join(parts)


def _too_long(settings: Settings) -> Refusal:
    return Refusal(
        413,
        "body_too_long",
        f"a request has {settings.max_bytes:,} bytes at most; send fewer items at once",
    )


def parse(body: bytes) -> Any:
    """The JSON value in bytes.

    Raises:
        Refusal: there is none, it is nested too deeply, holds what no text can hold, or says a name twice.
    """
    try:
        value = json.loads(body, parse_constant=_no_number, object_pairs_hook=_object)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        # A message of the decoder says where; one on bytes would hold some of them.
        what = str(error) if isinstance(error, json.JSONDecodeError) else "it is not UTF-8"
        raise Refusal(400, "not_json", f"the body is not JSON: {what}") from error
    if body.count(b"[") + body.count(b"{") > DEPTH and _depth(value) > DEPTH:
        raise _too_deep()
    if b"\\ud" in body or b"\\uD" in body:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise Refusal(400, "not_json", "a text holds half of a surrogate pair") from error
    return value


def _no_number(name: str) -> NoReturn:
    raise Refusal(400, "not_json", f"the body is not JSON: {name} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refusal(400, "not_json", f"the name {twice[:100]!r} stands twice in one object")
    return found


def _too_deep() -> Refusal:
    return Refusal(400, "too_deep", f"lists and objects stand in each other {DEPTH} deep at most")


def _depth(value: Any) -> int:
    """How deep lists and objects stand in each other."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, list | dict)]:
        depth += 1
        level = [
            inner for one in level for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth
