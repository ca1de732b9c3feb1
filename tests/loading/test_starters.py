"""`ft.loading.starters.starter`: found from metadata, one owner, errors that name it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ft.contract.errors import DataError, PluginError
from ft.loading.starters import starter


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a distribution with one module and one starter named ``probe``."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution: str, code: str) -> None:
        module = distribution.replace("-", "_")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ft.starters]\nprobe = {module}:probe\n")
        (tmp_path / f"{module}.py").write_text(code)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def test_a_starter_returns_what_its_function_returns(install) -> None:
    install("probe-one", "def probe(): return {'train': 'a.csv'}")
    assert starter("probe") == {"train": "a.csv"}


def test_no_starter_is_none(install) -> None:
    install("probe-two", "raise RuntimeError('must not be imported')")
    assert starter("another") is None


def test_two_owners_are_refused_by_name_and_neither_is_imported(install) -> None:
    install("probe-three", "raise RuntimeError")
    install("probe-four", "raise RuntimeError")
    with pytest.raises(PluginError) as caught:
        starter("probe")
    assert "probe-four 1.0 and probe-three 1.0" in str(caught.value)
    assert "pip uninstall" in str(caught.value)


@pytest.mark.parametrize(
    "code", ["import nothing_of_this_name", "def probe(): raise ZeroDivisionError('oops')", "x = 1"]
)
def test_a_starter_that_fails_names_its_distribution(install, code: str) -> None:
    install("probe-five", code)
    with pytest.raises(PluginError, match=r"probe-five 1\.0"):
        starter("probe")


def test_an_error_of_ft_passes_through(install) -> None:
    install("probe-six", "from ft import DataError\ndef probe(): raise DataError('damaged')")
    with pytest.raises(DataError, match="damaged"):
        starter("probe")
