"""A monitor that is stopped anywhere and begun again tells what one tells that never stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft_monitor.state
from ft_monitor.watch import Watch

FILES = ("alarms.jsonl", "index.jsonl")


class Killed(BaseException):
    """Stands for kill -9: nothing of the monitor runs after it."""


@pytest.fixture(scope="module")
def whole(
    posts: Callable[..., list[dict[str, Any]]],
    watcher: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[str]]:
    """The folder of a feed and of a monitor that never stopped, and the alarms that it told."""
    folder, told = tmp_path_factory.mktemp("whole"), []
    surges = [(24 * 16 + 12, 9, "price", 0.9), (24 * 20 + 9, 9, "service", 0.9)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ft_monitor.watch.SAVE", 0.0)
        own = posts(24, per_hour=2, surges=surges)
        watcher(folder)(own, folder / "whole", tell=lambda one: told.append(one["id"]))
    return folder, told


@pytest.mark.parametrize("when", ["before", "after", "within"])
def test_the_same_alarms(
    whole: tuple[Path, list[str]],
    watch: Callable[..., Watch],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    monkeypatch.setattr("ft_monitor.watch.SAVE", 0.0)
    folder, told = whole
    assert len(told) >= 2
    feed = folder / "feed.jsonl"
    calls = 0
    add, save = ft_monitor.state.Folder.add, ft_monitor.state.Folder.save

    def at(number: int) -> None:
        def stopped(method: Any) -> Any:
            def call(self: Any, *arguments: Any) -> None:
                nonlocal calls
                calls += 1
                if calls == number and when == "before":
                    raise Killed
                if calls == number and when == "within" and method is add and arguments[1]:
                    with self._files[arguments[0]].open("a") as stream:
                        stream.write('{"half a li')
                    raise Killed
                method(self, *arguments)
                if calls == number:
                    raise Killed

            return call

        monkeypatch.setattr(ft_monitor.state.Folder, "add", stopped(add))
        monkeypatch.setattr(ft_monitor.state.Folder, "save", stopped(save))

    # Stopped again and again, each time a little later than where it was begun.
    again: list[str] = []
    for k in range(60):
        calls = 0
        at(3 + 37 * k % 101)
        try:
            watch(feed, tmp_path / "out", tell=lambda one: again.append(one["id"]))
        except Killed:
            continue
        break
    monkeypatch.undo()
    watch(feed, tmp_path / "out", tell=lambda one: again.append(one["id"]))
    assert k > 10
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    # Told at least once each; once more where it was stopped between telling and noting that.
    assert set(again) == set(told)
