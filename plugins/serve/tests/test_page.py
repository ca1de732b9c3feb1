"""The page in a real browser: asked, answered, corrected, with the mouse and with the keyboard."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ft

SLOW = 120_000
HOSTILE = "<img src=x onerror='window.hacked = 1'></script><script>window.hacked = 1</script>"
SIZES = [{"width": 1280, "height": 900}, {"width": 390, "height": 800}]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium here: install Debian's package of that name")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=SLOW)
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens the page of a server; it asks nobody else for anything, and complains of nothing."""
    opened: list[Any] = []
    complaints: list[str] = []

    def start(client: Any, **settings: Any) -> Any:
        context = chromium.new_context(**settings)
        context.set_default_timeout(SLOW)
        page = context.new_page()
        own = f"http://127.0.0.1:{client.port}/"
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith((own, "data:,")) else complaints.append(asked.url)
            ),
        )
        page.goto(own)
        opened.append(context)
        return page

    yield start
    for context in opened:
        context.close()
    assert complaints == []


class Says:
    """Makes a model that gives one answer to everything."""

    def __init__(self, fake: Any, answer: dict[str, Any], item: dict[str, Any], **own: Any) -> None:
        self.model = fake(**own)
        values = {
            name: {"type": "string"} for name, value in item.items() if isinstance(value, str)
        }
        schema = {
            "type": "object",
            "properties": values,
            "required": list(item),
            "examples": [item],
        }
        self.model.request_schema = lambda: schema
        self.model.answer = lambda items: [ft.Answer({**one, **answer}, tokens=3) for one in items]


WORDS = ft.Schema(words=ft.Words(labels=("O", "B-PER", "I-PER", "B-LOC", "I-LOC")))


def tagger(fake: Any) -> Any:
    text = "😀 Anna saw New York"
    answer = {
        "tokens": ["😀", "Anna", "saw", "New", "York"],
        "offsets": [[0, 1], [2, 6], [7, 10], [11, 14], [15, 19]],
        "tags": ["O", "B-PER", "O", "O", "O"],
        "entities": [
            {
                "type": "PER",
                "text": "Anna",
                "start": 2,
                "end": 6,
                "first": 1,
                "last": 1,
                "score": 0.9,
            }
        ],
    }
    return Says(fake, answer, {"text": text}, schema=WORDS, labels=WORDS.words.labels).model


@pytest.mark.parametrize("size", SIZES, ids=["wide", "narrow"])
def test_entities_are_marked_and_corrected(
    served: Any, fake: Any, look: Any, tmp_path: Path, size: Any
) -> None:
    page = look(served({"first": tagger(fake)}, corrections=tmp_path), viewport=size)
    page.click("#go")
    assert page.inner_text("mark") == "AnnaPER"
    assert page.inner_text(".text").startswith("😀 Anna")
    page.click("#wrong")
    page.click("#editor .word:nth-child(2)")  # Anna is nobody
    page.select_option("#kind", "LOC")
    page.click("#editor .word:nth-child(4)")
    page.click("#editor .word:nth-child(5)")
    page.click("#fix button:not([type])")
    page.wait_for_selector("#kept:has-text('Kept')")
    (row,) = map(json.loads, (tmp_path / "first.jsonl").read_text(encoding="utf-8").splitlines())
    assert row["tags"] == ["O", "O", "O", "B-LOC", "I-LOC"]
    assert row["tokens"][0] == "😀"
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(wide)


def test_by_keyboard_alone(served: Any, fake: Any, look: Any, tmp_path: Path) -> None:
    page = look(served({"first": tagger(fake)}, corrections=tmp_path))
    page.wait_for_selector("textarea")

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        pytest.fail(f"{selector} cannot be reached")

    tab_to("textarea")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("mark")
    tab_to("#wrong")
    page.keyboard.press("Enter")
    tab_to("#editor .word:nth-child(2)")
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.textContent") == "Anna"
    tab_to("#fix button:not([type])")
    page.keyboard.press("Enter")
    page.wait_for_selector("#kept:has-text('Kept')")
    assert json.loads((tmp_path / "first.jsonl").read_text())["tags"] == ["O"] * 5


