"""The routes of a server."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import prometheus_client
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

import ft
from ft_serve.batcher import Asked, Batcher, Outcome, abandoned, too_late
from ft_serve.body import read_json
from ft_serve.corrections import Corrections, rows_of
from ft_serve.logs import logged
from ft_serve.metrics import Metrics
from ft_serve.models import Model, Models
from ft_serve.openapi import described
from ft_serve.page import page
from ft_serve.protocol import GONE
from ft_serve.refusal import Refusal
from ft_serve.security import check_host, check_key
from ft_serve.settings import Settings

logger = logging.getLogger("ft_serve")

OPEN = ("/", "/health", "/ready")
"""What needs no key: none of it says anything of the models."""


class Server:
    """What one process serves.

    Args:
        models: by name; they may be loaded later.
        settings: limits, and what is kept.

    Attributes:
        ending: it says that it is not ready; what comes all the same is answered.
    """

    def __init__(self, models: Models, settings: Settings) -> None:
        self.models = models
        self.settings = settings
        self.ending = False
        self.metrics = Metrics(models, lambda: self.batcher.waiting)
        self.batcher = Batcher(
            settings.max_batch_tokens,
            settings.max_queue,
            self.metrics,
            log_texts=settings.log_texts,
        )
        self._reloading = asyncio.Lock()
        kept = settings.corrections
        self._corrections = Corrections(kept, settings.max_corrections) if kept else None
        routes: dict[str, Callable[[Request], Awaitable[Response]]] = {
            # What is asked most comes first: they are looked through in this order.
            "POST /predict": self._predict,
            "POST /models/{name}/predict": self._predict,
            "GET /": self._page,
            "GET /health": self._health,
            "GET /ready": self._ready,
            "GET /metrics": self._metrics,
            "GET /openapi.json": self._openapi,
            "GET /models": self._models,
            "POST /corrections": self._correct,
            "POST /models/{name}/corrections": self._correct,
            "POST /reload": self._reload,
        }
        self._app = Starlette(
            routes=[
                Route(path, endpoint, methods=[method])
                for (method, path), endpoint in (
                    (key.split(), endpoint) for key, endpoint in routes.items()
                )
            ],
            exception_handlers={
                Refusal: _refused,
                ClientDisconnect: _gone,
                404: _no_route,
                405: _no_method,
                500: _broken,
            },
        )

    def close(self) -> None:
        """Answer what waits, and end."""
        self.batcher.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, as ASGI has it."""
        if scope["type"] != "http":
            return
        began, status = monotonic(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            headers = Headers(scope=scope)
            check_host(self.settings.hosts, headers)
            if scope["path"] not in OPEN:
                check_key(self.settings.api_key, headers)
        except Refusal as refusal:
            await _answer({"error": refusal.to_json()}, refusal)(scope, receive, sent)
        else:
            try:
                await self._app(scope, receive, sent)
            except Exception as error:  # it is answered already, with 500
                logged(error, "the server fails", with_texts=self.settings.log_texts)
        seconds = monotonic() - began
        # Not the path itself: what strangers write does not come into logs.
        route = getattr(scope.get("endpoint"), "__name__", "none").strip("_")
        self.metrics.request(route, status, seconds)
        logger.info("%s %s %d %.1f ms", scope["method"], route, status, 1000 * seconds)

    async def _page(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        plugins = [plugin for model in self.models.all() for plugin in model.plugins]
        return HTMLResponse(
            page(nonce, plugins),
            headers={
                "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-{nonce}'; "
                f"style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; base-uri 'none'; "
                "form-action 'none'; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
            },
        )

    async def _health(self, request: Request) -> Response:
        return _answer({"status": "alive"})

    async def _ready(self, request: Request) -> Response:
        if self.ending:
            raise Refusal(503, "ending", "the server is about to end", {"Connection": "close"})
        self._available()
        return _answer({"status": "ready"})

    async def _metrics(self, request: Request) -> Response:
        return Response(self.metrics.page(), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    async def _openapi(self, request: Request) -> Response:
        return _answer(described(self.models.all(), self.settings))

    async def _models(self, request: Request) -> Response:
        models = [
            {
                **model.about(),
                "labels": model.labels() if "" in model.tasks else [],
                "tasks": {name: model.labels(name) for name in model.tasks if name},
                "plugins": list(model.plugins),
                "item": model.schema,
                "corrections": self._corrections is not None,
            }
            for model in self.models.all()
        ]
        return _answer({"models": models})

    async def _predict(self, request: Request) -> Response:
        model = self._model(request)
        items = self._items(await read_json(request, self.settings))
        self._available()
        outcomes: list[Outcome | None] = [None] * len(items)
        sizes = [0] * len(items)
        for k, item in enumerate(items):
            try:
                sizes[k] = self._size(model, item)
            except Refusal as refusal:
                outcomes[k] = refusal
        asked = Asked(model, items, sizes, outcomes, monotonic() + self.settings.timeout)
        if asked.left:
            self.batcher.submit(asked)
            await self._wait(asked, request)
        return self._told(asked)

    def _items(self, body: Any) -> list[Any]:
        items = body.get("inputs") if isinstance(body, dict) else None
        if not isinstance(items, list) or not items:
            raise Refusal(422, "no_inputs", 'send {"inputs": [...]}, a list of one or more items')
        if len(items) > self.settings.max_items:
            message = f"a request has {self.settings.max_items} items at most; send several"
            raise Refusal(422, "too_many_items", message)
        return items

    async def _wait(self, asked: Asked, request: Request) -> None:
        """Wait for the outcomes, unless the time is over or the client is gone."""
        gone: asyncio.Future[None] = request.scope["extensions"][GONE]
        left = asked.deadline - monotonic()
        timer = asyncio.get_running_loop().call_later(left, asked.finish, False)
        gone.add_done_callback(asked.left_alone)
        answered = False
        try:
            answered = await asked.done
        finally:
            asked.abandoned = not answered
            timer.cancel()
            gone.remove_done_callback(asked.left_alone)
        if asked.abandoned:
            end = too_late() if monotonic() >= asked.deadline else abandoned()
            for _ in asked.items:
                self.metrics.outcome(asked.model, end.code)
            raise end

    def _told(self, asked: Asked) -> Response:
        answers, errors, cut, refusals = [], [], [], []
        for number, outcome in enumerate(asked.outcomes):
            assert outcome is not None
            if isinstance(outcome, Refusal):
                refusals.append(outcome)
                answers.append("null")
                errors.append({"item": number, **outcome.to_json()})
            else:
                answers.append(outcome[0])
                cut += [number] if outcome[2] else []
            what = outcome.code if isinstance(outcome, Refusal) else "answered"
            self.metrics.outcome(asked.model, what)
        if len(refusals) == len(asked.outcomes):
            # Of one kind, if they are; else what can be said of all.
            codes = {refusal.code for refusal in refusals}
            first = refusals[0]
            if len(codes) > 1:
                first = Refusal(422, "no_answers", "no item can be answered; each says why")
            body = {"error": first.to_json(), "model": asked.model.about(), "errors": errors}
            return _answer(body, first)
        about = ft.to_json(asked.model.about())
        told = f'"errors":{ft.to_json(errors)},"cut":{ft.to_json(cut)}'
        content = f'{{"model":{about},"answers":[{",".join(answers)}],{told}}}'
        return Response(content.encode(), media_type="application/json")

    async def _correct(self, request: Request) -> Response:
        if self._corrections is None:
            raise Refusal(404, "no_corrections", "this server keeps no corrections")
        model = self._model(request)
        body = await read_json(request, self.settings)
        self._available()
        if isinstance(body, dict) and "input" in body:
            self._size(model, body["input"])
        task, rows = await run_in_threadpool(rows_of, model, body)
        count = await run_in_threadpool(self._corrections.keep, model, rows, task)
        self.metrics.correction(model)
        return _answer({"model": model.about(), "rows": count})

    async def _reload(self, request: Request) -> Response:
        # A body of JSON is asked for, because a page of a stranger cannot send that.
        await read_json(request, self.settings)
        return _answer({"reloaded": await self.reload()})

    async def reload(self) -> dict[str, bool]:
        """Load the models whose runs have changed (see `Models.reload`).

        Raises:
            Refusal: one cannot be loaded; all stay as they are.
        """
        async with self._reloading:
            try:
                changed = await run_in_threadpool(self.models.reload)
            except Exception as error:
                logger.error("a run cannot be loaded, all models stay: %s", error)
                message = "a run cannot be loaded, all models stay; the log of the server says why"
                raise Refusal(409, "reload_failed", message) from error
        logger.info("reloaded: %s", ", ".join(k for k, v in changed.items() if v) or "nothing new")
        return changed

    def _available(self) -> None:
        if not self.models.ready:
            raise Refusal(503, "loading", "the models are still loading", {"Retry-After": "2"})

    def _model(self, request: Request) -> Model:
        name = request.path_params.get("name") or next(iter(self.models.folders))
        if name not in self.models.folders:
            names = ft.listed(list(self.models.folders), 20)
            raise Refusal(404, "no_model", f"there is no such model; there are {names}")
        model = self.models.get(name)
        if model is None:
            self._available()
        assert model is not None
        return model

    def _size(self, model: Model, item: Any) -> int:
        """The characters of an item, if it may be asked.

        Raises:
            Refusal: it is too long, or names files.
        """
        size = len(item if isinstance(item, str) else ft.to_json(item))
        if size > self.settings.max_characters:
            message = f"an item has {self.settings.max_characters:,} characters at most"
            raise Refusal(413, "item_too_long", message)
        named = model.files_of(item)
        if named and not self.settings.allow_files:
            what = f"'{named}'" if isinstance(named, str) else "an item"
            message = f"{what} names a file of the server, which it does not read"
            raise Refusal(403, "file_refused", message)
        return size


def _answer(body: Any, refusal: Refusal | None = None) -> Response:
    return Response(
        ft.to_json(body).encode(),
        status_code=refusal.status if refusal else 200,
        headers=refusal.headers if refusal else None,
        media_type="application/json",
    )


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return _answer({"error": refusal.to_json()}, refusal)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # for the log: nobody reads it


async def _no_route(request: Request, error: Exception) -> Response:
    message = "there is no such path; /openapi.json names all"
    return await _refused(request, Refusal(404, "no_path", message))


async def _no_method(request: Request, error: Exception) -> Response:
    allowed = getattr(error, "headers", None) or {}
    message = f"the path takes {allowed.get('Allow', 'another method')}"
    return await _refused(request, Refusal(405, "no_method", message, dict(allowed)))


async def _broken(request: Request, error: Exception) -> Response:
    return await _refused(request, Refusal(500, "failed", "the server fails; its log says where"))
