"""The page of a command, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ft import Intervals, Table, html_page


@pytest.mark.parametrize("width", [360, 1200])
def test_a_page_of_a_command_is_readable_and_takes_no_text_for_markup(
    look: Any, hostile: str, tmp_path: Path, width: int
) -> None:
    chart = Intervals(hostile, [(hostile, 0.2, 0.1, 0.3), ("b", -0.1, None, None)], hostile)
    table = Table(hostile, (hostile, "b"), ((hostile, 1), ("0.058 to 0.122", None)), hostile)
    page = html_page(hostile, hostile, [table], [hostile], [chart, Intervals("empty", [])])
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    seen = look(tmp_path, viewport={"width": width, "height": 800}, color_scheme="dark")
    assert seen.page.evaluate("window.hacked") is None
    assert seen.page.locator("script, img, textarea, [onerror], [onload]").count() == 0
    assert seen.page.locator("figure svg").count() == 1
    for place in ("h1", ".sub", "main > ul", "figcaption", "h4", "thead", "tbody"):
        assert hostile in seen.text(place)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert seen.page.evaluate(lightness) < 128
