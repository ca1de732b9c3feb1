"""A cache that other users can write to is not read."""

from __future__ import annotations

from pathlib import Path

import pytest

import ft
from ft.data.rows.cache import cache_folder


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777])
@pytest.mark.parametrize("part", ["", "data"])
def test_others_may_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, part: str
) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    cache_folder("data")
    (tmp_path / "cache" / part).chmod(mode)
    with pytest.raises(ft.UserError, match="other users can write to the cache"):
        cache_folder("data")


def test_a_cache_of_ones_own_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "deep" / "cache"))
    folder = cache_folder("data")
    assert folder == tmp_path / "deep" / "cache" / "data"
    assert {one.stat().st_mode & 0o777 for one in (folder, folder.parent)} == {0o700}


def test_a_cache_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "file"))
    with pytest.raises(ft.UserError, match="the cache cannot be written") as caught:
        cache_folder("data")
    assert caught.value.where == str(tmp_path / "file")
