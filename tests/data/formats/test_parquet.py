from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ft import DataConfig, FtError
from ft.data.formats.parquet import read_parquet
from ft.data.read_tables import read_split_tables, read_table


def save(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_rows_and_their_numbers(tmp_path: Path) -> None:
    texts = [f"t{i}" for i in range(2500)]
    path = save(tmp_path / "a.parquet", {"text": texts, "n": range(2500)}, row_group_size=700)
    data = read_table(path, owner="t")
    assert data["text"][:] == texts
    assert data["line"][:] == list(range(1, 2501))


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (pa.array(["a", "b", None]).dictionary_encode(), ["a", "b", None]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        (pa.array(["a", "b"], pa.string_view()), ["a", "b"]),
        (pa.array([["a"], None, []], pa.large_list(pa.string())), [["a"], None, []]),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)), [[1, 2], [3, 4]]),
        (pa.array([[{"s": 1}], []]), [[{"s": 1}], []]),
        (
            pa.ListArray.from_arrays([0, 1, 3], pa.array(["x", "y", "x"]).dictionary_encode()),
            [["x"], ["y", "x"]],
        ),
        (pa.array([1.5, None]), [1.5, None]),
    ],
)
def test_types(values: Any, read: list[Any], tmp_path: Path) -> None:
    assert read_table(save(tmp_path / "a.parquet", {"v": values}), owner="t")["v"][:] == read


def test_class_ids_become_names(tmp_path: Path) -> None:
    import datasets

    names = datasets.ClassLabel(names=["O", "B-PER"])
    features = datasets.Features(
        {"label": names, "ner_tags": datasets.List(names), "text": datasets.Value("string")}
    )
    rows = {"label": [1, -1], "ner_tags": [[0, 1], []], "text": ["a", "b"]}
    path = tmp_path / "a.parquet"
    datasets.Dataset.from_dict(rows, features).to_parquet(path)
    data = read_table(path, owner="t")
    assert data["label"][:] == ["B-PER", None]
    assert data["ner_tags"][:] == [["O", "B-PER"], []]


def test_damaged_notes_on_classes_do_not_matter(tmp_path: Path) -> None:
    table = pa.table({"n": [1, 2]}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": 3})}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet", owner="t")["n"][:] == [1, 2]


@pytest.mark.parametrize("cut", [0, 4, 10, 50, -1])
def test_a_cut_file(cut: int, tmp_path: Path) -> None:
    path = save(tmp_path / "a.parquet", {"text": ["a", "b"]})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FtError, match=r"a\.parquet: is no whole Parquet file"):
        read_table(path, owner="t")


def test_a_type_that_cannot_be_held(tmp_path: Path) -> None:
    values = pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8()))
    with pytest.raises(FtError, match=r"the column 'v' holds map<string, int8.*cannot be read"):
        read_table(save(tmp_path / "a.parquet", {"v": values}), owner="t")


def test_a_column_twice(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(FtError, match="names the column 'a' twice"):
        read_table(tmp_path / "a.parquet", owner="t")


def test_shards_of_a_split(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / f"train-{i:05}-of-00003.parquet", {"text": [f"t{i}{j}" for j in range(40)]})
    save(tmp_path / "test-00000-of-00001.parquet", {"text": ["x"]})
    data = read_split_tables(DataConfig(train=str(tmp_path)), owner="t")
    assert sorted([*data.splits["train"]["text"], *data.splits["validation"]["text"]]) == sorted(
        f"t{i}{j}" for i in range(3) for j in range(40)
    )
    for split in ("train", "validation"):
        for row in (0, len(data.splits[split]) - 1):
            example = data.splits[split][row]
            shard, number = int(example["text"][1]), int(example["text"][2:])
            place = tmp_path / f"train-{shard:05}-of-00003.parquet"
            assert data.place(split, row) == f"{place}:{number + 1}"


def test_shards_that_do_not_fit(tmp_path: Path) -> None:
    save(tmp_path / "train-00000-of-00002.parquet", {"text": ["a"]})
    save(tmp_path / "train-00001-of-00002.parquet", {"text": [1]})
    with pytest.raises(FtError, match="columns do not fit each other"):
        read_split_tables(DataConfig(train=str(tmp_path)), owner="t")


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ft.data.formats.parquet.MOST_BYTES", 1 << 26)
    path = tmp_path / "a.parquet"
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 40), pa.array(["x" * (1 << 22)]))
    pq.write_table(pa.table({"text": column}), path, compression="zstd")
    assert path.stat().st_size < 20_000
    with pytest.raises(FtError, match=r"a\.parquet: its .* bytes unpack to more than 64 MB"):
        read_table(path, owner="t")


def test_a_large_file_is_read_in_the_memory_of_a_part(tmp_path: Path) -> None:
    text = "".join(map(chr, range(33, 90))) * 500
    rows = pa.table({"text": [f"{i}{text}" for i in range(100)]})
    with pq.ParquetWriter(tmp_path / "a.parquet", rows.schema, compression="none") as writer:
        for _ in range(16):
            writer.write_table(rows)
    part, before = rows.nbytes, pa.total_allocated_bytes()
    most = 0
    for batch in read_parquet(tmp_path / "a.parquet", "a.parquet"):
        most = max(most, pa.total_allocated_bytes() - before)
        del batch
    assert part < most < 6 * part
