"""What `ft serve` itself costs: processor time of the server for a request to a model that answers at once.

    python tests/benchmarks/serving_overhead.py [--clients 32] [--requests 1600] [--repetitions 3] [--profile]

The server is a process of its own, and what counts is its processor time, which other work on the machine changes
little. ``--profile`` prints where the time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import http.client
import json
import os
import pstats
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

import ft
from ft_serve.app import Server
from ft_serve.models import Model, Models
from ft_serve.run import listen, listener_of
from ft_serve.settings import Settings

TEXT = "a short text of eight or nine words"


class AtOnce:
    """A model that answers everything alike."""

    schema = ft.Schema(texts=(ft.Text("text"),), label=ft.Label(names=("neg", "pos")))
    labels = ("neg", "pos")

    def request_schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def answer(self, items: list[str]) -> list[ft.Answer]:
        said = {"label": "pos", "probability": 0.9, "scores": {"neg": 0.1, "pos": 0.9}}
        return [ft.Answer({"text": text, **said}, tokens=10) for text in items]


def serve(port: int, profile: bool) -> None:
    """Serve until SIGTERM."""

    def made(name: str, folder: Path) -> Model:
        trained: Any = AtOnce()
        return Model(name, trained, "hash", "run", trained.request_schema(), {}, ())

    models = Models({"first": Path("first")}, made, lambda folder: "hash")
    models.reload()
    bound = listen("127.0.0.1", port)
    profiler = cProfile.Profile()

    async def main() -> None:
        server = Server(models, Settings())
        listener = listener_of(server)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: setattr(listener, "should_exit", True))
        if profile:
            profiler.enable()
        await listener.serve([bound])
        server.close()

    asyncio.run(main())
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def ask(port: int, count: int) -> None:
    """So many requests on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Content-Type": "application/json"}
    for _ in range(count):
        connection.request("POST", "/predict", json.dumps({"inputs": [TEXT]}), headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {content[:200]!r}")


def load(port: int, clients: int, count: int) -> None:
    """So many requests by so many clients."""
    each = max(1, count // clients)
    threads = [threading.Thread(target=ask, args=(port, each)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """Start the server, ask it, and print microseconds a request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=1600)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.profile)
        return
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, __file__, "--serve", str(port)]
    command += ["--profile"] if options.profile else []
    child = subprocess.Popen(command, env=dict(os.environ))
    process = psutil.Process(child.pid)
    try:
        end = time.monotonic() + 300
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if child.poll() is not None or time.monotonic() > end:
                    raise SystemExit("the server does not start") from None
                time.sleep(0.2)
        load(port, options.clients, 5 * options.clients)
        found = []
        for _ in range(options.repetitions):
            before = process.cpu_times()
            load(port, options.clients, options.requests)
            after = process.cpu_times()
            spent = after.user + after.system - before.user - before.system
            asked = options.clients * max(1, options.requests // options.clients)
            found.append(round(1e6 * spent / asked))
        print(f"{found} microseconds of the server's processor time a request")
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    main()
