"""Folders of tensors, of which a part is read at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from ft.contract.errors import TrainingError
from ft.runfolder import tensors
from ft.runfolder.tensors import TensorFile

NAME = "some.safetensors"


@given(
    shape=st.lists(st.integers(0, 7), max_size=3),
    part=st.integers(1, 40),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.bool]),
)
def test_the_parts_of_a_tensor_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], part: int, dtype: torch.dtype
) -> None:
    folder = tmp_path_factory.mktemp("tensors")
    whole = torch.randint(0, 2, shape).to(dtype)
    save_file({"one": whole, "other": torch.ones(2)}, folder / NAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensors, "PART", part)
        file = TensorFile(folder, NAME)
        assert file.shapes == {"one": shape, "other": [2]}
        copy = torch.zeros_like(whole)
        for place, values in file.parts("one"):
            assert values.numel() <= max(part, values[:1].numel() if values.ndim else 1)
            copy[place] = values
    assert copy.dtype == whole.dtype
    assert torch.equal(copy, whole)


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / NAME).write_bytes(content)
    with pytest.raises(TrainingError, match="cannot be read") as caught:
        TensorFile(tmp_path, NAME)
    assert caught.value.where == str(tmp_path / NAME)
