"""`ft monitor` on a run of topic and feeling: files, page, webhook, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ft.cli.main import main
from ft_monitor.model import Model

Posts = Callable[..., list[dict[str, Any]]]


def feed(file: Path, posts: list[dict[str, Any]]) -> str:
    rows = [{**one, "entity": ["<b>ACME</b>"]} for one in posts]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def test_a_feed_is_watched(
    both: Path,
    posts: Posts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    own = posts(20, per_hour=3, surges=[(24 * 17 + 9, 8, "price", 0.9)])
    file = feed(tmp_path / "feed.jsonl", own)
    sent: list[dict[str, Any]] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            sent.append(
                {**json.loads(self.rfile.read(size)), "key": self.headers["Idempotency-Key"]}
            )
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Takes)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/alarms"
    arguments = [
        "monitor",
        str(both),
        file,
        "--output",
        "out",
        "--webhook",
        url,
        "--json",
        "--warm-up",
        "7",
    ]
    assert main(arguments) == 0
    server.shutdown()
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["series"] for one in printed if one["event"] == "alarm"} >= {"topic price"}
    assert [one["id"] for one in sent] == [one["id"] for one in printed]
    assert sent[0]["key"] == f"alarm:{sent[0]['id']}"
    kept = [json.loads(line) for line in Path("out/alarms.jsonl").read_text().splitlines()]
    assert kept == printed
    index = [json.loads(line) for line in Path("out/index.jsonl").read_text().splitlines()]
    assert {row["series"] for row in index} == {
        "all",
        "topic price",
        "topic service",
        "entity <b>ACME</b>",
    }
    assert all(
        row["index"]["low"] <= row["index"]["value"] <= row["index"]["high"] for row in index
    )
    page = Path("out/page.html").read_text()
    assert "&lt;b&gt;ACME&lt;/b&gt;" in page
    assert "<b>ACME" not in page
    assert "topic price" in page
    # Nothing new: nothing is told again.
    assert main([*arguments[:5], "--json", "--warm-up", "7"]) == 0
    assert capsys.readouterr().out == ""
    # A look back finds the same, and touches no state.
    before = Path("out/state.json").read_bytes()
    assert main(["monitor", str(both), file, "--backtest", "--json", "--warm-up", "7", "-q"]) == 0
    assert Path("out/state.json").read_bytes() == before
    again = [
        json.loads(line) for line in Path("feed-backtest/alarms.jsonl").read_text().splitlines()
    ]
    assert again[: len(kept)] == kept


def test_the_mistakes_of_the_test_split_are_known(both: Path) -> None:
    model = Model(both)
    assert model.names == ("negative", "neutral", "positive")
    assert (model.negative, model.positive) == ([0], [2])
    assert model.confusion.counts.sum() == 60
    assert model.notes == []


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--feeling", "moud"], "did you mean 'mood"),
        (["--negative", "negativ"], "did you mean 'negative'?"),
        (["--timezone", "Mars/Base"], "there is no time zone"),
        (["--webhook", "example.org"], "is no address"),
        (["--backtest", "--follow"], "does not wait"),
    ],
)
def test_what_is_wrong_is_said(
    both: Path,
    posts: Posts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    wanted: str,
) -> None:
    file = feed(tmp_path / "feed.jsonl", posts(1))
    assert main(["monitor", str(both), file, "--output", str(tmp_path / "out"), *options]) == 2
    assert wanted in capsys.readouterr().err


def test_a_run_without_feelings_is_refused(
    both: Path, posts: Posts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = feed(tmp_path / "feed.jsonl", posts(1))
    arguments = [
        "monitor",
        str(both),
        file,
        "--feeling",
        "topic",
        "--output",
        str(tmp_path / "out"),
    ]
    assert main(arguments) == 2
    assert "which of the feelings are bad? They are price, service" in capsys.readouterr().err
    assert main(["monitor", str(both), str(tmp_path / "no.jsonl")]) == 2
    assert "there is no such file" in capsys.readouterr().err
