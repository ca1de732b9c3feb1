from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from ft import ConfigError, DataConfig, DataError, FtError, TaskData
from ft.data.config import WordsConfig
from ft.data.read_tables import read_split_tables, read_table
from ft.data.read_texts import read_texts
from ft.data.read_words import read_words

CONLL = "Ann\tB-PER\n\nBob\tO\n"
CSV = "text,label\na,x\nb,y\n"


def tables(**settings: Any) -> TaskData:
    return read_split_tables(DataConfig(**settings), owner="t")


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train.csv", "dev.csv", "test.csv"], ["train", "validation", "test"]),
        (["train.csv", "valid.csv"], ["train", "validation"]),
        (["train.csv", "val.csv", "README.md", ".hidden-train.csv"], ["train", "validation"]),
        (
            ["my.training.csv", "my.validation.csv", "x_testing.csv"],
            ["train", "validation", "test"],
        ),
        (
            ["wnut17train.csv", "emerging-dev-2.csv", "emerging.test.annotated.csv"],
            ["train", "validation", "test"],
        ),
        (["train.csv", "device.json", "latest.csv"], ["train", "validation", "test"]),
    ],
)
def test_a_folder_of_splits(
    names: list[str], splits: list[str], write: Any, tmp_path: Path
) -> None:
    for name in names:
        write(f"d/{name}", '[{"text": "a", "label": "x"}]' if name.endswith("json") else CSV)
    data = tables(train=str(tmp_path / "d"))
    assert list(data.splits) == splits
    assert [len(data.files[split]) for split in splits] == [1] * len(splits)


def test_conll_names_of_splits(write: Any, tmp_path: Path) -> None:
    for name in ("eng.train", "eng.testa", "eng.testb", "notes.txt.bak"):
        write(f"d/{name}", CONLL)
    data = read_words(WordsConfig(train=str(tmp_path / "d")), None, owner="ner")
    assert [data.files[split][0].name for split in ("train", "validation", "test")] == [
        "eng.train", "eng.testa", "eng.testb"
    ]  # fmt: skip


def test_a_setting_goes_before_the_folder(write: Any, tmp_path: Path) -> None:
    write("d/train.csv", CSV)
    write("d/test.csv", CSV)
    other = write("other.csv", "text,label\nc,x\n")
    data = tables(train=str(tmp_path / "d"), test=str(other))
    assert data.splits["test"]["text"][:] == ["c"]
    assert "validation" in data.splits
    data = tables(train=str(other), validation=str(other), test=str(tmp_path / "d"))
    assert data.splits["test"]["text"][:] == ["a", "b"]


@pytest.mark.parametrize(
    ("files", "settings", "message"),
    [
        (
            [],
            {"train": "no/where.csv"},
            r"t\.train: .*no/where\.csv does not exist\n.*folder .*no does",
        ),
        (
            ["train.csv"],
            {"train": "tran.csv"},
            r"tran\.csv does not exist\n  to do: did you mean .*train",
        ),
        (["d/x.csv"], {"train": "d"}, r"t\.train: .*d has no file for a split"),
        (["d/test.csv"], {"train": "d"}, r"t\.train: .*d has no train split, only test"),
        (
            ["d/train.csv", "d/train.jsonl"],
            {"train": "d"},
            r"several files for train: train\.csv, train",
        ),
        (
            ["d/train-dev.csv"],
            {"train": "d"},
            r"train-dev\.csv: the name tells two splits: train and val",
        ),
        (["a.csv"], {"train": None, "test": "a.csv"}, r"t\.train: is not set"),
        (["a.csv"], {"train": "a.csv", "test": "b.csv"}, r"t\.test: .*b\.csv does not exist"),
        (["a.txt"], {"train": "a.txt"}, r"t\.train: .*a\.txt: the ending \.txt tells no format"),
        (["a"], {"train": "a"}, r"a name without an ending tells no format"),
        (
            ["a.csv.zip"],
            {"train": "a.csv.zip"},
            r"a \.zip file cannot be read\n  to do: unpack it first",
        ),
        (
            ["a.xlsx"],
            {"train": "a.xlsx"},
            r"a \.xlsx file cannot be read\n  to do: save the sheet as CSV",
        ),
        (["a.csv.gz"], {"train": "a.csv.gz"}, r"a\.csv\.gz: cannot be read: Not a gzipped file"),
        (["a.foo"], {"train": "a.foo"}, r"the ending \.foo tells no format"),
        (["a.ann"], {"train": "a.ann"}, r"the ending \.ann tells no format\n.*a task such as ner"),
        ([], {"train": "a\0b.csv"}, r"t\.train"),
    ],
)
def test_errors(files: Any, settings: Any, message: str, write: Any, tmp_path: Path) -> None:
    for name in files:
        write(name, CSV)
    given = {key: value and str(tmp_path / value) for key, value in settings.items()}
    with pytest.raises(FtError, match=message):
        tables(**given)


