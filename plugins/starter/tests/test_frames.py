"""The reader of pickled data frames: values as pandas has them, and nothing is run."""

from __future__ import annotations

import lzma
import os
import pickle
from pathlib import Path

import pytest

from ft import DataError
from ft_starter import frames


def pack(path: Path, content: bytes) -> Path:
    path.write_bytes(lzma.compress(content))
    return path


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_a_pickle_that_names_a_function_is_refused_and_not_run(tmp_path: Path) -> None:
    target = tmp_path / "made"
    path = pack(tmp_path / "bad.pkl.compress", pickle.dumps(Malicious(target)))
    with pytest.raises(DataError, match=r"it names posix.mkdir|it names nt.mkdir"):
        frames.read(path)
    assert not target.exists()


@pytest.mark.parametrize(
    "content", [b"", b"not a pickle", b"\x80\x05]q\x00e.", pickle.dumps(3), pickle.dumps([1, 2])]
)
def test_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="can be read safely"):
        frames.read(pack(tmp_path / "bad.pkl.compress", content))


def test_a_file_that_is_not_compressed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.pkl.compress"
    path.write_bytes(b"plain")
    with pytest.raises(DataError, match="safely"):
        frames.read(path)
