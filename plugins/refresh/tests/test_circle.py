"""The whole circle of the tutorial: train, serve, correct, refresh, compare, ship, serve on."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import tiny_bert

ITEMS = ("lamps", "chairs", "desks", "beds")
CITIES = ("oslo", "lima", "porto", "ulm")


def sentences(path: Path, items: Sequence[str], cities: Sequence[str], count: int) -> Path:
    lines = []
    for i in range(count):
        item, city = items[i % len(items)], cities[i // 2 % len(cities)]
        words = [("send", "O"), (item, "B-item"), ("to", "O"), (city, "B-city"), (str(i), "O")]
        lines += [*(f"{word} {tag}" for word, tag in words), ""]
    path.write_text("\n".join(lines))
    return path


def ask(port: int, path: str, body: Any) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status in (200, 201), answer
    return answer


def point(link: Path, run: Path) -> None:
    """Change a link in one step."""
    aside = link.with_name("current.new")
    aside.symlink_to(run)
    aside.replace(link)


@pytest.mark.long
def test_the_whole_circle(tmp_path: Path) -> None:
    model = tiny_bert(tmp_path / "tiny", [*ITEMS, *CITIES, "send", "to", "wants"])
    train = sentences(tmp_path / "train.conll", ITEMS[:3], CITIES[:3], 120)
    test = sentences(tmp_path / "test.conll", ITEMS[:3], CITIES[:3], 30)
    first, second = tmp_path / "first", tmp_path / "second"
    shared: dict[str, Any] = {"epochs": 12, "learning_rate": 3e-3, "report": False, "advice": False}
    ft.run(
        ["ner", "replay"],
        ner={"train": str(train), "test": str(test)},
        replay={"store": 60},
        model=str(model),
        output=first,
        **shared,
    )
    train.unlink()
    link = tmp_path / "current"
    point(link, first)
    kept = tmp_path / "corrections"
    command = [sys.executable, "-m", "ft", "serve", f"tagger={link}", "--port", "0"]
    with subprocess.Popen(
        [*command, "--corrections", str(kept)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            port = 0
            for line in server.stdout:
                if found := re.search(r"127\.0\.0\.1:(\d+)", line):
                    port = int(found[1])
                    break
            ready(port)
            before = ask(port, "/predict", {"inputs": ["ulm wants beds"]})
            for i in range(60):
                item, city = (ITEMS[3], CITIES[i % 4]) if i % 2 else (ITEMS[i % 3], CITIES[3])
                words = [f"{city} wants {item}", (0, city, "city"), (len(city) + 7, item, "item")]
                entities = [
                    {"start": start, "end": start + len(word), "type": kind}
                    for start, word, kind in words[1:]
                ]
                ask(port, "/corrections", {"input": words[0], "correct": {"entities": entities}})
            rows = (kept / "tagger.jsonl").read_text().splitlines(keepends=True)
            assert len(rows) == 60
            new, new_test = tmp_path / "new.jsonl", tmp_path / "new-test.jsonl"
            new_test.write_text("".join(rows[:20]))
            new.write_text("".join(rows[20:]))
            code, told = refreshed(first, "--train", new, "--test", new_test, "--output", second)
            assert told["verdict"] == "ship", told["reasons"]
            assert code == 0
            fresh = told["data"][1]["metrics"][0]
            assert fresh["new"] > fresh["old"]
            code, _ = refreshed("--resume", second, "--proof", "safe", "--fall", 0)
            assert code in (0, 3)
            point(link, second)
            assert ask(port, "/reload", {})["reloaded"] == {"tagger": True}
            after = ask(port, "/predict", {"inputs": ["ulm wants beds"]})
            assert (before["model"]["version"], after["model"]["version"]) == ("first", "second")
            assert [one["type"] for one in after["answers"][0]["entities"]] == ["city", "item"]
            server.send_signal(signal.SIGTERM)
            server.stdout.read()
            assert server.wait(60) == 0
        finally:
            if server.poll() is None:
                server.kill()


def ready(port: int) -> None:
    """Wait until the models are loaded."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/ready")
        if connection.getresponse().status == 200:
            return
        time.sleep(0.2)
    pytest.fail("the server is not ready")


def refreshed(*arguments: object) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "ft", "refresh", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.long
def test_a_refresh_that_is_killed_goes_on(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    given = ["refresh", str(folder / "first"), "--train", str(folder / "new.jsonl")]
    given += ["--keep", "replay,lwf,l2sp,wise", "--epochs", "40", "--output", str(output)]
    given += ["-o", "run.checkpoint_steps=2", "-o", "run.report=false"]
    whole = tmp_path / "whole"
    code, _ = refreshed(*[str(whole) if one == str(output) else one for one in given[1:]])
    assert code in (0, 3)
    with subprocess.Popen([sys.executable, "-m", "ft", *given]) as child:
        end = time.monotonic() + 300
        while not list(output.glob("checkpoints/step-*")) and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
    assert not (output / "regression.json").exists()
    code, told = refreshed("--resume", output)
    assert code in (0, 3)
    assert told["new"] == str(output)
    files = [one / "model" / "model.safetensors" for one in (output, whole)]
    assert files[0].read_bytes() == files[1].read_bytes()
