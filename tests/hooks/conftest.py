"""What the tests of composition share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def any_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hooks return what is easy to compare: `tests/contract` has what each must return."""

    def as_it_is(hook: str, owner: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    monkeypatch.setattr("ft.hooks.chain.looked_at", as_it_is)
