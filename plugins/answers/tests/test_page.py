"""The page of `ft serve`: the answer and the list are shown, and a person says what is right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("ft_serve", reason="the page is that of ft-serve")
browsers = pytest.importorskip("playwright.sync_api", reason="a browser shows the page")


def test_an_answer_is_shown_and_corrected(tmp_path: Path) -> None:
    """The page's own scripts with the view of this package, and an answer given to it."""
    import ft_serve
    from ft_serve.page import views

    (own,) = views(["answers"])
    common = Path(ft_serve.__file__).with_name("static") / "views.js"
    page_file = tmp_path / "page.html"
    scripts = [common.read_text(encoding="utf-8"), own]
    page_file.write_text(
        "<div id=view></div><div id=edit></div>" + "".join(f"<script>{s}</script>" for s in scripts)
    )
    told = {"answer": None, "items": ["2", "1"], "scores": [0.9, 0.2], "texts": ["A.", "B."]}
    shows = """([answer, item]) => {
        const by = (id) => document.getElementById(id);
        const view = ft.find(answer, item);
        view.show(answer, by("view"), item);
        const right = view.edit(answer, by("edit"), item);
        let error = "";
        try { right(); } catch (e) { error = e.message; }
        const rows = [1, 2].map((k) => { by(`answer-${k}`).checked = true; return right().rows[0]; });
        return [by("view").innerText, error, rows];
    }"""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium here")
    with browsers.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=120_000
        )
        page = browser.new_page()
        page.goto(page_file.as_uri())
        text, error, rows = page.evaluate(shows, [told, {"question": "why"}])
        browser.close()
    assert text.split("\n")[0] == "No answer fits."
    assert "A. 0.900" in text
    assert error == "Choose one."
    assert rows == [{"question": "why", "answer": "B."}, {"question": "why", "answer": ""}]
