"""The process that serves: it loads while it listens, reloads on SIGHUP, and drains on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvicorn
from typing_extensions import override

from ft import UserError
from ft_serve.app import Server
from ft_serve.models import Models
from ft_serve.protocol import protocol
from ft_serve.refusal import Refusal
from ft_serve.settings import Settings

logger = logging.getLogger("ft_serve")


class Listener(uvicorn.Server):
    """A server of uvicorn whose signals are handled here."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listener_of(server: Server, *, drain: float = 30, max_connections: int = 1000) -> Listener:
    """What takes connections for a server; the arguments are those of `run`."""
    read_timeout = server.settings.read_timeout
    return Listener(
        uvicorn.Config(
            server,
            http=protocol(read_timeout),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=max_connections,
            timeout_graceful_shutdown=max(1, round(drain)),
            timeout_keep_alive=max(1, round(read_timeout)),
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Raises:
        UserError: the address is taken, or not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen there: {error}", where=f"{host}:{port}", hint="choose another --port"
        ) from error


async def run(
    models: Models,
    settings: Settings,
    bound: socket.socket,
    *,
    drain: float,
    max_connections: int,
    ready: Callable[[str], None],
) -> bool:
    """Serve until a signal asks to end.

    Args:
        models: to be loaded.
        settings: of the server.
        bound: the socket to listen on.
        drain: seconds that requests in progress are waited for at the end.
        max_connections: at once.
        ready: is told the address once all models are loaded.

    Returns:
        Whether it was Ctrl-C that ended it.

    Raises:
        ft.FtError: a model cannot be loaded at the start.
    """
    server = Server(models, settings)
    listener = listener_of(server, drain=drain, max_connections=max_connections)
    interrupted = False
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[Any]] = set()

    def end(by: signal.Signals) -> None:
        nonlocal interrupted
        interrupted = interrupted or by is signal.SIGINT
        if server.ending:
            listener.force_exit = True
        else:
            logger.info("ending: requests in progress are answered")
        server.ending = listener.should_exit = True

    async def again() -> None:
        with contextlib.suppress(Refusal):  # it is in the log
            await server.reload()

    def reload() -> None:
        tasks.add(task := asyncio.ensure_future(again()))
        task.add_done_callback(tasks.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, reload)
    serving = asyncio.ensure_future(listener.serve([bound]))
    with ThreadPoolExecutor(1) as pool:
        loading = loop.run_in_executor(pool, models.reload)
        try:
            first: set[asyncio.Future[Any]] = {serving, loading}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if loading.done() and not loading.cancelled():
                loading.result()
                name, port = bound.getsockname()[:2]
                ready(f"http://{f'[{name}]' if ':' in name else name}:{port}")
            await serving
        finally:
            listener.should_exit = True
            await asyncio.wait({serving})
            server.close()
    return interrupted
