"""A process notices that another one is gone, wherever it waits itself."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from torch.distributed import HashStore

from ft.engine.ranks import heartbeat
from ft.engine.ranks.heartbeat import FAILED, Watch


class Ended:
    """Stands in for the end of the process."""

    def __init__(self) -> None:
        self.code: int | None = None
        self._event = threading.Event()

    def __call__(self, code: int) -> None:
        self.code = code
        self._event.set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(heartbeat, "BEAT", 0.02)
    monkeypatch.setattr(heartbeat, "SILENCE", 0.6)
    monkeypatch.setattr(heartbeat, "GRACE", 0.3)
    store = HashStore()
    store.set_timeout(timedelta(seconds=5))
    return store


def watches(store: Any, count: int) -> list[tuple[Watch, Ended]]:
    ends = [Ended() for _ in range(count)]
    return [
        (Watch(store, i, count, lambda: "start it again", end), end) for i, end in enumerate(ends)
    ]


def test_nobody_ends_while_all_give_signs_of_life(store: Any) -> None:
    both = watches(store, 2)
    for one, _ in both:
        one.start()
    assert not both[0][1].wait(1.5)
    for one, end in both:
        one.stop()
        assert end.code is None


def test_one_that_falls_silent_is_named(store: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (first, end), (second, _), (third, _) = watches(store, 3)
    for one in (first, second, third):
        one.start()
    second.stop()
    assert end.wait(5)
    first.stop()
    third.stop()
    assert end.code == 1
    said = capsys.readouterr().err
    assert "error: process 1 of 3 (counted from 0) has not been heard of" in said
    assert "start it again" in said


def test_one_that_never_begins_is_noticed(store: Any) -> None:
    (first, end), _ = watches(store, 2)
    first.start()
    assert end.wait(5)
    first.stop()


def test_one_that_failed_gives_the_others_time_and_a_reason(
    store: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, end), (second, _) = watches(store, 2)
    first.start()
    second.start()
    store.set(FAILED, "process 1 of 2 has ended: the disk is full")
    assert not end.wait(0.15)
    assert end.wait(5)
    first.stop()
    second.stop()
    assert "the disk is full" in capsys.readouterr().err


def test_a_store_that_is_gone_ends_it_too(store: Any) -> None:
    class Gone:
        def set(self, key: str, value: str) -> None:
            raise RuntimeError("connection reset by peer")

    end = Ended()
    one: Any = Watch(Gone(), 1, 2, lambda: "start it again", end)  # type: ignore[arg-type]
    one.start()
    assert end.wait(5)
    one.stop()
    assert "has ended, or cannot be reached" in str(one.error())
