from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from ft import Schema, Target, TaskData, Text
from ft.data.lint.finding import Finding
from ft.data.lint.lint import lint


def found(data: Any, **options: Any) -> dict[str, Finding]:
    findings = lint(data, **options)
    assert len({finding.code for finding in findings}) == len(findings)
    return {finding.code: finding for finding in findings}


def numbers(finding: Finding) -> list[str]:
    """Places as ``name:line``."""
    return [place.rsplit("/", 1)[1] for place in finding.places]


TRAIN = [f"text number {i},{'xy'[i % 2]}" for i in range(20)]


def more(name: str) -> list[str]:
    """Rows enough for a score."""
    return [f"{name} {i},{'xy'[i % 2]}" for i in range(30)]


@pytest.fixture
def csvs(write: Any, texts: Any) -> Any:
    def read(
        train: list[str] = (), validation: list[str] = (), test: list[str] = (), **options: Any
    ) -> Any:  # type: ignore[assignment]
        def path(name: str, rows: list[str]) -> Path:
            return write(name, "text,label\n" + "".join(f"{row}\n" for row in rows))

        return texts(
            path("train.csv", [*TRAIN, *train]),
            validation=path("dev.csv", ["some,x", *validation, *more("dev")]),
            test=path("test.csv", ["other,y", *test, *more("test")]),
            **options,
        )

    return read


def test_clean_data_gives_nothing(csvs: Any) -> None:
    assert lint(csvs()) == []


def test_duplicates(csvs: Any) -> None:
    data = csvs(train=["text number 3,y", "again,x", "again,x"])
    finding = found(data)["duplicates"]
    assert (finding.severity, finding.count) == ("warning", 2)
    assert finding.message == "2 training examples are duplicates of earlier ones"
    assert numbers(finding) == ["train.csv:22", "train.csv:24"]


def test_overlap_between_splits(csvs: Any) -> None:
    data = csvs(validation=["text number 0,y"], test=["text number 0,x", "some,x"])
    findings = found(data)
    assert numbers(findings["overlap-train-validation"]) == ["dev.csv:3"]
    assert numbers(findings["overlap-train-test"]) == ["test.csv:3"]
    assert numbers(findings["overlap-validation-test"]) == ["test.csv:3", "test.csv:4"]
    assert findings["overlap-train-test"].message == "1 of 33 examples of test are in train too"


def test_the_same_text_with_different_labels(csvs: Any) -> None:
    finding = found(csvs(train=["text number 0,y", "text number 0,x", "text number 2,x"]))
    assert finding["conflicting-labels"].count == 1
    assert numbers(finding["conflicting-labels"]) == ["train.csv:2", "train.csv:22", "train.csv:23"]


def test_labels_that_train_lacks(csvs: Any) -> None:
    finding = found(csvs(test=["new,z", "new too,z"]))["unseen-label-test"]
    assert finding.message == "labels of test that train never has: 'z'"
    assert (numbers(finding), finding.count) == (["test.csv:3", "test.csv:4"], 2)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_too_small_to_score_on(split: str, write: Any, texts: Any) -> None:
    train = write("train.csv", "text,label\n" + "".join(f"{row}\n" for row in TRAIN))

    def small(rows: int) -> Finding | None:
        lines = [f"other {i},{'xy'[i % 2]}\n" for i in range(rows)]
        other = write(f"{rows}.csv", "text,label\n" + "".join(lines))
        large = write("large.csv", "text,label\n" + "".join(f"{row}\n" for row in more("a")))
        splits = {"validation": large, "test": large} | {split: other}
        return found(texts(train, **splits)).get(f"small-{split}")

    assert small(30) is None
    finding = small(29)
    assert finding
    assert (finding.severity, finding.count) == ("warning", 29)
    told = {"validation": "which epoch is best", "test": "what is scored on it"}[split]
    assert finding.message == (
        f"{split} has 29 examples: with fewer than 30, {told} is mostly chance"
    )
    assert "has 1 example: with" in small(1).message  # type: ignore[union-attr]


