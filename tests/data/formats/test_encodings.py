"""Files that are not UTF-8, and files that are packed."""

from __future__ import annotations

import bz2
import gzip
import lzma
from typing import Any

import pytest

from ft import FtError

CSV = "text;label\n" + "".join(f"café „{i}“;{'xy'[i % 2]}\n" for i in range(6))
CONLL = "Ann\tB-PER\nruns\tO\n"


def test_one_line_names_the_encoding_that_reads_it(write: Any, texts: Any) -> None:
    path = write("a.csv", CSV.encode("cp1252"))
    with pytest.raises(FtError) as caught:
        texts(path)
    assert str(caught.value).count("\n") == 1
    assert "a.csv: the file is not UTF-8 (6 lines are not, the first is line 2)" in str(
        caught.value
    )
    assert "as cp1252 that line reads 'café „0“;x'" in str(caught.value)
    assert "set task.encoding = 'cp1252'" in str(caught.value)
    assert texts(path, encoding="cp1252").splits["train"]["text"][0] == "café „0“"


def test_a_damaged_line_among_others_is_one_bad_row(write: Any, texts: Any, run: Any) -> None:
    path = write("a.csv", CSV.encode() + b"caf\xe9;x\n")
    with pytest.raises(FtError, match=r"a\.csv:8: is not valid utf-8"):
        texts(path)
    assert len(texts(path, run, on_bad_row="skip").splits["train"]) == 6


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_mark_at_the_beginning_counts(encoding: str, write: Any, texts: Any, words: Any) -> None:
    assert len(texts(write("a.csv", CSV.encode(encoding))).splits["train"]) == 6
    data = words(write("a.conll", CONLL.encode(encoding)))
    assert data.splits["train"]["tokens"][0] == ["Ann", "runs"]
    said = any("as the mark at its beginning says" in note for note in data.notes)
    assert said == (encoding != "utf-8-sig")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_named(encoding: str, write: Any, texts: Any) -> None:
    path = write("a.csv", "text,label\na,x\nb,y\n".encode(encoding))
    with pytest.raises(FtError, match=rf"as {encoding} that line reads 'text,label"):
        texts(path)


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_packed_files(ending: str, pack: Any, write: Any, texts: Any, words: Any) -> None:
    assert len(texts(write(f"a.csv{ending}", pack(CSV.encode()))).splits["train"]) == 6
    data = words(write(f"a.conll{ending}", pack(CONLL.encode())))
    assert data.splits["train"]["tokens"][0] == ["Ann", "runs"]
    rows = b'[{"text": "t", "label": "x"}]'
    assert len(texts(write(f"a.json{ending}", pack(rows))).splits["train"]) == 1
    with pytest.raises(FtError, match=rf"b\.csv\{ending}: cannot be read"):
        texts(write(f"b.csv{ending}", pack(CSV.encode())[:-8]))
