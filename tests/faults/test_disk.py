"""Disks that are full or read-only: one clear error, and nothing is lost."""

from __future__ import annotations

import gc
import re
import subprocess
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.contract.errors import Interrupted
from ft.engine.resume import checkpoint

FILL = Path(__file__).with_name("fill.py")


@pytest.mark.parametrize("largest", [5_000, 60_000, 120_000])
def test_a_file_that_cannot_grow_ends_the_run_cleanly(
    failing: Any, children: Any, comparing: ModuleType, largest: int
) -> None:
    """As on a full disk, but without one: no file may be larger than so many bytes."""
    reference = failing.never(checkpoint_steps=2)
    output = failing.folder / "full"
    code, child = children.run(
        ["run", "--config", reference / "config.toml", "--output", output], largest_file=largest
    )
    assert code == 1
    assert child.stderr.startswith(f"error: {output}")
    assert "File too large" in child.stderr
    assert f"ft run --resume {output}" in child.stderr
    assert "Traceback" not in child.stderr
    ft.run(resume=output)
    comparing.assert_same(output, reference)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system with options such as ``size=1m``; again with others, to change them."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        how = f"remount,{options}" if mounted else options
        try:
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(disk)], capture_output=True
            )
        except FileNotFoundError:
            pytest.skip("there is no mount here")
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
        mounted = True
        return disk

    yield mount
    if mounted:
        gc.collect()  # tensors of a run that failed may still be mapped from its files
    subprocess.run(["umount", str(disk)], check=True)


class Filling:
    """Runs on a disk that fills up but for some kB, which are then resumed."""

    def __init__(self, go: Any, children: Any, comparing: ModuleType, mount: Any) -> None:
        self.go, self.children, self.comparing, self.mount = go, children, comparing, mount

    def __call__(self, share: float, when: str) -> None:
        """Leave so much of what the checkpoints, or the model and the predictions, take."""
        plugins = ["words", "wobble", str(FILL)]
        reference = self.go(plugins, epochs=2, checkpoint_steps=2, keep_checkpoints=2).output
        parts = ["checkpoints"] if when == "training" else ["model", "predictions"]
        leave = int(share * sum(kilobytes(reference / part) for part in parts))
        disk = self.mount("size=30m")
        armed, output = reference.parent / "armed", disk / "run"
        armed.touch()
        settings = {"armed": armed, "leave": leave, "when": when}
        options = [
            part for key, value in settings.items() for part in ("-o", f"fill.{key}={value}")
        ]
        command = ["run", "--config", reference / "config.toml", "--output", output, *options]
        code, child = self.children.run(command)
        assert not armed.exists()
        assert code == 1, child.stdout
        assert child.stderr.startswith(f"error: {disk}")
        assert "No space left on device" in child.stderr
        assert f"ft run --resume {output}" in child.stderr
        assert "Traceback" not in child.stderr
        (disk / "ballast").unlink()
        ft.run(resume=output)
        self.comparing.assert_same(output, reference)


def kilobytes(folder: Path) -> int:
    """What the files of a folder take in blocks of a tmpfs."""
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return sum(4 * -(-size // 4096) for size in sizes)


@pytest.fixture
def filling(
    go: Any, children: Any, comparing: ModuleType, small_disk: Callable[[str], Path]
) -> Filling:
    return Filling(go, children, comparing, small_disk)


@pytest.mark.parametrize(("share", "when"), [(0.6, "training"), (0.9, "end")])
def test_a_full_disk_ends_the_run_cleanly(filling: Filling, share: float, when: str) -> None:
    filling(share, when)


@pytest.mark.faults
@pytest.mark.parametrize("when", ["training", "end"])
@pytest.mark.parametrize(
    "share", [0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
)
def test_a_disk_full_at_any_file(
    filling: Filling, tally: Callable[..., None], share: float, when: str
) -> None:
    filling(share, when)
    tally(full_disks=1)


@pytest.mark.parametrize("size", [300, 900])
def test_a_disk_that_is_too_small_is_refused_before_training(
    failing: Any, children: Any, small_disk: Callable[[str], Path], size: int
) -> None:
    config = failing.never() / "config.toml"
    disk = small_disk(f"size={size}k")
    code, child = children.run(["run", "--config", config, "--output", disk / "run"])
    assert code == 2
    said = (
        r"error: \S+: the run needs [\d.]+ MB and the disk has [\d.]+ [kM]B free: 3 checkpoints of"
    )
    assert re.match(said, child.stderr), child.stderr
    assert "run.keep_checkpoints" in child.stderr
    assert not (disk / "run" / "metrics.jsonl").exists()


def test_the_space_that_is_asked_for_is_what_a_run_takes(
    go: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most that checkpoints and best weights ever take is below it, but not far."""
    asked, taken = [], [0]
    write, require = checkpoint.write_folder, checkpoint.Checkpoints.require_space
    usage = namedtuple("usage", "total used free")

    def measured(folder: Path, *rest: Any) -> None:
        write(folder, *rest)
        taken.append(sum(path.stat().st_size for path in folder.parent.rglob("*.safetensors")))

    def refuse(self: Any, *rest: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint.shutil, "disk_usage", lambda _: usage(1, 1, 0))
            with pytest.raises(ft.UserError) as caught:
                require(self, *rest)
        asked.append(float(re.search(r"needs ([\d.]+) MB", str(caught.value))[1]))  # type: ignore[index]

    monkeypatch.setattr(checkpoint, "write_folder", measured)
    monkeypatch.setattr(checkpoint.Checkpoints, "require_space", refuse)
    settings = {"checkpoint_steps": 1, "evaluate_steps": 1, "metric": "loss", "keep_checkpoints": 2}
    go(["words"], epochs=2, **settings)
    assert 0.7 * asked[0] < max(taken) / 1e6 <= 1.05 * asked[0]


def test_a_folder_that_cannot_be_written_is_one_clear_error(
    go: Callable[..., Any], small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("size=10m")
    go(["words"], disk / "run", max_steps=1)
    small_disk("ro")
    with pytest.raises(ft.UserError, match="Read-only file system") as caught:
        go(["words"], disk / "other")
    assert str(disk / "other") in str(caught.value)


def test_a_run_in_a_folder_that_cannot_be_written_is_not_resumed(
    failing: Any, small_disk: Callable[[str], Path]
) -> None:
    failing.folder = small_disk("size=10m")
    output = failing.stopped(Interrupted, how="int", step=2)
    small_disk("ro")
    with pytest.raises(ft.UserError, match="Read-only file system") as caught:
        ft.run(resume=output)
    assert str(output) in str(caught.value)


def test_a_file_in_the_place_of_the_folder(go: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ft.UserError, match="cannot make the run folder") as caught:
            go(["words"], output)
        assert str(output) in str(caught.value)
