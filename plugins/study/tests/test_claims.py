"""Who gets a piece of work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ft_study import claims
from ft_study.claims import Claim, host, is_taken, take


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def owned(folder: Path, **owner: object) -> Claim:
    """A claim by somebody else."""
    claim = Claim(folder, "a", 1)
    claim.path.write_text(json.dumps({"host": "elsewhere", "process": 1, **owner}))
    return claim


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ft_study.claims import take; sys.stdin.read(1); "
        f"won = [take(Path({str(tmp_path)!r}), f'w{{k}}') is not None for k in range(40)]; "
        "print(str(won).lower(), flush=True); sys.stdin.read()"
    )
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for one in others:
        assert one.stdin
        one.stdin.write("x")
        one.stdin.flush()
    got = [json.loads(one.stdout.readline()) for one in others if one.stdout]
    for one in others:
        one.communicate()
    assert [sum(won) for won in zip(*got, strict=True)] == [1] * 40


def test_threads_of_one_process_do_not_share_it(tmp_path: Path) -> None:
    for k in range(20):
        with ThreadPoolExecutor(4) as pool:
            got = [*pool.map(lambda _, k=k: take(tmp_path, f"w{k}"), range(4))]
        assert sum(one is not None for one in got) == 1


def test_a_released_one_can_be_had_again(tmp_path: Path) -> None:
    claim = take(tmp_path, "a")
    assert claim is not None
    assert is_taken(tmp_path, "a")
    assert take(tmp_path, "a") is None
    claim.release()
    assert not is_taken(tmp_path, "a")
    again = take(tmp_path, "a")
    assert again is not None
    assert again.number == 2
    assert not claim.holds()


def test_that_of_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    owned(tmp_path, host=host(), process=dead_process())
    assert take(tmp_path, "a") is not None


def test_that_of_a_living_process_is_not(tmp_path: Path) -> None:
    owned(tmp_path, host=host(), process=os.getpid())
    assert take(tmp_path, "a") is None


def test_that_of_another_host_counts_as_long_as_it_is_touched(tmp_path: Path) -> None:
    claim = owned(tmp_path)
    assert take(tmp_path, "a") is None
    old = time.time() - claims.STALE_SECONDS - 5
    os.utime(claim.path, (old, old))
    assert take(tmp_path, "a") is not None


def test_a_claim_is_touched_and_its_loss_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.02)
    claim = take(tmp_path, "a")
    assert claim is not None
    os.utime(claim.path, (1, 1))
    lost = threading.Event()
    done = claim.keep(lost.set)
    deadline = time.monotonic() + 5
    while claim.path.stat().st_mtime < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert claim.path.stat().st_mtime > 2
    assert not lost.is_set()
    Claim(tmp_path, "a", 2).path.write_text("{}")
    assert lost.wait(5)
    done.set()


def test_names_that_begin_alike_are_different_work(tmp_path: Path) -> None:
    assert take(tmp_path, "a-seed1") is not None
    assert take(tmp_path, "a-seed10") is not None
    assert take(tmp_path, "a") is not None
