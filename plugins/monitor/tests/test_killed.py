"""`kill -9` at 200 moments: the files are those of a monitor that was never killed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft_monitor.watch import Watch

KILLS = 200


@pytest.mark.long
def test_killed_at_200_moments(
    posts: Callable[..., list[dict[str, Any]]],
    watch: Callable[..., Watch],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ft_monitor.watch.SAVE", 0.0)
    surges = [(24 * 16 + 12, 9, "price", 0.9), (24 * 20 + 9, 9, "service", 0.9)]
    began = time.monotonic()
    watch(posts(24, per_hour=2, surges=surges), tmp_path / "whole")
    whole = time.monotonic() - began
    rng, killed, rounds = random.Random(0), 0, 0
    while killed < KILLS:
        rounds += 1
        out = tmp_path / f"out{rounds}"
        finished = False
        while not finished:
            child = os.fork()
            if child == 0:
                watch(tmp_path / "feed.jsonl", out)
                os._exit(0)
            time.sleep(rng.uniform(0, whole / 8))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            finished = not os.WIFSIGNALED(status)
            killed += not finished
        for name in ("alarms.jsonl", "index.jsonl"):
            assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert len((tmp_path / "whole" / "alarms.jsonl").read_bytes().splitlines()) >= 2
