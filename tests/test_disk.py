"""Disks that are full or read-only: one clear error, and nothing is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.errors import Interrupted


@pytest.mark.parametrize("largest", [2_000, 60_000, 120_000])
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
        subprocess.run(["umount", str(disk)], check=True)


def full_disk(
    failing: Any, children: Any, comparing: ModuleType, mount: Callable[[str], Path], size: int
) -> None:
    """Run where there is too little space, make more, and resume."""
    reference = failing.never(checkpoint_steps=2)
    disk = mount(f"size={size}k")
    output = disk / "run"
    config = reference / "config.toml"
    code, child = children.run(["run", "--config", config, "--output", output])
    assert code in (1, 2)
    assert child.stderr.startswith(f"error: {disk}")
    assert "No space left on device" in child.stderr
    assert "Traceback" not in child.stderr
    mount("size=100m")
    if (output / "config.toml").exists():
        ft.run(resume=output)
        comparing.assert_same(output, reference)


def test_a_full_disk_ends_the_run_cleanly(
    failing: Any,
    children: Any,
    comparing: ModuleType,
    small_disk: Callable[[str], Path],
) -> None:
    full_disk(failing, children, comparing, small_disk, 500)


@pytest.mark.faults
@pytest.mark.parametrize("size", [4, 8, 16, 40, 100, 140, 200, 300, 400, 600, 700, 800, 900, 1000])
def test_a_disk_full_at_any_file(
    failing: Any,
    children: Any,
    comparing: ModuleType,
    small_disk: Callable[[str], Path],
    size: int,
) -> None:
    full_disk(failing, children, comparing, small_disk, size)


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
