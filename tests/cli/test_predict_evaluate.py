"""`ft predict` and `ft evaluate`: what the command line hands to the engine and prints."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ft.cli.main import main
from ft.engine.batch.read_requests import parse_requests

pytestmark = pytest.mark.usefixtures("here")


def test_predict_a_text_file(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.txt").write_bytes("one\r\n\nzwei ü\n".encode())
    assert main(["predict", "runs/r1", "in.txt"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["got"] for line in lines] == ["one", "", "zwei ü"]
    assert lines[0]["score"] is None
    assert session.called == [("predict", Path("runs/r1"))]
    assert session.options == {"strict": False}
    assert main(["predict", "runs/r1", "in.txt", "--strict"]) == 0
    assert session.options == {"strict": True}


def test_predict_json_lines_into_a_file(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.jsonl").write_text('{"tokens": ["a"]}\n\n"text"\n')
    assert main(["predict", "runs/r1", "in.jsonl", "--output", "out.jsonl"]) == 0
    got = [json.loads(line)["got"] for line in Path("out.jsonl").read_text().splitlines()]
    assert got == [{"tokens": ["a"]}, "text"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("given", "arguments", "got"),
    [
        (b"a\nb", [], ["a", "b"]),
        (b'{"text": "a"}\n{"text": "b"}\n', ["-"], [{"text": "a"}, {"text": "b"}]),
        (b'{"text": "a"}\n', ["-", "--format", "text"], ['{"text": "a"}']),
        (b"\xef\xbb\xbfa\n", [], ["a"]),
        (b"", [], []),
    ],
)
def test_predict_standard_input(
    session: Any,
    given: bytes,
    arguments: list[str],
    got: list[Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert main(["predict", "runs/r1", *arguments]) == 0
    assert [json.loads(line)["got"] for line in capsys.readouterr().out.splitlines()] == got


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "none.txt: cannot be read: there is no such file"),
        ("in.xlsx", b"PK", "in.xlsx: a .xlsx file cannot be predicted as it is"),
        ("in.png", b"\x89PNG", "in.png: an image is no file of requests"),
        ("in.json", b'[{"a": ', "in.json: not JSON: "),
        ("in.json", b"[" * 200_000, "in.json: not JSON: "),
        ("in.parquet", b"PAR1", "in.parquet: cannot be read as Parquet: "),
        ("in.txt.gz", b"no gzip", "in.txt.gz: the file is damaged: "),
    ],
)
def test_input_that_cannot_be_predicted(
    session: Any,
    name: str,
    content: bytes | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert main(["predict", "runs/r1", name, "--output", "out.jsonl", "--quiet"]) == 2
    assert f"error: {message}" in capsys.readouterr().err
    assert not [path for path in Path().iterdir() if "out.jsonl" in path.name]


def test_predict_does_not_overwrite_its_input(
    session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.jsonl").write_text("{}\n")
    assert main(["predict", "runs/r1", "in.jsonl", "-o", "./in.jsonl"]) == 2
    assert "the output would overwrite the input" in capsys.readouterr().err
    assert main(["predict", "runs/r1", "in.jsonl", "-o", "no/where.jsonl"]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert Path("in.jsonl").read_text() == "{}\n"


def test_a_closed_pipe_is_no_error() -> None:
    code = (
        "import sys, types, ft.builtin\n"
        "ft.builtin.builtin = dict\n"  # this and the stub: without torch
        "stub = sys.modules['ft.engine.predict'] = types.ModuleType('stub')\n"
        "stub.predict = lambda *given, **options: ({'n': n} for n in range(10**6))\n"
        "from ft.cli.main import main\n"
        "sys.exit(main(['predict', '.', '--quiet']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline()) == {"n": 0}
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""


def test_lines_end_with_newlines_only() -> None:
    lines = io.BytesIO("a\u2028b\u0085c\n".encode())
    assert list(parse_requests(lines, "x")) == ["a\u2028b\u0085c"]


def test_evaluate(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "runs/r1", "--data", "new.conll", "--split", "validation", "-q"]) == 0
    assert session.called == [("evaluate", (Path("runs/r1"), "new.conll", "validation"))]
    assert capsys.readouterr().out == "validation: f1 0.5000\n"
    assert session.options == {"strict": False}
    assert main(["evaluate", "runs/r1", "-q", "--strict"]) == 0
    assert session.options == {"strict": True}
    assert main(["evaluate", "runs/r1", "--split", "trial", "-q"]) == 0
    assert session.called[-1] == ("evaluate", (Path("runs/r1"), None, "trial"))