def test_labels_that_a_split_never_has(csvs: Any) -> None:
    finding = found(csvs(train=["a,z", *(f"b {i},w" for i in range(1200))]))["absent-label-test"]
    assert (finding.severity, finding.count) == ("warning", 2)
    assert finding.message == (
        "labels without an example among the 31 of test, so that test does not score them: "
        "'w' (1,200 in train), 'z' (1 in train)"
    )


def test_types_that_a_split_never_has_and_a_split_without_any(write: Any, words: Any) -> None:
    tagged = "Ann\tB-PER\n\nOslo\tB-LOC\n\n"
    train = write("train.conll", "".join(tagged.replace("n", f"n{i}") for i in range(6)))
    dev = write("dev.conll", "".join(f"Bob{i}\tB-PER\n\n" for i in range(30)))
    test = write("test.conll", "".join(f"chair{i}\tO\n\n" for i in range(30)))
    findings = found(words(train, validation=dev, test=test))
    assert findings["absent-label-validation"].message == (
        "types without an example among the 30 of validation, so that validation does not score "
        "them: "
        "'LOC' (6 in train)"
    )
    assert (findings["no-spans-test"].severity, findings["no-spans-test"].count) == ("warning", 30)
    assert findings["no-spans-test"].message == (
        "test has no tag but 'O' in 30 examples: there is nothing to find, and no score of what "
        "is found"
    )
    assert not {"absent-label-test", "no-spans-validation", "small-test"} & set(findings)


def test_lone_labels(csvs: Any) -> None:
    finding = found(csvs(train=["a,z", "b,w", "c,w"]))["rare-label"]
    assert finding.message == (
        "2 labels have fewer than 5 examples in train: 'z' (1), 'w' (2); "
        "give more, or take them together with others"
    )
    assert numbers(finding) == ["train.csv:22", "train.csv:23"]


def test_labels_given_and_never_used(csvs: Any) -> None:
    finding = found(csvs(names=("x", "y", "z")))["rare-label"]
    assert "1 label has fewer than 5 examples in train: 'z' (0);" in finding.message


def test_labels_that_look_alike(csvs: Any) -> None:
    finding = found(csvs(train=["a,X", "b,x"]))["label-spelling"]
    assert finding.message == "labels that differ in case or spaces alone: 'X', 'x'"


def test_imbalance(csvs: Any) -> None:
    finding = found(csvs(train=[f"more {i},x" for i in range(300)]))["imbalance"]
    assert (finding.severity, finding.message) == ("info", "train has 310 of 'x' and 10 of 'y'")


def test_one_label(write: Any, texts: Any) -> None:
    data = texts(write("a.csv", "text,label\na,x\nb,x\n"))
    findings = lint(data)
    assert (findings[0].severity, findings[0].code) == ("warning", "one-label")
    assert findings[0].message == "every example of train has the label 'x'"


def test_a_label_that_only_some_examples_have_is_something_to_learn(write: Any, texts: Any) -> None:
    rows = [{"text": f"a {i}", "label": ["x"] if i % 2 else []} for i in range(20)]
    path = write("a.jsonl", rows)
    assert "one-label" not in found(texts(path, label_kind="multi"))
    rows = [{**row, "label": ["x"]} for row in rows]
    assert "one-label" in found(texts(write("b.jsonl", rows), label_kind="multi"))


@pytest.mark.parametrize("text", ["\u200b", "\u200b\u3000\ufeff"])
def test_empty_texts(text: str, csvs: Any) -> None:
    data = csvs(train=["emptied,x"])

    def emptied(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "text": text if row["text"] == "emptied" else row["text"]}

    data.splits["train"] = data.splits["train"].map(emptied)
    finding = found(data)["empty-text"]
    assert finding.message == "examples with an empty or invisible text in 'text': 1"
    assert numbers(finding) == ["train.csv:22"]


