from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ft import FtError
from ft.data.read_tables import read_table
from ft.data.rows.cache import cache_folder

CSV = "text,label\na,x\nb,y\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "given"))
    assert cache_folder("data") == tmp_path / "given" / "data"
    monkeypatch.delenv("FT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("data") == tmp_path / "xdg" / "ft" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder("data") == tmp_path / "home" / ".cache" / "ft" / "data"


def test_a_file_is_read_once(cache: Path, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a.csv", CSV)
    first = read_table(path, owner="t")
    monkeypatch.setattr("ft.data.formats.delimited.read_delimited", None)
    again = read_table(path, owner="t")
    moved = read_table(write("d/b.csv", CSV), owner="t")
    assert first[:] == again[:] == moved[:]
    assert len(entries(cache)) == 1


def test_the_content_tells_not_the_time(cache: Path, write: Any) -> None:
    path = write("a.csv", CSV)
    read_table(path, owner="t")
    stat = path.stat()
    path.write_bytes(CSV.replace("a", "A").encode())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert read_table(path, owner="t")["text"][:] == ["A", "b"]


def test_settings_that_read_otherwise_have_entries_of_their_own(
    cache: Path, write: Any, words: Any
) -> None:
    path = write("a.conll", "1 Ann B-PER\n2 runs O\n")
    assert words(path).splits["train"]["tokens"][0] == ["Ann", "runs"]
    assert words(path, token_column=0).splits["train"]["tokens"][0] == ["1", "2"]


@pytest.mark.parametrize("name", ["rows.arrow", "bad.jsonl", "meta.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "missing", "empty", "folder"])
def test_a_damaged_entry_is_built_anew(cache: Path, write: Any, name: str, damage: str) -> None:
    path = write("a.csv", CSV)
    before = read_table(path, owner="t")[:]
    (entry,) = entries(cache)
    file = entry / name
    content = file.read_bytes()
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2] if content else b"{")
    elif damage == "flip":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + b"\xff" + content[middle + 1 :])
    elif damage == "empty":
        file.write_bytes(b"")
    assert read_table(path, owner="t")[:] == before
    assert json.loads((entry / "meta.json").read_text())["rows"] == 2


def test_nothing_is_left_of_a_file_that_cannot_be_read(cache: Path, write: Any) -> None:
    with pytest.raises(FtError):
        read_table(write("a.csv", 'text,label\n"a,x\n'), owner="t")
    assert entries(cache) == []


def test_a_file_that_changes_while_it_is_read(cache: Path, write: Any, monkeypatch: Any) -> None:
    from ft.data.formats import delimited

    path = write("a.csv", CSV)
    read = delimited.read_delimited

    def changing(*args: Any) -> Any:
        yield from read(*args)
        path.write_text(CSV + "c,x\n")

    monkeypatch.setattr(delimited, "read_delimited", changing)
    with pytest.raises(FtError, match=r"a\.csv: was changed while it was being read"):
        read_table(path, owner="t")
    assert entries(cache) == []


def test_what_is_old_goes_and_what_is_used_stays(cache: Path, write: Any) -> None:
    paths = [write(f"{i}.csv", f"text,label\n{i},x\n") for i in range(3)]
    for path in paths[:2]:
        read_table(path, owner="t")
    old = 40 * 86400
    for entry in entries(cache):
        os.utime(entry, (entry.stat().st_atime - old, entry.stat().st_mtime - old))
    half = cache / "building-x"
    half.mkdir()
    os.utime(half, (half.stat().st_atime - old, half.stat().st_mtime - old))
    kept = read_table(paths[0], owner="t")
    read_table(paths[2], owner="t")
    assert len(entries(cache)) == 2
    assert not half.exists()
    assert kept["text"][:] == ["0"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_without_leave_to_write(cache: Path, write: Any) -> None:
    cache.parent.mkdir()
    cache.parent.chmod(0o500)
    with pytest.raises(
        FtError, match=r"the cache cannot be written: Permission denied\n.*FT_CACHE"
    ):
        read_table(write("a.csv", CSV), owner="t")


def test_a_cache_that_is_a_file(cache: Path, write: Any) -> None:
    write("cache", "x")
    with pytest.raises(FtError, match=r"cache: the cache cannot be written: (.|\n)*FT_CACHE"):
        read_table(write("a.csv", CSV), owner="t")


def test_a_full_disk(cache: Path, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ft.data.rows.cache._write_arrow", full)
    with pytest.raises(FtError, match="the cache cannot be written: No space left on device"):
        read_table(write("a.csv", CSV), owner="t")
    assert entries(cache) == []


READ = """
import sys
from ft.data.read_tables import read_table
print(hash(tuple(read_table(sys.argv[1], owner="t")["text"][:])))
"""


def test_several_processes_at_once(cache: Path, write: Any) -> None:
    path = write("a.csv", "text,label\n" + "".join(f"text {i},x\n" for i in range(20_000)))
    command = [sys.executable, "-c", READ, str(path)]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    said = {run.communicate(timeout=60)[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert len(said) == 1
    assert len(entries(cache)) == 1
