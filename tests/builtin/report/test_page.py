"""The page as a file: safe against its data, small, readable everywhere."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ft import Label, Schema, Table, Text, Words
from ft.builtin.report.build import write_report

LIMIT = 1_500_000


class Elements(HTMLParser):
    """Counts the elements of a page, and keeps what its scripts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attrs}


def elements(folder: Path) -> Elements:
    found = Elements()
    found.feed((folder / "report.html").read_text(encoding="utf-8"))
    return found


def everywhere(folders: ModuleType, folder: Path, text: str, **more: Any) -> Path:
    """A run of which every name and every text of the data is ``text``."""
    schema = Schema(words=Words(labels=("O", f"B-{text}")))
    pairs = [
        ({"tokens": [text, "b"], "tags": [f"B-{text}", "O"], "place": text}, {"tags": tags})
        for tags in (["O", "O"], [f"B-{text}", "O"], ["B-x", "O"], ["O", f"B-{text}"])
    ]
    values = {"value": 0.5, "low": 0.4, "high": 0.6}
    record = {
        "plugins": [{"name": text, "distribution": text, "version": text, "source": text}],
        "chains": {text: f"{text}( standard )"},
        "libraries": {text: text},
        "machine": {text: text},
        "model": {"path": text, "files": {text: text}},
        "data": {
            text: {
                "examples": 4,
                "fingerprint": text,
                "files": [text],
                "statistics": {
                    "labels": {"of": "spans", "counts": {text: 3}},
                    "lengths": {text: {"unit": "words", "min": 1, "median": 2, "p95": 3, "max": 4}},
                },
            }
        },
        "notes": [text],
        "findings": [{"severity": "warning", "message": text, "places": [text]}],
        "stops": [{"plugin": text, "reason": text}],
        "best": {"step": 1, "metric": text, "value": 0.5},
        "main": text,
        "costs": [{"plugin": text, "hook": text, "calls": 1, "seconds": 0.1}],
        "metrics": {"test": {text: values, f"{text}/b": values}},
    }
    square = Table(text, ("gold", text, "b"), ((text, 1, 2), ("b", 3, 4)), text)
    tables = (square, Table(text, (text,), ((text,),), text))
    made: Path = folders.write(folder, schema, pairs, tables=tables, record=record, **more)
    (made / "config.toml").write_text(f"# {json.dumps(text)}\n")
    write_report(made)
    return made


def test_markup_in_the_data_stays_text(
    folders: ModuleType, look: Any, hostile: str, tmp_path: Path
) -> None:
    """Also in the charts: the name of a metric and of what a plugin logs."""
    logged = folders.log(hostile, [0.1, 0.2], f"{hostile}/logged")
    parts = folders.log(hostile, [0.1, 0.2], hostile.replace("/", "|"))
    seen = look(everywhere(folders, tmp_path / "run", hostile, training=[*logged, *parts]))
    assert seen.page.evaluate("window.hacked") is None
    assert seen.page.locator("script").count() == 2
    assert seen.page.locator("img, textarea, [onerror], [onload]").count() == 0
    # Words are cut at eighty characters, names in their middle.
    assert hostile[:80] in seen.text("#list")
    assert f"missed {hostile[:8]}" in seen.text("#list")
    assert hostile in seen.text("h1")
    seen.page.click("#errors button[data-found='(none)']")
    assert seen.page.input_value("#gold").startswith(hostile[:17])
    assert len(seen.shown()) == 2


@pytest.mark.parametrize("kind", ["label", "lists", "plain"])
def test_markup_in_texts_labels_and_titles_stays_text(
    made: Any, look: Any, hostile: str, kind: str
) -> None:
    schema, pairs = {
        "label": (
            Schema(texts=(Text("text"),), label=Label(names=(hostile, "b"))),
            [({"text": hostile, "label": hostile}, {"label": "b"})],
        ),
        "lists": (
            Schema(group="user", texts=(Text("text"),)),
            [({"text": hostile, "user": hostile}, {"target": hostile, "items": [hostile, "b"]})],
        ),
        "plain": (Schema(texts=(Text("text"),)), [({"text": hostile}, {hostile: hostile})]),
    }[kind]
    seen = look(made(schema, pairs, titles={hostile: hostile, "b": hostile}))
    seen.page.evaluate("document.querySelector('#kinds button:last-child')?.click()")
    assert seen.page.evaluate("window.hacked") is None
    assert hostile in seen.text("#list")
    assert seen.page.locator("img, textarea, [onerror], [onload]").count() == 0


def test_a_script_that_got_in_would_not_run(made: Any, chromium: Any) -> None:
    """The page's policy is the second line: escaping is the first."""
    folder = made(Schema(texts=(Text("text"),)), [({"text": "a"}, {"answer": "b"})])
    page = (folder / "report.html").read_text()
    bad = '<script>window.hacked = 1</script><img src="x" onerror="window.hacked = 1">'
    (folder / "report.html").write_text(page.replace("<main>", f"<main>{bad}"))
    opened = chromium.new_page()
    opened.goto((folder / "report.html").as_uri())
    assert opened.evaluate("window.hacked") is None
    opened.close()


