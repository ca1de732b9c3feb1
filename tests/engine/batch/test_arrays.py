"""Features in an Arrow file and back: lists beside plain values, columns that come late, arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from ft.engine.batch.arrays import Parts, from_arrow, to_arrow

VALUES: dict[str, Any] = {
    "number": st.integers(0, 9),
    "list": st.lists(st.integers(0, 9), min_size=1, max_size=3),
    "float": st.sampled_from([0.0, 1.0, 2.5]),
    "floats": st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=3),
    "none": st.none(),
}


def written(path: Path, batches: list[dict[str, list[Any]]]) -> dict[str, list[Any]]:
    with Parts(path) as parts:
        for columns in batches:
            parts.write(pa.table(to_arrow(columns, "plugin")))
    data = Dataset.from_file(str(path))
    return from_arrow(data, range(len(data)))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.lists(st.one_of(*VALUES.values()), min_size=1, max_size=4), min_size=1, max_size=4)
)
def test_values_of_any_form_in_any_order_come_back(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Any]]
) -> None:
    path = tmp_path_factory.mktemp("parts") / "a.arrow"
    columns = [{"labels": batch, "input_ids": [[1, 2]] * len(batch)} for batch in batches]
    back = written(path, columns)
    # 1 and 1.0 are equal, but one is a class and the other a number
    assert repr(back["labels"]) == repr([value for batch in batches for value in batch])
    assert back["input_ids"] == [[1, 2]] * len(back["labels"])
    assert [one.name for one in path.parent.iterdir()] == ["a.arrow"]


def test_a_column_may_come_late_and_may_end(tmp_path: Path) -> None:
    pixels = np.arange(6, dtype=np.float32).reshape(2, 3)
    batches = [{"a": [1]}, {"a": [2], "b": [[3]]}, {"b": [[4]], "pixels": [pixels]}, {"a": [5]}]
    back = written(tmp_path / "a.arrow", batches)
    assert back["a"] == [1, 2, None, 5]
    assert back["b"] == [None, [3], [4], None]
    assert [one is None for one in back["pixels"]] == [True, True, False, True]
    assert back["pixels"][2].tolist() == pixels.tolist()


def test_a_column_that_changes_its_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pa.ArrowInvalid):
        written(tmp_path / "a.arrow", [{"a": [1]}, {"a": ["text"]}])