@pytest.mark.parametrize("text", ["cafÃ©", "caf\ufffd", "donâ€™t", "Â£5", "ï»¿a", "ã€Œ"])
def test_damage_by_a_wrong_encoding(text: str, csvs: Any) -> None:
    finding = found(csvs(test=[f"{text},x"]))["encoding-damage"]
    assert numbers(finding) == ["test.csv:3"]


@pytest.mark.parametrize("text", ["café", "São Paulo", "É", "MAÇÃ", "£5", "ÂNGELA", "“quoted”"])
def test_what_is_not_damaged(text: str, csvs: Any) -> None:
    assert lint(csvs(test=[f"{text},x"])) == []


def test_the_damage_of_really_reading_it_wrong(write: Any, texts: Any) -> None:
    rows = "".join(f"naïve café – {i},{'xy'[i % 2]}\n" for i in range(20))
    path = write("a.csv", "text,label\n" + rows)
    finding = found(texts(path, encoding="cp1252"))["encoding-damage"]
    assert finding.count == 60
    assert len(finding.places) == 10


def test_words(write: Any, words: Any) -> None:
    rows = [{"tokens": [f"Ann{i}", "runs"], "tags": ["B-PER", "O"]} for i in range(6)]
    rows += [
        {"tokens": [], "tags": []},
        {"tokens": ["a", " ", "\u200b"], "tags": ["O", "O", "O"]},
        {"tokens": ["fe\ufeffed", "cafÃ©", ""], "tags": ["O", "B-LOC", "O"]},
    ]
    train = write("train.jsonl", rows)
    test = write("test.jsonl", [{"tokens": ["x", "y"], "tags": ["B-ORG", "I-ORG"]}])
    findings = found(words(train, validation=test, test=test))
    assert numbers(findings["empty-sentence"]) == ["train.jsonl:7"]
    assert (numbers(findings["invisible-word"]), findings["invisible-word"].count) == (
        ["train.jsonl:8", "train.jsonl:9"], 3
    )  # fmt: skip
    assert numbers(findings["zero-width"]) == ["train.jsonl:9"]
    assert numbers(findings["encoding-damage"]) == ["train.jsonl:9"]
    assert "type has fewer than 5 examples in train: 'LOC' (1)" in findings["rare-label"].message
    assert findings["unseen-label-test"].message == "types of test that train never has: 'ORG'"


def test_no_entities(write: Any, words: Any) -> None:
    finding = lint(words(write("a.conll", "a\tO\n\nb\tO\n")))[0]
    assert (finding.severity, finding.code) == ("warning", "no-spans")


def test_plain_tags(write: Any, words: Any) -> None:
    data = words(write("a.conll", "\n".join(["a\tDT\nb\tNN\n"] * 6) + "\nc\tXX\n"))
    assert (
        "1 tag has fewer than 5 examples in train: 'XX' (1);" in found(data)["rare-label"].message
    )


def test_pairs_are_the_same_only_together(write: Any, texts: Any) -> None:
    content = "text,pair,label\n" + "".join(f"a,b{i},{i % 2}\n" for i in range(12)) + "a,b3,1\n"
    findings = found(texts(write("a.csv", content), pair="pair"))
    assert numbers(findings["duplicates"]) == ["a.csv:14"]


def test_a_table_without_a_schema(write: Any) -> None:
    import datasets

    rows = datasets.Dataset.from_dict({"q": ["a", "b", "a"], "n": [1, 2, 1]})
    data = TaskData(datasets.DatasetDict({"train": rows}), Schema())
    assert found(data)["duplicates"].places == ("train[2]",)


class Tokenizer:
    """Splits at spaces; knows ASCII alone."""

    model_max_length = 512
    unk_token_id = 1

    def __call__(self, texts: Any, pairs: Any = None, **_: Any) -> Any:
        def pieces(text: Any) -> list[int]:
            return [2 if word.isascii() else 1 for word in text.split()]

        rows = [pieces(text) + (pieces(pairs[i]) if pairs else []) for i, text in enumerate(texts)]
        return {"input_ids": rows}


