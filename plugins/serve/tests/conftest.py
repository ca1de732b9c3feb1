"""Servers on a free port: with models that need no training, and with those of tiny runs."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_serve.app import Server
from ft_serve.models import Model, Models, load
from ft_serve.run import listen, listener_of
from ft_serve.settings import Settings

SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"text": {"type": "string"}, "file": {"format": "path"}},
            "required": ["text"],
        },
    ],
    "examples": [{"text": "good"}],
}
SECRET = "what nobody may read in a log"


@dataclass
class Fake:
    """A model that answers with what it was asked, and does as some texts tell it."""

    name: str = "first"
    schema: Any = field(
        default_factory=lambda: ft.Schema(
            texts=[ft.Text("text")], label=ft.Label(names=("neg", "pos"))
        )
    )
    labels: tuple[str, ...] = ("neg", "pos")
    batches: list[list[str]] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def request_schema(self) -> dict[str, Any]:
        return SCHEMA

    def answer(self, inputs: list[Any]) -> list[ft.Answer]:
        texts = [item.get("text") if isinstance(item, dict) else item for item in inputs]
        self.batches.append(texts)
        assert self.open.wait(60)
        return [self._one(text) for text in texts]

    def _one(self, text: Any) -> ft.Answer:
        if not isinstance(text, str):
            error = ft.DataError(
                "'text' is no text", where="request 7", hint="try --on-bad-row skip"
            )
            return ft.Answer(None, error)
        if text == "raise":
            raise RuntimeError(SECRET)
        if text == "nan":
            return ft.Answer({"text": text, "label": "pos", "probability": float("nan")})
        found = {"text": text, "label": "pos", "probability": 0.9, "by": self.name}
        return ft.Answer(found, tokens=len(text.split()) + 2, cut=text == "long")


@pytest.fixture
def fake() -> type[Fake]:
    return Fake


class Client:
    """Asks a server."""

    def __init__(self, port: int, server: Any = None) -> None:
        self.port = port
        self.server = server

    def connect(self, timeout: float = 60) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def ask(
        self,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, value (JSON, or text) and headers of an answer; bytes are sent as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            sent = {"Content-Type": "application/json"} if content is not None else {}
            method = method or ("GET" if content is None else "POST")
            connection.request(method, path, content, {**sent, **(headers or {})})
            response = connection.getresponse()
            text = response.read().decode()
            kind = response.getheader("content-type", "")
            value = json.loads(text) if kind == "application/json" else text
            return response.status, value, {k.lower(): v for k, v in response.getheaders()}
        finally:
            connection.close()

    def predict(self, *items: Any, path: str = "/predict") -> Any:
        status, value, _ = self.ask(path, {"inputs": list(items)})
        assert status == 200, value
        return value

    def code(self, path: str, body: Any, **settings: Any) -> tuple[int, str]:
        """Status and code of a refusal, which also has a sentence."""
        status, value, _ = self.ask(path, body, **settings)
        assert set(value["error"]) == {"code", "message"}
        assert value["error"]["message"]
        return status, value["error"]["code"]

    def metric(self, name: str) -> float:
        """The value of a line of the metrics."""
        _, text, _ = self.ask("/metrics")
        values = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)]
        return sum(map(float, values))

    def wait_for(self, wanted: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not wanted():
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.fixture
def client_class() -> type[Client]:
    return Client


@pytest.fixture
def served() -> Iterator[Callable[..., Client]]:
    """Serves models by name: ``served({"first": Fake()}, max_items=3)``."""
    ends: list[Callable[[], None]] = []

    def start(trained: Any = None, models: Models | None = None, **settings: Any) -> Client:
        fakes: dict[str, Any] = {"first": Fake()} if trained is None else trained

        def made(name: str, folder: Path) -> Model:
            one = fakes[name]
            more = getattr(one, "columns", {}), getattr(one, "plugins", ())
            return Model(name, one, one.name, "run", one.request_schema(), *more)

        if models is None:
            folders = {name: Path(name) for name in fakes}
            models = Models(folders, made, lambda folder: str(fakes[folder.name].name))
            models.reload()
        bound = listen("127.0.0.1", 0)
        server = Server(models, Settings(**settings))
        listener = listener_of(server)
        thread = threading.Thread(target=lambda: asyncio.run(listener.serve([bound])))
        thread.start()

        def end() -> None:
            for fake in fakes.values():
                getattr(fake, "open", threading.Event()).set()
            listener.should_exit = True
            thread.join(60)
            server.close()
            assert not thread.is_alive()

        ends.append(end)
        client = Client(bound.getsockname()[1], server)
        client.wait_for(lambda: listener.started)
        return client

    yield start
    for end in ends:
        end()


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Finished runs on tiny models: ``ner`` finds names, ``sentiment`` has one step behind it."""
    from ft_kit import tiny_bert

    folder = tmp_path_factory.mktemp("runs")
    people, places = ("anna", "ben", "clara", "dora"), ("london", "paris", "rome")
    other = ("went", "to", "the", "house", "in", "saw", "good", "bad", "film")
    model = tiny_bert(folder / "tiny", [*people, *places, *other])
    rows = []
    for n in range(48):
        words = [people[n % 4], "went", "to", places[n % 3], "in", "the", "house"][: 4 + n % 4]
        tags = ["B-PER" if w in people else "B-LOC" if w in places else "O" for w in words]
        rows.append({"tokens": words, "tags": tags})
    _write(folder / "words.jsonl", rows)
    texts = [f"{'good' if n % 2 else 'bad'} film {people[n % 4]}" for n in range(32)]
    _write(
        folder / "texts.jsonl",
        [{"text": text, "label": "pos" if "good" in text else "neg"} for text in texts],
    )
    common = {"model": str(model), "batch_size": 16, "learning_rate": 1e-2, "device": "cpu"}
    common |= {"precision": "fp32", "lint": "off", "report": False, "advice": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(folder / "cache"))
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        for task, file, epochs in (("ner", "words", 6), ("sentiment", "texts", 1)):
            settings = {"train": str(folder / f"{file}.jsonl")}
            settings |= {"calibrate": False} if task == "sentiment" else {}
            own: Any = {**common, task: settings}
            ft.run([task], epochs=epochs, output=folder / task, **own)
    return {"ner": folder / "ner", "sentiment": folder / "sentiment", "folder": folder}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def real(served: Callable[..., Client], runs: dict[str, Path]) -> Callable[..., Client]:
    """Serves the tiny runs of the names that are given."""

    def start(*names: str, **settings: Any) -> Client:
        models = Models({name: runs[name] for name in names}, load)
        models.reload()
        return served({}, models, **settings)

    return start
