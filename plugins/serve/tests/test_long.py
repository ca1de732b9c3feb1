"""Hours of clients in minutes: bad items, kills and reloads; nothing lost, nothing mixed, memory flat.

`FT_SERVE_ITEMS=2800000 python -m pytest -m long plugins/serve/tests/test_long.py`
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.long
ITEMS = int(os.environ.get("FT_SERVE_ITEMS", "20000"))
CLIENTS = 64
EVERY = 10.0
"""Seconds between two reloads."""


def test_nothing_is_lost_mixed_or_wrong_and_memory_is_flat(
    real: Callable[..., Any], runs: dict[str, Path]
) -> None:
    client = real("ner")
    models = client.server.models
    hashes = iter(range(10**9))
    models._hash_of = lambda folder: str(next(hashes))  # each reload finds another run
    words = ("anna", "ben", "clara", "paris", "rome", "house", "saw", "went")
    done = threading.Event()
    counts = {"requests": 0, "answered": 0, "refused": 0, "killed": 0, "reloads": 0}
    lock = threading.Lock()
    first, memory = 0.0, psutil.Process()

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=300)
        turn = 0
        while counts["answered"] + counts["refused"] < ITEMS:
            turn += 1
            # Words that only this client sends, so that an answer of another would be seen.
            texts = [f"{words[(number + turn + k) % 8]} c{number} t{turn}" for k in range(turn % 5)]
            items: list[Any] = [*texts, {"tokens": [1]}] if turn % 3 == 0 else texts
            if not items:
                kill(number)
                continue
            connection.request(
                "POST",
                "/predict",
                json.dumps({"inputs": items}),
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            value = json.loads(response.read())
            if not texts:
                assert response.status == 422
            else:
                assert response.status == 200, value
                for text, answer in zip(texts, value["answers"], strict=False):
                    assert answer["text"] == text
                    assert answer["tokens"] == text.split()
                    assert len(answer["tags"]) == 3
            with lock:
                counts["requests"] += 1
                counts["answered"] += len(texts)
                counts["refused"] += len(items) - len(texts)

    def kill(number: int) -> None:
        body = json.dumps({"inputs": [f"killed {number}"] * 3}).encode()
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", client.port), 60) as one:
            one.sendall(
                head + b"Content-Length: %d\r\n\r\n" % len(body) + body[: len(body) - number % 2]
            )
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with lock:
            counts["killed"] += 1

    def reload() -> None:
        while not done.wait(EVERY):
            assert client.ask("/reload", {})[0] == 200
            counts["reloads"] += 1

    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        reloading = pool.submit(reload)
        asking = [pool.submit(ask, number) for number in range(CLIENTS)]
        while not all(one.done() for one in asking):
            time.sleep(0.5)
            if not first and counts["answered"] > ITEMS / 4:
                first = memory.memory_info().rss
        done.set()
        for one in [*asking, reloading]:
            one.result()
    grown = memory.memory_info().rss - first
    print(f"{counts}; memory grew by {grown / 1e6:.1f} MB after the first quarter")
    assert counts["killed"]
    assert client.metric("ft_queue_items") == 0
    assert grown < 100e6
