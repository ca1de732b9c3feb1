"""A browser that opens a page, and text that would do harm if a page took it for markup."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HOSTILE = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    '<svg onload="window.hacked = 1"></textarea>&lt;{{ 7 * 7 }}${1}"`--><!--]]>'
)
"""Text that would do something if any part of the page took it for markup or code."""

SLOW = 120_000
"""Milliseconds after which the browser is not slow but stuck."""


@pytest.fixture(scope="session")
def hostile() -> str:
    return HOSTILE


@dataclass
class Opened:
    """A page in the browser, and whatever it complained about or asked the network for."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def shown(self) -> list[str]:
        """The text of each example that the reader sees."""
        return [str(one) for one in self.page.locator("#list > li").all_inner_texts()]

    def pill(self, name: str) -> None:
        """Press one of the buttons that choose a kind."""
        self.page.click(f"#kinds button[data-kind='{name}']")

    def pills(self) -> dict[str, int]:
        """How many examples each kind has."""
        found = {}
        for one in self.page.locator("#kinds button").all():
            found[str(one.get_attribute("data-kind"))] = int(one.locator("small").inner_text())
        return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for one file of tests: a process takes one driver at a time, and other files have theirs."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium here: install Debian's package of that name")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=SLOW)
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Any) -> Iterator[Any]:
    """Opens the report of a run folder from its file; fails on anything the page complains of."""
    opened: list[Opened] = []

    def start(folder: Path, **settings: Any) -> Opened:
        context = chromium.new_context(**settings)
        context.set_default_timeout(SLOW)
        one = Opened(context.new_page())
        one.page.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        page = (folder / "report.html").resolve().as_uri()
        one.page.on(
            "request",
            lambda asked: one.complaints.append(asked.url) if asked.url != page else None,
        )
        one.page.goto(page)
        opened.append(one)
        return one

    yield start
    complaints = [text for one in opened for text in one.complaints]
    for one in opened:
        one.page.context.close()
    assert not complaints