def test_all_missing_files_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(FtError) as caught:
        tables(train=str(tmp_path / "a.csv"), test=str(tmp_path / "b.csv"))
    assert "t.train" in str(caught.value)
    assert "t.test" in str(caught.value)


def test_train_may_be_missing_where_it_is_not_needed(write: Any) -> None:
    path = write("a.csv", CSV)
    config = DataConfig(test=str(path))
    data = read_texts(config, None, owner="t", need_train=False)
    assert list(data.splits) == ["test"]
    assert data.notes == []
    with pytest.raises(ConfigError, match="no data is set"):
        read_texts(DataConfig(), None, owner="t", need_train=False)


def test_a_table_of_its_own(write: Any) -> None:
    path = write("items.csv", "id,title\n1,a\n")
    data = read_table(path, owner="recommend", columns=["id"], setting="items")
    assert data[0] == {"id": "1", "title": "a", "line": 2}
    with pytest.raises(DataError, match="there is no column 'item'; the columns are 'id', 'title'"):
        read_table(path, owner="recommend", columns=["item"], setting="items")
    with pytest.raises(ConfigError, match=r"recommend\.items: .*x\.csv does not exist"):
        read_table(path.with_name("x.csv"), owner="recommend", setting="items")
    with pytest.raises(ConfigError, match=r"recommend\.train: .* is no file"):
        read_table(path.parent, owner="recommend") if write("train.csv", CSV) else None


def test_raw_tables_with_names(write: Any) -> None:
    path = write("a.csv", "q,text\na,b\nc,d\n")
    config = DataConfig(train=str(path), columns={"question": "q"})
    data = read_split_tables(config, owner="qa", columns=["question", "text"])
    assert data.splits["train"].column_names == ["question", "text", "line"]
    with pytest.raises(ConfigError, match=r"qa\.columns\.question: there is no column 'question'"):
        read_split_tables(config, owner="qa", columns=["text"])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A hub with one data set, whose tags are class ids."""
    names = datasets.ClassLabel(names=["O", "B-PER", "I-PER"])
    features = datasets.Features(
        {"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(names)}
    )

    def split(*tags: list[int]) -> Any:
        rows = {
            "tokens": [[f"w{i}" for i in range(len(row))] for row in tags],
            "ner_tags": list(tags),
        }
        return datasets.Dataset.from_dict(rows, features)

    calls: list[Any] = []

    def load_dataset(name: str, configuration: str | None) -> Any:
        calls.append((name, configuration))
        if name == "odd":
            return datasets.DatasetDict({"all": split([0])})
        if name == "bad":
            return datasets.DatasetDict({"train": split([0, 1], [0, 2])})
        if name != "acme/people":
            raise ConnectionError(f"Couldn't reach '{name}' on the Hub\nmore")
        return datasets.DatasetDict({"train": split([1, 2, 0], [0]), "dev": split([1])})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


def test_the_hub(hub: list[Any]) -> None:
    data = read_words(WordsConfig(train="hub:acme/people:small"), None, owner="ner")
    assert hub == [("acme/people", "small")]
    assert data.splits["train"]["tags"][:] == [["B-PER", "I-PER", "O"], ["O"]]
    assert data.splits["validation"]["tags"][:] == [["B-PER"]]
    assert data.files == {"train": [], "validation": []}
    assert data.place("train", 1) == "train[1]"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "hub:nowhere",
            r"ner\.train: the data set nowhere cannot be had from the hub: Couldn't reach .*Hub\n",
        ),
        (
            "hub:odd",
            r"ner\.train: the data set odd has no train, validation or test split, only all",
        ),
        ("hub:", r"ner\.train: no data set is named"),
        ("hub:bad", r"hub:bad/train:2: 'I-PER' cannot follow 'O' in BIO2 \(word 2, 'w1'\)"),
    ],
)
def test_hub_errors(name: str, message: str, hub: list[Any]) -> None:
    with pytest.raises(FtError, match=message):
        read_words(WordsConfig(train=name), None, owner="ner")


def test_the_hub_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        DataError, match=r"t\.train: the data set no/such cannot be had from the hub"
    ):
        tables(train="hub:no/such")


def test_several_files_for_a_split(write: Any, tmp_path: Path) -> None:
    names = [str(write(f"part{i}.csv", f"text,label\nt{i},x\n")) for i in range(3)]
    for given in (tuple(names), str(tmp_path / "part*.csv")):
        data = tables(train=given)
        assert sorted(row for split in data.splits.values() for row in split["text"]) == [
            "t0", "t1", "t2"
        ]  # fmt: skip
        assert len(data.files["train"]) == 3
    write("d/train.csv", CSV)
    with pytest.raises(ConfigError, match="a list for a split is of files"):
        tables(train=(names[0], str(tmp_path / "d")))
