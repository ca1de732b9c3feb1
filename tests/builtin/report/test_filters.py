"""The examples in a real browser: what is shown, and what the filters leave."""

from __future__ import annotations

import json
from typing import Any

from ft import Label, Schema, Text, Words
from ft.builtin.report.build import write_report

WORDS = Schema(words=Words(labels=("O", "B-city", "I-city", "B-name", "I-name")))


def sentence(gold: str, found: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A sentence of the words a b c d, with tags such as ``"city - - name"``."""

    def tags(text: str) -> list[str]:
        kinds = text.split()
        return [
            "O" if kind == "-" else f"I-{kind[1:]}" if kind[0] == "+" else f"B-{kind}"
            for kind in kinds
        ]

    tokens = ["a", "b", "c", "d"]
    item = {"tags": tags(found), "scores": [0.9, 0.8, 0.7, 0.6]}
    return {"tokens": tokens, "tags": tags(gold), "place": "towns.conll:3"}, item


SENTENCES = [
    sentence("city - - -", "city - - -"),
    sentence("city - - -", "- - - -"),
    sentence("- - - -", "- - name -"),
    sentence("city - - -", "name - - -"),
    sentence("city +city - -", "city - - -"),
    sentence("city +city - -", "- name +name -"),
    sentence("- - - -", "- - - -"),
]


def test_sentences_are_filtered_by_kind_of_error_and_by_type(made: Any, look: Any) -> None:
    seen = look(made(WORDS, SENTENCES))
    assert seen.pills() == {
        "errors": 5,
        "wrong type": 2,
        "wrong border": 2,
        "wrong type and border": 1,
        "missed": 1,
        "invented": 1,
        "right": 2,
        "": 7,
    }
    assert len(seen.shown()) == 5
    for kind, told in {
        "missed": "missed city",
        "invented": "invented name 0.70",
        "wrong type and border": "city → name 0.75",
    }.items():
        seen.pill(kind)
        (text,) = seen.shown()
        assert told in text
        assert "towns.conll:3" in text
    seen.pill("wrong border")
    assert [("wrong border" in text) for text in seen.shown()] == [True, False]
    seen.pill("errors")
    seen.page.select_option("#gold", "(none)")
    assert [("invented name" in text) for text in seen.shown()] == [True]
    seen.page.select_option("#gold", "city")
    seen.page.select_option("#found", "name")
    assert len(seen.shown()) == 2
    seen.pill("right")
    assert seen.shown() == []
    assert "0 of the 7 examples" in seen.text("#count")


def test_gold_spans_are_underlined_and_predicted_ones_shaded(made: Any, look: Any) -> None:
    seen = look(made(WORDS, [sentence("city +city - -", "- name +name -")]))
    parts = seen.page.locator(".sentence span:not(.tag)")
    marks = [(one.inner_text(), one.get_attribute("class") or "") for one in parts.all()]
    assert marks == [("a", "g"), ("b", "g f"), ("c", "f"), ("d", "")]


def test_texts_with_the_least_likely_true_label_come_first(made: Any, look: Any) -> None:
    schema = Schema(texts=(Text("text"),), label=Label(names=("no", "yes")))
    chances = [("yes", 0.9), ("yes", 0.2), ("no", 0.05), ("no", 0.7), ("never seen", 0.5)]
    pairs = []
    for number, (gold, p) in enumerate(chances):
        scores = {gold: p, "no" if gold == "yes" else "yes": 1 - p}
        if gold == "never seen":
            scores = {"no": 0.5, "yes": 0.5}
        found = max(scores, key=lambda name: scores[name])
        example = {"text": f'text "number" {number}', "label": gold}
        pairs.append((example, {"label": found, "scores": scores}))
    seen = look(made(schema, pairs))
    assert seen.pills() == {"errors": 3, "wrong": 3, "right": 2, "": 5}
    order = [text.split("\n")[0] for text in seen.shown()]
    assert order == ['text "number" 4', 'text "number" 2', 'text "number" 1']
    assert "predicted yes 95.0 %" in seen.shown()[1]
    assert "gold no 5.0 %" in seen.shown()[1]
    seen.page.select_option("#order", "data")
    assert [text.split("\n")[0][-1] for text in seen.shown()] == ["1", "2", "4"]
    seen.page.fill("#search", '"NUMBER" 2')
    assert len(seen.shown()) == 1
    seen.page.fill("#search", "p_gold")
    assert seen.shown() == [], "what the page calls things is no text"
    seen.page.fill("#search", "")
    seen.page.click(".matrix button[data-gold='yes'][data-found='yes']")
    assert [text.split("\n")[0] for text in seen.shown()] == ['text "number" 0']
    assert seen.page.input_value("#gold") == "yes"


def test_examples_with_several_labels_are_filtered_by_each(made: Any, look: Any) -> None:
    schema = Schema(texts=(Text("text"),), label=Label(names=("a", "b"), kind="multi"))
    pairs = [
        ({"text": "one", "label": ["a", "b"]}, {"label": ["a"]}),
        ({"text": "two", "label": []}, {"label": ["b"]}),
        ({"text": "three", "label": []}, {"label": []}),
    ]
    seen = look(made(schema, pairs))
    assert seen.pills() == {"errors": 2, "missed": 1, "invented": 1, "right": 1, "": 3}
    seen.pill("missed")
    assert seen.page.inner_text("#list .good, #list .bad") == "predicted a"
    seen.page.select_option("#gold", "a")
    assert seen.shown() == []


def test_lists_show_the_item_that_was_taken(made: Any, look: Any) -> None:
    pairs = [
        (
            {"user": f"u{k}", "candidate": "Heat"},
            {"target": "i9", "items": items, "rank": rank, "among": 20, "history": ["i1"]},
        )
        for k, (items, rank) in enumerate([(["i9", "i1"], 1), (["i1", "i2"], 7)])
    ]
    titles = {"i9": "Heat", "i1": "Ronin"}
    schema = Schema(group="user", texts=(Text("candidate"),))
    seen = look(made(schema, pairs, titles=titles))
    assert seen.pills() == {"errors": 1, "not in the list": 1, "hit": 1, "": 2}
    (missed,) = seen.shown()
    assert "took Heat" in missed
    assert "rank 7 of 20" in missed
    seen.pill("hit")
    assert seen.page.inner_text(".ranked .hit").startswith("Heat")
    assert "before: Ronin" in seen.shown()[0]


def test_what_fits_no_role_is_shown_as_it_is(made: Any, look: Any) -> None:
    schema = Schema(texts=(Text("question"),))
    pairs = [({"question": f"why {k}?"}, {"answer": {"text": f"because {k}"}}) for k in range(30)]
    seen = look(made(schema, pairs))
    assert len(seen.shown()) == 20
    assert "because 0" in seen.shown()[0]
    seen.page.click("#more")
    assert len(seen.shown()) == 30


def test_numbers_are_drawn_and_sorted_by_error(made: Any, look: Any) -> None:
    schema = Schema(texts=(Text("text"),), label=Label("score", kind="number"))
    pairs = [
        ({"text": f"t{k}", "score": float(k)}, {"label": k + error})
        for k, error in enumerate([0.1, -3.0, 0.5])
    ]
    seen = look(made(schema, pairs))
    assert [text[:2] for text in seen.shown()] == ["t1", "t2", "t0"]
    assert seen.page.locator("figure.points svg").count() == 1


def test_a_report_of_two_splits_can_be_switched(made: Any, look: Any) -> None:
    folder = made(WORDS, SENTENCES)
    for name in ("examples.jsonl", "jsonl"):
        kept = (folder / "predictions" / f"test.{name}").read_text().splitlines()[:2]
        (folder / "predictions" / f"validation.{name}").write_text("\n".join(kept) + "\n")
    record = json.loads((folder / "record.json").read_text())
    record["metrics"]["validation"] = {"f1": {"value": 0.5, "low": None, "high": None}}
    (folder / "record.json").write_text(json.dumps(record))
    write_report(folder)
    seen = look(folder)
    assert seen.pills()[""] == 7
    seen.page.select_option("#split", "1")
    assert seen.pills()[""] == 2
