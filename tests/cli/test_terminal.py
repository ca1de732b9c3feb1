"""What commands print on a terminal of 80 columns, and into a pipe."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ft.cli.main import main
from ft.reporters.text import aligned, folded

Say = Callable[..., tuple[str, str]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command on a terminal of 80 columns; gives what it wrote."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str, wide: bool = False) -> tuple[str, str]:
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: not wide)
        main(arguments)
        read = capsys.readouterr()
        return read.out, read.err

    return run


def words(text: str) -> list[str]:
    return sorted(re.findall(r"\S+", text))


def test_the_list_of_plugins_fits_and_breaks_between_words(terminal: Say) -> None:
    told, _ = terminal("plugins")
    whole, _ = terminal("plugins", wide=True)
    assert max(map(len, whole.splitlines())) > 80
    assert max(map(len, told.splitlines())) <= 80
    assert words(told) == words(whole)


def test_an_error_fits_and_breaks_between_words(terminal: Say, tmp_path: Path) -> None:
    settings = ("run", "-p", "ner", "-o", "ner.nothing_of_that_name=1", "-o", "ner.tran=x.conll")
    _, told = terminal(*settings)
    _, whole = terminal(*settings, wide=True)
    assert max(map(len, whole.splitlines())) > 80
    assert max(map(len, told.splitlines())) <= 80
    assert words(told) == words(whole)


def test_a_card_is_shown_without_the_marks_of_markdown(terminal: Say) -> None:
    for wide in (False, True):
        told, _ = terminal("plugins", "show", "ner", wide=wide)
        card = told[told.index("Finds named entities") :]
        assert "Papers" in card
        for mark in ("```", "**", "](", "\n#"):
            assert mark not in card, mark
        assert max(map(len, card.splitlines())) <= 80


def test_help_has_no_marks_of_the_library(terminal: Say) -> None:
    for command in (
        ["predict"],
        ["evaluate"],
        ["report"],
        ["plugins", "show"],
        ["ablate"],
        ["run"],
    ):
        told, _ = terminal(*command, "--help")
        assert "Usage: ft" in told
        assert not re.search(r"\{\w+\}|\[\[|range>", told), told


def test_where_a_value_inside_of_a_table_was_given(terminal: Say) -> None:
    told, _ = terminal(
        *("run", "--explain", "-p", "ner", "-o", "ner.train=a.conll"),
        *("-o", "ner.columns.tokens=word"),
        wide=True,
    )
    rows = {line.split()[0]: line for line in told.splitlines() if line.strip()}
    assert rows["columns"].endswith("-o ner.columns.tokens=word")
    assert rows["train"].endswith("-o ner.train=a.conll")
    assert rows["encoding"].endswith("default")


def test_a_long_word_stays_whole() -> None:
    path = "/a/very/long/path" * 8
    assert path in folded(f"  it is in {path} and nowhere else in the world", 40)[1]
    assert folded("short", 40) == ["short"]
    assert folded("long " * 40, None) == ["long " * 40]


def test_the_widest_column_is_broken() -> None:
    rows = [("one", "some words that take a lot of room in a line", 1), ("two", "few", 22)]
    lines = list(aligned(("name", "text", "count"), rows, 36))
    assert all(len(line) <= 36 for line in lines)
    assert lines[0].split() == ["name", "text", "count"]
    assert len(lines) > 3
    assert lines[-1].startswith("two")
    assert "some words" in lines[1]
    assert lines[1].endswith("1")
    # Too narrow to be of use: as wide as it is.
    assert list(aligned(("name", "text", "count"), rows, 20)) == list(
        aligned(("name", "text", "count"), rows)
    )
