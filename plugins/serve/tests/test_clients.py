"""Clients that send slowly, too much, or nothing: each gets one status, and others notice nothing."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

import pytest

HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def read(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture
def client(served: Any) -> Any:
    client = served(read_timeout=1, max_bytes=10_000)
    yield client
    assert client.predict("a")["answers"][0]["text"] == "a"


def test_headers_that_do_not_end(client: Any) -> None:
    with client.connect() as connection:
        connection.sendall(HEAD)
        assert read(connection).startswith(b"HTTP/1.1 408")


def test_headers_that_come_drop_by_drop(client: Any) -> None:
    """A client that never stops sending is not given more time for that."""
    with client.connect() as connection:
        begin = time.monotonic()
        connection.settimeout(0.2)
        connection.sendall(HEAD + b"X-Slow: ")
        answer = b""
        while not answer and time.monotonic() < begin + 30:
            connection.sendall(b"a")
            with suppress(TimeoutError):
                answer = connection.recv(100)
    assert answer.startswith(b"HTTP/1.1 408")
    assert client.predict("a")["answers"]


def test_headers_without_end(client: Any) -> None:
    with client.connect() as connection:
        connection.sendall(HEAD)
        for _ in range(30):
            connection.sendall(b"X-Long: " + b"a" * 10_000 + b"\r\n")
        assert read(connection).startswith(b"HTTP/1.1 431")


def test_a_connection_on_which_nothing_comes(client: Any) -> None:
    with client.connect() as connection:
        assert read(connection) == b""


def test_a_body_that_does_not_come(client: Any) -> None:
    with client.connect() as connection:
        connection.sendall(HEAD + b'Content-Length: 50\r\n\r\n{"inputs"')
        answer = read(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"slow_client" in answer


def test_a_body_of_two_gigabytes_is_refused_before_it_comes(client: Any) -> None:
    begin = time.monotonic()
    with client.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 2000000000\r\nExpect: 100-continue\r\n\r\n")
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"100 Continue" not in answer
        # One that sends it all the same reads its answer, and is hung up on before it ends.
        sent = 0
        try:
            while sent < 2_000_000_000 and time.monotonic() < begin + 60:
                connection.sendall(b"a" * 65536)
                sent += 65536
        except OSError:
            pass
        assert sent < 2_000_000_000
    assert time.monotonic() < begin + 60


def test_a_body_without_a_length_is_refused_where_it_gets_too_long(client: Any) -> None:
    with client.connect() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            connection.sendall(b"400\r\n" + b"a" * 1024 + b"\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_clients_that_hang_up_anywhere(client: Any) -> None:
    whole = HEAD + b'Content-Length: 17\r\n\r\n{"inputs": ["a"]}'
    for end in range(0, len(whole), 7):
        with client.connect() as connection:
            connection.sendall(whole[:end])
            if end % 2:  # without a goodbye
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert client.ask("/health")[0] == 200


def test_what_is_no_http(client: Any) -> None:
    with client.connect() as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert read(connection).startswith(b"HTTP/1.1 400")


def test_many_that_wait_do_not_keep_others_out(client: Any) -> None:
    waiting = [client.connect() for _ in range(200)]
    for connection in waiting:
        connection.sendall(HEAD)
    begin = time.monotonic()
    assert client.predict("a")["answers"]
    assert time.monotonic() < begin + 30
    for connection in waiting:
        assert read(connection).startswith(b"HTTP/1.1 408")
        connection.close()