def test_labels_are_bars_and_corrected(served: Any, fake: Any, look: Any, tmp_path: Path) -> None:
    answer = {"label": "pos", "probability": 0.75, "scores": {"neg": 0.25, "pos": 0.75}}
    model = Says(fake, answer, {"text": "good"}).model
    page = look(served({"first": model}, corrections=tmp_path))
    page.fill("textarea", HOSTILE)
    page.click("#go")
    page.wait_for_selector("meter")
    assert page.inner_text(".bars").split("\n") == ["pos", "75.0 %", "neg", "25.0 %"]
    assert page.evaluate("window.hacked") is None
    page.click("#wrong")
    page.check("input[value=neg]")
    page.click("#fix button:not([type])")
    page.wait_for_selector("#kept:has-text('Kept')")
    row = json.loads((tmp_path / "first.jsonl").read_text())
    assert (row["text"], row["label"]) == (HOSTILE, "neg")


def test_a_list_is_ranked_and_corrected(served: Any, fake: Any, look: Any, tmp_path: Path) -> None:
    item = {"query": "cats", "candidates": ["a dog", "a cat"]}
    answer = {"items": ["2", "1"], "scores": [0.9, 0.2], "texts": ["a cat", "a dog"]}
    model = Says(fake, answer, item).model
    page = look(served({"first": model}, corrections=tmp_path))
    page.click("#go")
    page.wait_for_selector("ol li")
    assert page.locator("#view ol li").all_inner_texts() == ["a cat 0.900", "a dog 0.200"]
    page.click("#wrong")
    page.check("#item-1")
    page.click("#fix button:not([type])")
    page.wait_for_selector("#kept:has-text('Kept: 2')")
    rows = [json.loads(line) for line in (tmp_path / "first.jsonl").read_text().splitlines()]
    assert [(row["query"], row["text"], row["grade"]) for row in rows] == [
        ("cats", "a cat", 0),
        ("cats", "a dog", 1),
    ]


def test_several_tasks_are_shown_and_one_is_corrected(
    served: Any, fake: Any, look: Any, tmp_path: Path
) -> None:
    one = ft.Schema(texts=(ft.Text("text"),), label=ft.Label(names=("neg", "pos")))
    tasks = {"mood": {"schema": one.to_json()}, "names": {"schema": WORDS.to_json()}}
    answer = {
        "tokens": ["Anna", "came"],
        "offsets": [[0, 4], [5, 9]],
        "mood": {"label": "pos", "scores": {"neg": 0.25, "pos": 0.75}},
        "names": {"tags": ["B-PER", "O"], "entities": [{"type": "PER", "first": 0, "last": 0}]},
    }
    schema = ft.Schema(texts=(ft.Text("text"),), extra={"tasks": tasks})
    model = Says(fake, answer, {"text": "Anna came"}, schema=schema, labels=()).model
    page = look(served({"first": model}, corrections=tmp_path), viewport=SIZES[1])
    page.click("#go")
    assert page.inner_text("[data-task=names] mark") == "AnnaPER"
    assert page.inner_text("[data-task=mood] .label") == "pos"
    page.click("#wrong")
    page.select_option("#task", "mood")
    page.check("input[value=neg]")
    page.click("#fix button:not([type])")
    page.wait_for_selector("#kept:has-text('Kept: 1')")
    page.select_option("#task", "names")
    page.click("#editor .word:nth-child(1)")
    with page.expect_response(
        lambda one: one.request.method == "POST"
    ):  # the page says what it said
        page.click("#fix button:not([type])")
    assert json.loads((tmp_path / "first" / "mood.jsonl").read_text())["label"] == "neg"
    assert json.loads((tmp_path / "first" / "names.jsonl").read_text())["tags"] == ["O", "O"]


def test_an_answer_is_marked_in_its_context_and_corrected(
    served: Any, fake: Any, look: Any, tmp_path: Path
) -> None:
    """By the view that the package of `qa` brings."""
    pytest.importorskip("ft_qa")
    item = {"question": "who", "context": "😀 Anna Maria went to London"}
    best = [{"answer": "London", "start": 21, "end": 27, "score": 1.5}]
    answer = {**item, "answer": "London", "answers": [{"start": 21, "end": 27}], "best": best}
    model = Says(fake, answer, item).model
    model.plugins = ("qa",)
    page = look(served({"first": model}, corrections=tmp_path), viewport=SIZES[1])
    page.click("#go")
    assert page.inner_text("#view mark") == "London"
    assert page.locator("#view ol li").all_inner_texts() == ["London 1.50"]
    page.click("#wrong")
    for presses, right in (((2, 3), [{"text": "Anna Maria", "start": 2}]), ((3, 3), [])):
        for word in presses:
            page.click(f"#editor .word:nth-child({word})")
        page.click("#fix button:not([type])")
        page.wait_for_selector("#kept:has-text('Kept: 1')")
        row = json.loads((tmp_path / "first.jsonl").read_text().splitlines()[-1])
        assert (row["question"], row["context"]) == (item["question"], item["context"])
        assert row["answers"] == right
        page.evaluate("document.getElementById('kept').textContent = ''")