@example(text="0" * 79)
@example(text="0" * 300)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1))
def test_no_text_changes_what_the_page_is_made_of(
    folders: ModuleType, held: Any, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    name = text.strip() or "blank"
    folder = everywhere(folders, tmp_path_factory.mktemp("any") / "run", f"x{name}")
    # A metric with a slash in its name is one that a plugin logged, which is drawn elsewhere.
    harmless = "x/a" if "/" in name else "xa"
    plain = everywhere(folders, tmp_path_factory.mktemp("any") / "run", harmless)
    ours, theirs = elements(folder), elements(plain)
    # The number of boxes depends on how many words a chain's name has.
    ours.counts.pop("span"), theirs.counts.pop("span")
    assert ours.counts == theirs.counts
    assert ours.attributes == theirs.attributes
    words = [one["words"][0] for one in held(folder)["splits"][0]["examples"]]
    left_out = len(name) + 1 - 80  # of a word longer than 80 characters
    shown = f"x{name[:79]} … (+{left_out:,} characters)" if left_out > 0 else f"x{name}"
    assert words == [shown] * 4


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("words", marks=pytest.mark.long),
        "texts",
        "classes",
        pytest.param("lists", marks=pytest.mark.long),
    ],
)
def test_the_page_stays_small_whatever_the_data(made: Any, held: Any, kind: str) -> None:
    long, many = "wörd <&> " * 2000, 3000
    schema, pairs = {
        "words": (
            Schema(words=Words()),
            [
                (
                    {"tokens": ["<wörd&>" * 30] * 400, "tags": ["B-a", "O"] * 200},
                    {"tags": ["O", f"B-type{k % 700}"] * 200},
                )
                for k in range(200)
            ],
        ),
        "texts": (
            Schema(texts=(Text("text"), Text("other")), label=Label(names=("a", "b"))),
            [({"text": long, "other": long, "label": "a"}, {"label": "b"}) for _ in range(many)],
        ),
        "classes": (
            Schema(texts=(Text("text"),), label=Label(names=tuple(map(str, range(many))))),
            [({"text": "t", "label": str(k)}, {"label": str(k * 7 % many)}) for k in range(many)],
        ),
        "lists": (
            Schema(group="user", texts=(Text("text"),)),
            [
                ({"text": long, "user": long}, {"target": long, "items": [long] * 50})
                for _ in range(500)
            ],
        ),
    }[kind]
    wide = Table("wide", tuple(map(str, range(400))), tuple((long,) * 400 for _ in range(5)))
    deep = Table("deep", ("a", "b"), tuple((long, k) for k in range(2000)))
    findings = [{"severity": "info", "message": long, "places": [long] * 10}] * 500
    record = {"findings": findings, "notes": [long] * 100}
    folder = made(schema, pairs, tables=[wide, deep], titles={long: long}, record=record)
    assert (folder / "report.html").stat().st_size <= LIMIT
    (split,) = held(folder)["splits"]
    assert 20 <= len(split["examples"]) < split["total"] == len(pairs)


def test_the_page_says_how_many_examples_it_holds(made: Any, look: Any) -> None:
    schema = Schema(texts=(Text("text"),), label=Label(names=("a", "b")))
    pairs = [({"text": f"t{k}", "label": "a"}, {"label": "b"}) for k in range(1000)]
    seen = look(made(schema, pairs))
    said = seen.text("#count")
    assert "of the 300 examples held here, chosen among all 1,000 of the split" in said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_a_phone_and_both_themes(
    folders: ModuleType, look: Any, tmp_path: Path, scheme: str, width: int
) -> None:
    name = "a-rather-long-name-" * 6
    folder = everywhere(folders, tmp_path / "run", name, training=folders.log(name, [0.1, 0.2]))
    seen = look(folder, color_scheme=scheme, viewport={"width": width, "height": 800})
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    lightness = seen.page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    )
    assert (lightness > 128) == (scheme == "light")
    # The charts take the colours of the page.
    ink = "getComputedStyle(document.body).color"
    text = "getComputedStyle(document.querySelector('#curves svg text')).fill"
    assert seen.page.evaluate(text) == seen.page.evaluate(ink)


def test_a_table_that_is_wide_scrolls_on_a_phone_and_breaks_no_word(made: Any, look: Any) -> None:
    names = ("corporation", "0.058 to 0.122", *("0.0890" for _ in range(9)))
    wide = Table("wide", tuple(map(str, range(len(names)))), (names,))
    schema = Schema(texts=(Text("text"),))
    folder = made(schema, [({"text": "a"}, {"answer": "b"})], tables=[wide])
    seen = look(folder, viewport={"width": 360, "height": 800})
    row = seen.page.locator("#errors .scroll tbody tr")
    assert row.evaluate("row => row.offsetHeight") < 45, "one line"
    assert row.evaluate("row => row.closest('.scroll').scrollWidth") > 360
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_single_part_of_the_loss_is_named(folders: ModuleType, made: Any, look: Any) -> None:
    schema = Schema(texts=(Text("text"),))
    training = folders.log("f1", [0.1, 0.2], "mixing")
    seen = look(made(schema, [({"text": "a"}, {"answer": "b"})], training=training))
    assert "Part of the loss: mixing" in seen.text("#curves")


def test_in_print_everything_is_open_and_no_control_is_left(made: Any, look: Any) -> None:
    pairs = [({"text": "a", "label": "a"}, {"label": "b"})]
    schema = Schema(texts=(Text("text"),), label=Label(names=("a", "b")))
    seen = look(made(schema, pairs), color_scheme="dark")
    ink = "getComputedStyle(document.documentElement).getPropertyValue('--s1').trim()"
    on_screen = seen.page.evaluate(ink)
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    seen.page.emulate_media(media="print", color_scheme="dark")
    assert seen.page.evaluate(ink) != on_screen, "paper is light"
    assert "seed = 7" in seen.text("#origin")
    assert not seen.page.is_visible("#filters")
    assert not seen.page.is_visible("nav")
    assert "predicted b" in seen.text("#list")
