"""`ft serve` as a process: links to runs that change, signals, and how it ends."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., Any]


class Process:
    """A started `ft serve`."""

    def __init__(self, arguments: list[str], folder: Path, **environment: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "ft", "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, **environment},
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.said = ""
        self.threads = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self.child.stdout, self.child.stderr)
        ]
        for thread in self.threads:
            thread.start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self.lines.put(line)

    def until(self, text: str) -> str:
        """The first line that holds a text."""
        while text not in (line := self.lines.get(timeout=600)):
            self.said += line
        return line

    def end(self) -> int:
        """Its exit code; what it said is in ``said``."""
        code = self.child.wait(120)
        for thread in self.threads:
            thread.join(10)
        while not self.lines.empty():
            self.said += self.lines.get()
        return code


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    begun = []

    def one(*arguments: Any, **environment: str) -> Process:
        begun.append(Process([str(one) for one in arguments], tmp_path, **environment))
        return begun[-1]

    yield one
    for process in begun:
        process.child.kill()
        process.child.wait()


def client_of(process: Process, make: Any) -> Any:
    address = process.until("serving").split()[-1]
    assert address.startswith("http://127.0.0.1:")
    return make(int(address.rpartition(":")[2]))


def test_a_process_reloads_and_drains(
    start: Start, runs: dict[str, Path], tmp_path: Path, client_class: Any
) -> None:
    link = tmp_path / "current"
    link.symlink_to(runs["ner"])
    process = start(f"mine={link}", FT_SERVE_API_KEY="k" * 20)
    client = client_of(process, client_class)
    assert "k" * 20 not in Path(f"/proc/{process.child.pid}/cmdline").read_text()
    assert client.code("/predict", {"inputs": ["anna"]}) == (401, "no_key")
    key = {"X-API-Key": "k" * 20}
    status, value, _ = client.ask("/models/mine/predict", {"inputs": ["anna"]}, key)
    assert (status, value["model"]["version"]) == (200, "ner")
    new = tmp_path / "new"
    new.symlink_to(runs["sentiment"])
    new.replace(link)
    process.child.send_signal(signal.SIGHUP)
    process.until("reloaded: mine")
    status, value, _ = client.ask("/predict", {"inputs": ["anna"]}, key)
    assert (status, value["model"]["version"]) == (200, "sentiment")
    # The first half of a request is there when the process is asked to end.
    body = b'{"inputs": ["good film"]}'
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"X-API-Key: " + b"k" * 20 + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    with client.connect() as connection:
        connection.sendall(head + body[:9])
        client.wait_for(lambda: client.ask("/health")[0] == 200)
        process.child.send_signal(signal.SIGTERM)
        process.until("ending")
        connection.sendall(body[9:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"text": "good film"' in answer
    assert process.end() == 0
    with pytest.raises(ConnectionError):
        client.ask("/health")


def test_ctrl_c_ends_it_as_it_ends_other_commands(
    runs: dict[str, Path], client_class: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from ft.cli.main import main
    from ft_serve.run import listen

    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    client = client_class(port)

    def ready() -> bool:
        try:
            return bool(client.ask("/ready")[0] == 200)
        except ConnectionError:
            return False

    def interrupt() -> None:
        client.wait_for(ready)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert main(["serve", str(runs["sentiment"]), "--port", str(port)]) == 130
    thread.join()
    assert "serving" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no finished run"),
        (["a=x", "a=y"], "two models are called 'a'"),
        (["a b=x"], "cannot be the name of a model"),
        (["x", "--api-key-file", "short"], "fewer than 16 characters"),
        (["x", "--host", "192.0.2.1"], "cannot listen there"),
    ],
)
def test_what_is_wrong_from_the_start_is_said(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    from ft.cli.main import main

    monkeypatch.chdir(tmp_path)
    Path("short").write_text("guess me")
    assert main(["serve", "--port", "0", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_port_in_use_and_a_damaged_run_are_said(
    capsys: pytest.CaptureFixture[str], runs: dict[str, Path], tmp_path: Path
) -> None:
    from ft.cli.main import main
    from ft_serve.run import listen

    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", str(runs["ner"]), "--port", port]) == 2
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}: cannot listen there" in said
    assert "choose another --port" in said
    (tmp_path / "task.json").write_text("{")
    assert main(["serve", str(tmp_path), "--port", "0"]) == 2
    assert str(tmp_path) in capsys.readouterr().err