def test_what_may_be_a_text_is_asked_for_as_a_text(served: Any, fake: Any, look: Any) -> None:
    """A source of `seq2seq` is a text, or turns as JSON."""
    seq2seq = pytest.importorskip("ft_seq2seq")
    model = Says(fake, {"target": "Gut."}, {"source": "x"}).model
    schema = seq2seq.Seq2Seq().request_schema(None)
    model.request_schema = lambda: schema
    page = look(served({"first": model}))
    assert page.inner_text("#fields label") == "source"
    assert page.input_value("#field-0") == "How are you?"
    page.click("#as-json")
    assert json.loads(page.input_value("#field-0")) == {"source": "How are you?"}


def test_anything_else_is_shown_as_it_is(served: Any, fake: Any, look: Any) -> None:
    page = look(served({"first": Says(fake, {"sum": 7}, {"text": "a"}).model}))
    page.click("#go")
    page.wait_for_selector("#view pre")
    assert json.loads(page.inner_text("#view pre")) == {"text": "a", "sum": 7}
    assert page.is_hidden("#wrong")  # this server keeps no corrections


def test_a_package_brings_a_view_of_its_own(
    served: Any, fake: Any, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = (
        "ft.view({ fits: (a) => 'sum' in a, show(a, box) { box.append(ft.make('b', a.sum)); } });"
    )
    monkeypatch.setattr("ft_serve.app.page", _page_with(view))
    page = look(served({"first": Says(fake, {"sum": 7}, {"text": "a"}).model}))
    page.click("#go")
    assert page.inner_text("#view b") == "7"


def _page_with(view: str) -> Callable[..., str]:
    from ft_serve import page

    def made(nonce: str, plugins: Any) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(page, "views", lambda plugins: [view])
            return page.page(nonce, plugins)

    return made


def test_the_key_is_asked_for_and_wrong_items_are_told(served: Any, look: Any) -> None:
    page = look(served(api_key="k" * 20))
    page.wait_for_selector("#key-form:not([hidden])")
    page.fill("#key", "k" * 20)
    page.click("#key-form button")
    page.wait_for_selector("#ask:not([hidden])")
    page.click("#as-json")
    page.fill("textarea", '{"text": 3}')
    page.click("#go")
    page.wait_for_selector("#said.error")
    assert page.inner_text("#said") == "'text' is no text"
    page.fill("textarea", "{")
    page.click("#go")
    page.wait_for_selector("#said:has-text('not JSON')")


def test_an_image_is_chosen_and_sent_with_the_item(
    served: Any, fake: Any, look: Any, tmp_path: Path
) -> None:
    """A small file as it is, a large one drawn smaller, what is no image not at all."""
    images = pytest.importorskip("PIL.Image", reason="Pillow makes the images")
    schema = ft.Schema(images=("image",), label=ft.Label(names=("neg", "pos")))
    says = Says(fake, {"label": "pos", "scores": {"neg": 0.1, "pos": 0.9}}, {}, schema=schema)
    text = {"type": "string", "format": "path", "contentMediaType": "image/*"}
    asked = {"type": "object", "properties": {"image": text}, "required": ["image"]}
    says.model.request_schema = lambda: {"anyOf": [text, asked], "examples": [{"image": "data:,"}]}
    page = look(served({"first": says.model}, corrections=tmp_path))
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    images.new("RGB", (8, 8), (9, 9, 9)).save(small)
    images.effect_noise((1200, 800), 90).save(large)
    sizes = []
    for file in (small, large):
        page.fill("textarea", "")
        page.set_input_files("input[type=file]", file)
        deadline = time.monotonic() + 30
        while not page.input_value("textarea"):  # the page's policy allows no script of ours
            assert time.monotonic() < deadline
            page.wait_for_timeout(50)
        page.click("#go")
        page.wait_for_selector("#view .label")
        sizes.append(len(page.input_value("textarea")))
        assert page.input_value("textarea").startswith("data:image/")
    assert sizes[0] < 300 < sizes[1] < 100_000 < large.stat().st_size
    page.fill("textarea", "")
    page.set_input_files(
        "input[type=file]", {"name": "a.png", "mimeType": "image/png", "buffer": b"x" * 80_000}
    )
    page.wait_for_selector("#said:has-text('This file cannot be read.')")
