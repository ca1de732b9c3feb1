"""Passwords and tokens in settings are used and never written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ft
from ft.contract.secrets import is_masked, without_secrets

PLUGIN = """
import ft

class Config(ft.Config):
    uri: str = ""

class Places(ft.Plugin):
    Config = Config
    seen = []

    @ft.hookimpl
    def on_run_start(self, run):
        self.seen.append(self.config.uri)
"""


@given(
    st.text("abcdefgXYZ0123456789!$*-_.~%", min_size=1),
    st.text("abcdefgXYZ0123456789!$*-_.~%", min_size=1),
)
def test_no_password_stays_in_an_address(user: str, password: str) -> None:
    written = without_secrets(f"postgresql://{user}:{password}@db.example/runs?sslmode=on")
    assert written == f"postgresql://{user}:***@db.example/runs?sslmode=on"
    assert is_masked(written)


@pytest.mark.parametrize(
    "key", ["token", "api_key", "access_token", "password", "sig", "client_secret"]
)
def test_no_token_stays_in_a_query(key: str) -> None:
    written = without_secrets([f"https://example.org/x?a=1&{key}=abc123&b=2"])
    assert written == [f"https://example.org/x?a=1&{key}=***&b=2"]


@pytest.mark.parametrize(
    "value", ["a:b@c", "train.csv", "C:/x", "sqlite:///runs.db", 3, None, "https://h/p?page=2"]
)
def test_what_holds_no_secret_stays(value: Any) -> None:
    assert without_secrets(value) == value
    assert not is_masked(value)


def test_a_run_leaves_no_password_and_asks_for_it_again(go: Any, tmp_path: Path) -> None:
    plugin = tmp_path / "places.py"
    plugin.write_text(PLUGIN)
    uri = "postgresql://anna:hunter2@db/runs"
    run = go(["words", str(plugin)], max_steps=1, report=True, places={"uri": uri}).output
    for path in run.rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes(), path
    (run / "record.json").unlink()
    with pytest.raises(ft.ConfigError, match="without its secret") as caught:
        ft.run(resume=run)
    assert caught.value.where == "places.uri"
    assert ft.run(resume=run, places={"uri": uri}).metrics
