"""Servers side by side over one trained model: `ft serve`, a plain FastAPI server, LitServe.

    python tests/benchmarks/serving.py --run RUN --texts texts.txt --peers PYTHON [--clients 64]

``RUN`` is the folder of a finished run of ``ner`` (with ``ner.decoding = "argmax"``, which takes the
likeliest tag of each word as a pipeline does) or of ``sentiment`` (single label). ``PYTHON`` is the
interpreter of an environment of its own with torch, transformers, fastapi, uvicorn and litserve in the
versions that are to be compared; without it ft is measured alone. Each server runs in a process of its
own, one after the other, ``--repetitions`` times in turn. The program that asks is the same for all: so
many threads in one process, each with one connection, ask one text at a time for ``--seconds``.

The table has requests a second, the latencies at that load, processor seconds of the server and of the
program that asks, those of the server for a request, and the share of texts to which a server gives the
answer of `ft.predict`. With ``--rate`` the program asks at a fixed rate instead (p99 at half of LitServe's highest). ``--alone``
measures one caller in memory: `ft.load` and a pipeline.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import ft

PEERS = {
    "FastAPI": """
import sys
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

task, model, port = sys.argv[1:]
options = {"aggregation_strategy": "first"} if task == "token-classification" else {"truncation": True}
answer = pipeline(task, model, **options)
app = FastAPI()


class Asked(BaseModel):
    inputs: list[str]


@app.post("/predict")
def predict(asked: Asked):
    found = answer(asked.inputs)
    return {"answers": [plain(one) for one in found]}


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.item() if hasattr(value, "item") else value


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
""",
    "LitServe": """
import sys
import litserve
from transformers import pipeline

task, model, port = sys.argv[1:]
options = {"aggregation_strategy": "first"} if task == "token-classification" else {"truncation": True}


class Api(litserve.LitAPI):
    def setup(self, device):
        self.answer = pipeline(task, model, **options)

    def decode_request(self, request):
        return request["inputs"][0]

    def batch(self, inputs):
        return inputs

    def predict(self, texts):
        return self.answer(list(texts), batch_size=len(texts))

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return {"answers": [plain(output)]}


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.item() if hasattr(value, "item") else value