def test_lengths(csvs: Any, write: Any, words: Any, texts: Any) -> None:
    data = csvs(train=["one two three four five,x", "a,y"], test=["a b c d,x"])
    finding = found(data, tokenizer=Tokenizer(), max_length=3)["over-length"]
    assert (finding.severity, finding.count) == ("warning", 2)
    assert finding.message == (
        "2 of 85 examples are longer than the model's window of 3 tokens, the longest 5"
    )
    assert numbers(finding) == ["train.csv:22", "test.csv:3"]
    assert "over-length" not in found(data, tokenizer=Tokenizer())
    sentence = words(write("a.conll", "a\tB-X\nb\tO\nc\tO\n"))
    assert found(sentence, tokenizer=Tokenizer(), max_length=2)["over-length"].severity == "info"
    pair = texts(write("p.csv", "text,pair,label\na b,c d,x\n"), pair="pair")
    assert "longest 4" in found(pair, tokenizer=Tokenizer(), max_length=3)["over-length"].message


def test_lengths_of_a_sample(csvs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ft.data.lint.lengths.SAMPLE", 10)
    data = csvs(train=[f"long {i} c d,x" for i in range(5000)])
    finding = found(data, tokenizer=Tokenizer(), max_length=3)["over-length"]
    assert finding.message.startswith("9 of 26 examples looked at are longer")


def test_a_script_that_the_tokenizer_does_not_know(csvs: Any) -> None:
    data = csvs(train=["北 京 人 到 了 上 海,x"] * 3)
    assert (
        "pieces are unknown to the model's"
        in found(data, tokenizer=Tokenizer())["unknown-pieces"].message
    )


def test_a_real_tokenizer(tmp_path: Path, csvs: Any) -> None:
    from transformers import BertTokenizerFast

    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "text",
        "number",
        *map(str, range(20)),
    ]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"), model_max_length=4)
    finding = found(csvs(), tokenizer=tokenizer)["over-length"]
    assert finding.count == 20
    assert "longest 5" in finding.message


def test_findings_come_in_order_of_weight(csvs: Any) -> None:
    data = csvs(train=[f"more {i},x" for i in range(300)] + ["a,z"])
    weights = [finding.severity for finding in lint(data)]
    assert weights == sorted(weights, key=["warning", "info"].index)
    assert set(weights) == {"warning", "info"}


def test_labels_of_different_tasks_are_no_conflict() -> None:
    """Each row has the label of one task; a text that two rows of one task label differently is one."""
    rows = [
        *({"text": f"text {i}", "topic": "xy"[i % 2], "mood": None} for i in range(20)),
        *({"text": f"text {i}", "topic": None, "mood": "ab"[i % 2]} for i in range(20)),
    ]
    targets = (Target("topic", kind="single"), Target("mood", kind="single"))
    schema = Schema(texts=(Text("text"),), targets=targets)
    data = TaskData(DatasetDict({"train": Dataset.from_list(rows)}), schema)
    assert "conflicting-labels" not in found(data)
    rows.append({"text": "text 3", "topic": None, "mood": "a"})
    data = TaskData(DatasetDict({"train": Dataset.from_list(rows)}), schema)
    assert found(data)["conflicting-labels"].count == 1


def test_several_right_answers_to_an_input_are_no_conflict() -> None:
    rows = [{"text": f"text {i}", "right": right} for i in range(20) for right in (["a"], ["b"])]
    schema = Schema(texts=(Text("text"),), targets=(Target("right", kind="order"),))
    data = TaskData(DatasetDict({"train": Dataset.from_list([*rows, rows[0]])}), schema)
    assert "conflicting-labels" not in found(data)
    assert found(data)["duplicates"].count == 1
