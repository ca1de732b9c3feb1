"""Exports of annotation tools, as the tools write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from ft import FtError

TEXTS = ["Ann saw Rome", "Bob ran"]
SPANS = [[(0, 3, "PER"), (8, 12, "LOC")], [(0, 3, "PER")]]
TAGS = [["B-PER", "O", "B-LOC"], ["B-PER", "O"]]


def _studio(text: str, result: list[Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": result, **more}]}


def _value(start: int, end: int, kind: str, text: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": [kind], "text": text[start:end]}
    return {"type": "labels", "from_name": "label", "to_name": "text", "value": value}


def exports() -> dict[str, tuple[str, Any, str]]:
    both = list(zip(TEXTS, SPANS, strict=True))
    flat = [
        {
            "text": text,
            "id": 1,
            "label": [_value(*one, text)["value"] for one in spans],
            "annotation_id": 3,
            "lead_time": 1.2,
        }
        for text, spans in both
    ]
    cells = [json.dumps(row["label"]).replace('"', '""') for row in flat]
    return {
        "Label Studio": (
            "a.json",
            [_studio(text, [_value(*one, text) for one in spans]) for text, spans in both],
            "Label Studio",
        ),
        "Label Studio (JSON-MIN)": ("a.json", flat, "Label Studio (JSON-MIN)"),
        "Label Studio CSV": (
            "a.csv",
            "text,label\n" + "".join(f'{t},"{c}"\n' for t, c in zip(TEXTS, cells, strict=True)),
            "",
        ),
        "doccano": (
            "a.jsonl",
            [{"id": 1, "text": t, "label": spans, "Comments": []} for t, spans in both],
            "doccano",
        ),
        "doccano relations": (
            "a.jsonl",
            [
                {
                    "text": text,
                    "entities": [
                        {"id": 1, "label": k, "start_offset": s, "end_offset": e}
                        for s, e, k in spans
                    ],
                    "relations": [],
                }
                for text, spans in both
            ],
            "",
        ),
        "Prodigy": (
            "a.jsonl",
            [
                {
                    "text": text,
                    "_input_hash": 1,
                    "_task_hash": 2,
                    "tokens": [{"text": "Ann", "start": 0, "end": 3, "id": 0}],
                    "spans": [{"start": s, "end": e, "label": k, "token_start": 0} for s, e, k in spans],
                    "answer": "accept",
                }
                for text, spans in both
            ],
            "Prodigy",
        ),
        "spaCy 2": ("a.json", [[t, {"entities": spans}] for t, spans in both], "spaCy 2"),
        "NER annotator": (
            "a.json",
            {"classes": ["PER"], "annotations": [*([t, {"entities": s}] for t, s in both), None]},
            "spaCy 2",
        ),
        "Argilla 1": (
            "a.jsonl",
            [
                {"text": t, "annotation": [[k, s, e] for s, e, k in spans], "status": "Validated"}
                for t, spans in both
            ],
            "Argilla",
        ),
        "Argilla 2": (
            "a.json",
            [
                {
                    "fields": {"text": text},
                    "status": "completed",
                    "responses": {
                        "span": [
                            {
                                "value": [{"label": k, "start": s, "end": e} for s, e, k in spans],
                                "status": "submitted",
                            }
                        ]
                    },
                }
                for text, spans in both
            ],
            "Argilla",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("tool", list(exports()))
def test_spans(tool: str, write: Any, words: Any) -> None:
    name, content, said = exports()[tool]
    path = write(name, content if isinstance(content, str) else json.dumps(content))
    if name.endswith("l"):
        path = write(name, content)
    data = words(path)
    assert data.splits["train"]["tags"][:] == TAGS
    assert data.splits["train"]["tokens"][0] == ["Ann", "saw", "Rome"]
    noted = any("is read as an export of" in note for note in data.notes)
    assert noted == bool(said)
    if said:
        assert any(note.endswith(f"is read as an export of {said}") for note in data.notes)


def _chosen(*labels: str) -> dict[str, Any]:
    return {"type": "choices", "value": {"choices": list(labels)}}


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        ([_studio(t, [_chosen(c)]) for t, c in zip("tuv", "aba", strict=True)], ["a", "b", "a"]),
        (
            [_studio("t", [_chosen("a", "b")]), _studio("u", [_chosen()]), _studio("v", [_chosen("b")])],
            [["a", "b"], [], ["b"]],
        ),
        (
            [{"text": "t", "label": {"choices": ["a", "b"]}}, {"text": "u", "label": "b"}],
            [["a", "b"], ["b"]],
        ),
        (
            [{"text": t, "_task_hash": 1, "options": [], "accept": ["x"], "answer": "accept"} for t in "tu"]
            + [{"text": "v", "_task_hash": 1, "options": [], "accept": ["y"], "answer": "accept"}],
            ["x", "x", "y"],
        ),
        ([{"inputs": {"text": t}, "annotation": t, "status": "Validated"} for t in "ab"], ["a", "b"]),
        (
            [
                {"text": t, "label.responses": [t], "label.responses.status": ["submitted"]}
                for t in "ab"
            ],
            ["a", "b"],
        ),
    ],
)  # fmt: skip
def test_classes(content: Any, labels: Any, write: Any, texts: Any) -> None:
    data = texts(write("a.json", json.dumps(content)), label_kind="auto")
    assert data.splits["train"]["label"][:] == labels
    assert any("is read as an export of" in note for note in data.notes)


def test_cats_of_spacy(write: Any, texts: Any) -> None:
    rows = [{"text": t, "cats": {"A": c, "B": 1 - c}} for t, c in (("t", 1.0), ("u", 0.0))]
    for columns in ({}, {"label": "cats"}):
        data = texts(write("a.jsonl", rows), label_kind="auto", columns=columns)
        assert data.splits["train"]["label"][:] == ["A", "B"]


def test_a_name_of_the_export_may_be_given(write: Any, words: Any) -> None:
    rows = [{"text": "Ann ran", "annotation": [{"start": 0, "end": 3, "label": "PER"}]}]
    for columns in ({}, {"entities": "annotation"}):
        data = words(write("a.jsonl", rows), columns=columns)
        assert data.splits["train"]["tags"][:] == [["B-PER", "O"]]


def test_what_annotators_rejected_is_left_out_and_counted(write: Any, texts: Any) -> None:
    rows = [
        {"text": f"t{i}", "label": "xy"[i % 2], "_input_hash": i, "answer": answer}
        for i, answer in enumerate(["accept", "reject", "accept", "accept", "ignore"])
    ]
    data = texts(write("a.jsonl", rows))
    assert data.splits["train"]["text"][:] == ["t0", "t2", "t3"]
    assert data.splits["train"]["line"][:] == [1, 3, 4]
    assert any("1 row left out: with the answer 'reject'" in note for note in data.notes)
    studio = [_studio("t", [_chosen("a")]), _studio("u", [_chosen("b")], was_cancelled=True)]
    data = texts(write("b.json", json.dumps(studio)), label_kind="auto")
    assert data.splits["train"]["text"][:] == ["t"]


def test_what_a_converter_cannot_read_names_the_item(write: Any, words: Any) -> None:
    two = {"start": 0, "end": 3, "labels": ["PER", "LOC"]}
    rows = [_studio("Ann ran", []), _studio("Bob ran", [{"type": "labels", "value": two}])]
    with pytest.raises(
        FtError, match=r"a\.json: item 2: is no row of Label Studio: has a span with 2"
    ):
        words(write("a.json", json.dumps(rows)))  # fmt: skip


def test_brat(write: Any, words: Any) -> None:
    one = write("corpus/one.txt", "Ann saw New York.\n\nBob ran\n")
    write("corpus/one.ann", "T1\tPER 0 3\tAnn\nT2\tLOC 8 16\tNew York\nR1\tIn Arg1:T1 Arg2:T2\n")
    write("corpus/two.txt", "Eva\n")
    write("corpus/two.ann", "T1\tPER 0 3\tEva\n")
    for given in (one.parent, one, one.with_suffix(".ann")):
        data = words(given)
        assert data.splits["train"]["tokens"][0] == ["Ann", "saw", "New", "York", "."]
        assert data.splits["train"]["tags"][0] == ["B-PER", "O", "B-LOC", "I-LOC", "O"]
        assert data.splits["train"]["tags"][1] == ["O", "O"]
        assert data.place("train", 1).endswith("one.txt:3")
    assert len(words(one.parent).splits["train"]) == 3


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ("T1\tPER 0 3;8 12\tAnn Rome\n", r"a\.txt:1: has T1, a span of 2 pieces"),
        ("T1\tPER 8 15\tRome\n", r"a\.txt:1: has T1, a span that goes beyond the line"),
        ("T1\tPER 80 85\tRome\n", r"T1 begins at character 80, and the text has 21"),
        ("T1\tPER zero\tRome\n", r"a\.ann:1: is not 'T1<tab>TYPE START END<tab>TEXT'"),
    ],
)
def test_broken_brat(marks: str, message: str, write: Any, words: Any) -> None:
    write("a.txt", "Ann saw Rome\nBob ran\n")
    with pytest.raises(FtError, match=message):
        words(write("a.ann", marks))


def test_a_spacy_file_says_how(write: Any, words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    with pytest.raises(
        FtError, match=r"read by spaCy, which is not installed\n.*pip install spacy"
    ):
        words(write("a.spacy", b"\xda"))  # fmt: skip


def test_what_save_to_disk_wrote(tmp_path: Any, texts: Any) -> None:
    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["neg", "pos"])
    )
    one = datasets.Dataset.from_dict({"text": ["t", "u"], "label": [1, 0]}, features=features)
    datasets.DatasetDict(train=one, test=one).save_to_disk(str(tmp_path / "both"))
    one.save_to_disk(str(tmp_path / "one"))
    (arrow,) = (tmp_path / "one").glob("*.arrow")
    for given in (tmp_path / "both", tmp_path / "one", arrow):
        data = texts(given, validation=None, test=None)
        assert data.splits["train"]["label"][:] == ["pos", "neg"]
    (tmp_path / "one" / "state.json").write_text("{}")
    with pytest.raises(FtError, match="is no whole data set of save_to_disk"):
        texts(tmp_path / "one")


def bin_of_spacy(path: Path, documents: list[Any]) -> Path:
    tokens = pytest.importorskip("spacy.tokens", reason="spaCy is not installed")
    found = tokens.DocBin()
    for document in documents:
        found.add(document)
    found.to_disk(path)
    return path


def test_documents_of_spacy(tmp_path: Path, words: Any, texts: Any) -> None:
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed")
    cut = spacy.blank("en")
    sentences = [cut(f"Anna {i} went  to New York,\t{i} \U0001f525 and back") for i in range(20)]
    for i, sentence in enumerate(sentences):
        at = sentence.text.index("New York")
        sentence.ents = [sentence.char_span(0, 4, "PER"), sentence.char_span(at, at + 8, "LOC")]
        sentence.cats = {"good": float(i % 2), "bad": float(1 - i % 2)}
    path = bin_of_spacy(tmp_path / "train.spacy", sentences)
    row = words(path).splits["train"][3]
    assert row["tokens"][:6] == ["Anna", "3", "went", "to", "New", "York"]
    assert row["tags"] == ["B-PER", "O", "O", "O", "B-LOC", "I-LOC", *["O"] * 5]
    example = texts(path).splits["train"][3]
    assert (example["text"], example["label"]) == (sentences[3].text, "good")


def test_groups_of_spans_of_spacy(tmp_path: Path, words: Any, run: Any) -> None:
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed")
    cut = spacy.blank("en")
    sentences = [cut(f"Anna {i} went") for i in range(20)]
    for sentence in sentences:
        sentence.spans["sc"] = [sentence.char_span(0, 4, "PER")]
    data = words(bin_of_spacy(tmp_path / "train.spacy", sentences), run)
    assert data.splits["train"][3]["tags"] == ["B-PER", "O", "O"]
    assert any("those of the group 'sc' are read" in note for note in data.notes)
    for sentence in sentences:
        sentence.spans["other"] = []
        sentence.ents = [spacy.tokens.Span(sentence, 1, 2, "ORG")]
    data = words(bin_of_spacy(tmp_path / "other.spacy", sentences), run)
    assert data.splits["train"][3]["tags"] == ["O", "B-ORG", "O"]
    assert any("the entities of the documents are read" in note for note in data.notes)


def test_a_damaged_file_of_spacy(write: Any, words: Any) -> None:
    pytest.importorskip("spacy", reason="spaCy is not installed")
    with pytest.raises(FtError, match="is no whole file of spaCy"):
        words(write("a.spacy", b"\xda\x03"))