if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")
""",
}


@dataclass
class Measured:
    """What one server did in one repetition."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    server_seconds: float = 0.0
    client_seconds: float = 0.0
    failed: int = 0
    same: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def at(self, share: float) -> float:
        """The latency in milliseconds that a share of the requests stays below."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def said(task: str, answer: Any) -> Any:
    """What an answer of either form says, without numbers."""
    if task == "token-classification":
        found = answer["entities"] if isinstance(answer, dict) else answer
        return [
            (one["start"], one["end"], one.get("type", one.get("entity_group"))) for one in found
        ]
    answer = answer[0] if isinstance(answer, list) else answer
    return answer["label"]


class Connection:
    """Asks one text at a time."""

    def __init__(self, port: int) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, text: str) -> Any:
        body = json.dumps({"inputs": [text]})
        self.http.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = self.http.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {content[:200]!r}")
        return json.loads(content)["answers"][0]


def processor_seconds(process: psutil.Process) -> float:
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        times = one.cpu_times()
        total += times.user + times.system
    return total


def measure(
    command: list[str], port: int, task: str, texts: list[str], wanted: list[Any], options: Any
) -> Measured:
    """Start a server, wait until it answers, ask it, and stop it."""
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    try:
        end = time.monotonic() + 300
        while True:
            try:
                Connection(port).ask(texts[0])
                break
            except (OSError, RuntimeError, http.client.HTTPException):
                if child.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{command[:3]} does not answer") from None
                time.sleep(0.5)
        found = Measured()
        check = Connection(port)
        answers = [said(task, check.ask(text)) for text in texts[: options.compared]]
        found.same = sum(map(lambda one, other: one == other, answers, wanted)) / len(answers)
        load(port, texts, found, options, seconds=options.warm)
        server, own = psutil.Process(child.pid), psutil.Process()
        before = processor_seconds(server), own.cpu_times().user + own.cpu_times().system
        found.latencies.clear()
        found.failed = 0
        load(port, texts, found, options, seconds=options.seconds)
        found.server_seconds = processor_seconds(server) - before[0]
        found.client_seconds = own.cpu_times().user + own.cpu_times().system - before[1]
        return found
    finally:
        for one in psutil.Process(child.pid).children(recursive=True):
            one.kill()
        child.kill()
        child.wait()


def load(port: int, texts: list[str], found: Measured, options: Any, seconds: float) -> None:
    """Ask for so many seconds with many connections, as fast as they are answered or at a rate."""
    begin = time.monotonic()
    lock = threading.Lock()

    def client(number: int) -> None:
        connection, turn = Connection(port), 0
        mine: list[float] = []
        failed = 0
        while (now := time.monotonic()) < begin + seconds:
            due = now
            if options.rate:
                # From when it was due: one that waits for a slow answer is late, and that counts.
                due = begin + (turn * options.clients + number) / options.rate
                time.sleep(max(0.0, due - now))
            try:
                connection.ask(texts[(number * 7919 + turn) % len(texts)])
                mine.append(time.monotonic() - due)
            except (OSError, RuntimeError, http.client.HTTPException):
                failed += 1
                connection = Connection(port)
            turn += 1
        with lock:
            found.latencies += mine
            found.failed += failed

    threads = [threading.Thread(target=client, args=(k,)) for k in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.seconds = time.monotonic() - begin


def alone(run: Path, task: str, texts: list[str], seconds: float) -> None:
    """Requests a second of one caller in memory."""
    from transformers import pipeline

    model = ft.load(run)
    settings: Any = {"aggregation_strategy": "first"} if task == "token-classification" else {}
    other = pipeline(task, str(run / "model"), **settings)
    for name, call in (("ft.load", model.predict), ("pipeline", other)) * 2:
        count, begin, used = 0, time.monotonic(), time.process_time()
        while time.monotonic() < begin + seconds:
            call(texts[count % len(texts)])
            count += 1
        rate, used = count / (time.monotonic() - begin), time.process_time() - used
        each = 1000 * used / count
        print(f"{name:10} {rate:8.1f} requests a second, {each:.2f} ms of processor time each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True, help="one a line")
    parser.add_argument("--peers", help="the interpreter of the environment of the peers")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm", type=float, default=5)
    parser.add_argument("--rate", type=float, default=0, help="requests a second; 0: all they can")
    parser.add_argument(
        "--compared", type=int, default=200, help="texts whose answers are compared"
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    texts = [
        line for line in options.texts.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    record = json.loads((options.run / "record.json").read_text(encoding="utf-8"))
    words = record["plugins"][0]["name"] == "ner"
    task = "token-classification" if words else "text-classification"
    if options.alone:
        alone(options.run, task, texts, options.seconds)
        return
    wanted = [said(task, one) for one in ft.predict(options.run, texts[: options.compared])]
    table: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.repetitions):
            for name in ("ft serve", *(PEERS if options.peers else ())):
                port = free_port()
                command = [sys.executable, "-m", "ft", "serve", str(options.run), "-q"]
                command += ["--port", str(port), "--corrections", ""]
                if name in PEERS:
                    script = Path(folder) / f"{name}.py"
                    script.write_text(PEERS[name], encoding="utf-8")
                    command = [
                        options.peers,
                        str(script),
                        task,
                        str(options.run / "model"),
                        str(port),
                    ]
                found = measure(command, port, task, texts, wanted, options)
                table.setdefault(name, []).append(found)
    columns = ("requests/s", "p50 ms", "p99 ms", "server s", "client s", "server ms each", "failed")
    columns += ("same answers",)
    print(f"{'':10}" + "".join(f"{column:>16}" for column in columns))
    for name, several in table.items():
        values = [
            statistics.median(one.rate for one in several),
            statistics.median(one.at(0.5) for one in several),
            statistics.median(one.at(0.99) for one in several),
            statistics.median(one.server_seconds for one in several),
            statistics.median(one.client_seconds for one in several),
            statistics.median(1000 * one.server_seconds / len(one.latencies) for one in several),
            sum(one.failed for one in several),
            min(one.same for one in several),
        ]
        print(f"{name:10}" + "".join(f"{value:16.3f}" for value in values))


if __name__ == "__main__":
    main()
