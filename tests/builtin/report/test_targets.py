"""The report shows each target's gold answer and prediction by its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ft import Label, Schema, Target, Text, Words
from ft.builtin.report.views.targets import TargetsView

TEXT = Schema(texts=(Text("source"),), targets=(Target("target", kind="text"),))
ANSWERS = Schema(
    texts=(Text("question"), Text("context", editable=False)),
    targets=(Target("answers", kind="spans"),),
)
NESTED = Schema(texts=(Text("text", editable=False),), targets=(Target("found", ("A",), "spans"),))
RELATIONS = Schema(texts=(Text("text"),), targets=(Target("links", ("born_in",), "relations"),))
ORDER = Schema(texts=(Text("text"),), targets=(Target("ranking", kind="order"),))
SEVERAL = Schema(
    words=Words(labels=("O", "B-x")),
    targets=(
        Label("stars", ("1", "2"), "ordinal"),
        Label("topics", ("a", "b"), "multi"),
        Label("size", kind="number"),
    ),
)
TASKS = Schema(
    texts=(Text("text"),),
    targets=(Label("topic.label", ("a", "b")), Target("names.tags", ("O", "B-x"), "tags")),
)


def span(start: int, end: int, **label: str) -> dict[str, Any]:
    return {"start": start, "end": end, **label}


CASES = [
    (
        TEXT,
        [
            ({"source": "one two", "target": "eins zwei"}, {"target": "eins  zwei"}),
            ({"source": "two", "target": "zwei"}, {"target": ""}),
        ],
        [[("target", "zwei", "(none)", False)], [("target", "eins zwei", "eins  zwei", True)]],
    ),
    (
        ANSWERS,
        [
            (
                {"question": "who", "context": "anna saw ben", "answers": gold},
                {"answers": found},
            )
            for gold, found in (
                ([span(0, 4), span(9, 12)], [span(9, 12)]),
                ([span(0, 4)], []),
                ([], [span(5, 8)]),
                ([], []),
            )
        ],
        [
            [("answers", "anna", "(none)", False)],
            [("answers", "(none)", "saw", False)],
            [("answers", "anna; ben", "ben", True)],
            [("answers", "(none)", "(none)", True)],
        ],
    ),
    (
        NESTED,
        [
            (
                {"text": "new york city", "found": [span(0, 8, label="A")]},
                {"found": [span(0, 8, label="A"), span(0, 13, label="A")]},
            )
        ],
        [[("found", "new york (A)", "new york (A); new york city (A)", False)]],
    ),
    (
        RELATIONS,
        [
            (
                {"text": "t", "links": [{"head": 0, "tail": 1, "label": "born_in"}]},
                {"links": [{"head": 1, "tail": 0, "label": "born_in"}]},
            )
        ],
        [[("links", "born_in(0, 1)", "born_in(1, 0)", False)]],
    ),
    (
        ORDER,
        [({"text": "t", "ranking": ["b", "a"]}, {"items": ["b", "a", "c"]})],
        [[("ranking", "b > a", "b > a > c", True)]],
    ),
    (
        SEVERAL,
        [
            (
                {
                    "tokens": ["a", "b"],
                    "tags": ["O", "B-x"],
                    "stars": "1",
                    "topics": ["b", "a"],
                    "size": 3.0,
                },
                {"tags": ["O", "B-x"], "stars": "2", "topics": ["a", "b"], "size": 2.5},
            )
        ],
        [
            [
                ("tags", "O B-x", "O B-x", True),
                ("stars", "1", "2", False),
                ("topics", "b, a", "a, b", True),
                ("size", "3.0", "2.5", None),
            ]
        ],
    ),
    (
        TASKS,
        [
            ({"text": "t", "topic.label": "a"}, {"topic": {"label": "b"}}),
            ({"text": "t", "names.tags": ["O"]}, {"names": {"tags": ["O"]}}),
        ],
        [[("topic.label", "a", "b", False)], [("names.tags", "O", "O", True)]],
    ),
]

IDS = ["text", "answers", "nested", "relations", "order", "several", "tasks"]


@pytest.mark.parametrize(("schema", "pairs", "answers"), CASES, ids=IDS)
def test_every_kind_of_target_is_shown(
    made: Any, held: Any, schema: Schema, pairs: Any, answers: Any
) -> None:
    folder: Path = made(schema, pairs)
    (split,) = held(folder)["splits"]
    assert split["view"] == "targets"
    keys = ("name", "gold", "found", "right")
    shown = [[tuple(one[key] for key in keys) for one in e["answers"]] for e in split["examples"]]
    assert shown == answers
    assert "exactly right" in (folder / "report.html").read_text()


@pytest.mark.parametrize(("schema", "pairs", "answers"), CASES, ids=IDS)
def test_a_browser_shows_gold_beside_prediction(
    made: Any, look: Any, schema: Schema, pairs: Any, answers: Any
) -> None:
    seen = look(made(schema, pairs))
    assert seen.pills()["errors"] == sum(any(one[3] is False for one in told) for told in answers)
    seen.pill("")
    for told, text in zip(answers, seen.shown(), strict=True):
        for name, gold, found, _ in told:
            for part in (name, f"gold {gold}", f"predicted {' '.join(found.split())}"):
                assert part in " ".join(text.split())


def test_texts_that_share_least_with_the_right_ones_come_first() -> None:
    view = TargetsView(TEXT)
    for found in ("my house", "the big house", "quiz", "the house"):
        view.see({"source": "s", "target": "the house"}, {"target": found})
    shown = [row["answers"][0]["found"] for row in view.examples(10_000)]
    assert shown == ["quiz", "my house", "the big house", "the house"]


def test_numbers_have_their_mean_error() -> None:
    view = TargetsView(Schema(targets=(Label("a", kind="number"), Label("b", ("x",)))))
    for k in (0, 1):
        view.see({"a": 1.0, "b": "x"}, {"a": 1.5 + k, "b": "x"})
    (table,) = view.findings().tables
    assert table.rows == (("a", "number", 2, None, 1.0), ("b", "single", 2, 2, None))


def test_one_label_and_tagged_words_have_the_views_that_they_had(made: Any, held: Any) -> None:
    schema = Schema(texts=(Text("text"),), label=Label(names=("a", "b")))
    folder = made(schema, [({"text": "t", "label": "a"}, {"label": "b"})])
    assert held(folder)["splits"][0]["view"] == "labels"
