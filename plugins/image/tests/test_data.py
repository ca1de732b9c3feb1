"""Folders and tables: what is read, named and refused before training."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from PIL import Image

import ft
from ft_image.data import load
from ft_image.settings import ImageConfig
from ft_kit import write_rows


@pytest.fixture
def own(data: Path, tmp_path: Path) -> Path:
    """A copy of the images."""
    return Path(shutil.copytree(data, tmp_path / "own"))


def table(folder: Path, split: str) -> list[dict[str, str]]:
    paths = sorted((folder / split).glob("*/*.png"))
    return [{"image": str(path.relative_to(folder)), "label": path.parent.name} for path in paths]


def read(config: ImageConfig, output: Path) -> Any:
    """What is read, without a run."""
    run: Any = SimpleNamespace(wanted=None, output=output, note=print, uses=Path, restored=False)
    return load(config, "image", run, None)


def refused(go: Callable[..., Any], settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ft.FtError, match=why):
        go(settings, max_steps=1)


def test_a_table_gives_what_a_folder_gives(go: Callable[..., Any], own: Path) -> None:
    """The table of a folder is in the run's folder; paths in a table begin at its own."""
    whole = go({"train": str(own)}, max_steps=2)
    files = {}
    for split in ("train", "validation", "test"):
        rows = map(json.loads, (whole.output / f"images-{split}.jsonl").read_text().splitlines())
        inside = [{**row, "image": str(Path(row["image"]).relative_to(own))} for row in rows]
        files[split] = write_rows(own / f"{split}.jsonl", inside)
    tables = go(files, max_steps=2)
    assert tables.metrics["test"]["loss"].value == whole.metrics["test"]["loss"].value


def test_what_is_odd_is_named_and_what_leaks_is_left_out(go: Callable[..., Any], own: Path) -> None:
    train = own / "train"
    shutil.copy(own / "test/red/0.png", train / "red/leak.png")
    shutil.copy(train / "red/1.png", train / "blue/torn.png")
    with Image.open(train / "red/2.png") as image:
        nearly = image.copy()
    nearly.save(own / "validation/red/twin.jpg", quality=95, subsampling=0)
    shutil.copy(train / "blue/3.png", train / "blue/misnamed.jpg")
    first = Image.new("RGB", (16, 16), (0, 0, 99))
    second = Image.new("RGB", (16, 16), (0, 0, 199))
    first.save(train / "blue/moves.gif", save_all=True, append_images=[second])
    (train / "blue/Thumbs.db").write_text("x")
    (train / "green").mkdir()
    notes = "\n".join(go({"train": str(own)}, max_steps=1).record["notes"])
    for said in (
        r"training images with the pixels of one in validation or test: 1; train does without them \(.*leak.png = .*test/red/0.png\)",
        r"training pictures with two labels: 1 \(.*(torn|red/1).png: \w+, .*(torn|red/1).png: \w+\)",
        r"training images that repeat another, pixel for pixel: 2",
        r"images of validation or test that look like one of train.*: 1; .*twin.jpg ~ .*red/2.png",
        r"images of another format than their ending says: 1; .*misnamed.jpg",
        r"images that are animated or have several pages: 1; .*moves.gif",
        r"files that are no examples.*: 1 .*Thumbs.db",
        r"no image in green",
    ):
        assert re.search(said, notes), (said, notes)
    refused(go, {"train": str(own), "leaks": "refuse"}, "with the pixels of one in validation")


def test_a_broken_image_is_refused_with_its_name_or_set_aside(
    go: Callable[..., Any], own: Path
) -> None:
    broken = own / "train/red/7.png"
    broken.write_bytes(broken.read_bytes()[:200])
    refused(go, {"train": str(own)}, r"cannot be decoded: .*red/7\.png")
    result = go({"train": str(own), "on_bad_row": "skip"}, max_steps=1)
    (row,) = map(json.loads, (result.output / "bad_rows.jsonl").read_text().splitlines())
    assert "cannot be decoded" in row["reason"]
    assert result.record["data"]["train"]["examples"] == 47


def test_a_row_names_one_image_and_one_class(go: Callable[..., Any], own: Path) -> None:
    rows = table(own, "train")
    for wrong, why in (
        (
            {"image": "gone.png", "label": "red"},
            r"wrong\.jsonl:49: .*does not exist: gone\.png \(in .*image\.folder",
        ),
        ({"image": "https://a.b/c.png", "label": "red"}, "is on the web"),
        ({"image": "", "label": "red"}, "has no image"),
        ({"image": rows[0]["image"], "label": ""}, "has no label"),
    ):
        refused(go, {"train": write_rows(own / "wrong.jsonl", [*rows, wrong])}, why)
    lists = write_rows(own / "lists.jsonl", [{**row, "label": [row["label"]]} for row in rows])
    refused(go, {"train": lists}, r"jsonl:1: has \['blue'\] for a label, neither text nor number")
    missing = write_rows(own / "missing.jsonl", [*rows, {**rows[0], "label": "nan"}])
    refused(go, {"train": missing}, r"jsonl:49: has no label: 'nan' .*image\.missing_labels")
    numbers = [{**row, "label": i / 4} for i, row in enumerate(rows)]
    refused(go, {"train": write_rows(own / "n.jsonl", numbers)}, "numbers with fractions.* 0.25")
    objects = write_rows(own / "objects.jsonl", [{"image": {"bytes": "x"}, "label": "red"}])
    refused(go, {"train": objects}, "has a dict for an image, not a path")
    test = write_rows(own / "test.jsonl", [{**rows[0], "label": "rad"}])
    train = write_rows(own / "train.jsonl", rows)
    refused(
        go,
        {"train": train, "test": test},
        r"(?s)test\.jsonl:1: test has classes .*'rad' \(1\).*'red'",
    )
    reds = write_rows(own / "reds.jsonl", [row for row in rows if row["label"] == "red"])
    refused(go, {"train": reds}, "all training images are of the class 'red'")


def test_a_path_that_two_folders_have_is_refused(go: Callable[..., Any], own: Path) -> None:
    other = Path(shutil.copytree(own, own.parent / "other"))
    train = write_rows(own / "train.jsonl", table(own, "train"))
    test = write_rows(other / "test.jsonl", table(other, "test"))
    refused(go, {"train": train, "test": test}, "is in several folders.*set image.folder")


def test_numbers_get_the_names_that_are_given_for_them(go: Callable[..., Any], own: Path) -> None:
    rows = [{**row, "label": int(row["label"] == "red")} for row in table(own, "train")]
    train = write_rows(own / "train.jsonl", rows)
    result = go({"train": train, "label_names": ["blue", "red"]}, max_steps=1)
    assert "f1/red" in result.metrics["validation"]
    why = "has the label 1; image.label_names has 1 names"
    refused(go, {"train": train, "label_names": ["blue"]}, why)


def test_one_class_has_one_name_however_it_is_written(own: Path, tmp_path: Path) -> None:
    written = {"red": ["caf\u00e9", "cafe\u0301 "], "blue": ["1", "1.0"]}
    rows = [
        {"image": row["image"].replace("/", "\\"), "label": written[row["label"]][i % 2]}
        for i, row in enumerate(table(own, "train"))
    ]
    data, _ = read(ImageConfig(train=write_rows(own / "train.jsonl", rows)), tmp_path)
    assert data.schema.label.names == ("1", "caf\u00e9")
    image = (own / table(own, "train")[0]["image"]).read_bytes()
    cells = [{"image": {"bytes": image, "path": None}, "label": name} for name in "ab"]
    Dataset.from_list(cells).to_parquet(own / "cells.parquet")
    settings = ImageConfig(train=str(own / "cells.parquet"), leaks="keep")
    assert read(settings, tmp_path)[0].splits["train"][0]["image"].startswith("data:image;base64,")


def test_folders_that_are_no_classes_are_refused(go: Callable[..., Any], tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    refused(go, {"train": str(tmp_path)}, "holds images, but no folder for each class")
    (tmp_path / "metadata.csv").write_text("file_name,label\na.png,x\n")
    refused(go, {"train": str(tmp_path)}, r"image.train = .*/metadata\.csv, and its columns")
    (tmp_path / "metadata.csv").unlink()
    (tmp_path / "a.png").unlink()
    refused(go, {"train": str(tmp_path)}, "holds no images")
    (tmp_path / "empty").mkdir()
    refused(go, {"train": str(tmp_path)}, "holds no images")


def test_train_may_be_a_class(go: Callable[..., Any], own: Path) -> None:
    (own / "train/blue").rename(own / "train/train")
    for path in (own / "validation", own / "test"):
        shutil.rmtree(path)
    result = go({"train": str(own / "train")}, max_steps=1)
    assert "f1/train" in result.metrics["validation"]


def test_nothing_in_a_folder_is_passed_over_in_silence(
    go: Callable[..., Any], own: Path, tmp_path: Path
) -> None:
    """Links to folders are followed once, links to nothing are named, deeper folders are said."""
    red, blue = own / "train/red", own / "train/blue"
    more = Path(shutil.move(blue, tmp_path / "blue"))
    blue.mkdir()
    (blue / "more").symlink_to(more)
    (red / "itself").symlink_to(red)
    (own / "train/notes.csv").write_text("a,b\n1,2\n")
    data, _ = read(ImageConfig(train=str(own / "train"), on_bad_row="skip"), tmp_path)
    assert sum(len(rows) for rows in data.splits.values()) == 48
    said = "\n".join(data.notes)
    assert re.search(r"have the outer one's class: 24 \(in blue/more\)", said)
    assert re.search(r"files that are no examples.*notes\.csv", said)
    (red / "gone.png").symlink_to(own / "nothing.png")
    refused(go, {"train": str(own)}, r"does not exist: .*red/gone\.png")
    (own / "extra").mkdir()
    refused(go, {"train": str(own)}, r"folders of splits, .*train.*beside them extra")
    outer = Path(shutil.copytree(own / "test", tmp_path / "outer/images"))
    refused(go, {"train": str(outer.parent)}, r"set image\.train = .*outer/images")


def test_a_folder_is_scored_by_a_run_of_a_table(go: Callable[..., Any], own: Path) -> None:
    rows = [{"path": row["image"], "label": row["label"]} for row in table(own, "train")]
    train = write_rows(own / "train.jsonl", rows)
    result = go({"train": train, "columns": {"image": "path"}}, max_steps=1)
    assert ft.evaluate(result.output, str(own / "test")).metrics["test"]["accuracy"].value >= 0


def test_the_same_pictures_are_held_out_wherever_they_lie(own: Path, tmp_path: Path) -> None:
    first = sorted((own / "train/red").glob("*.png"))[0]
    with Image.open(first) as image:
        image.save(first.with_name("twin.bmp"))
    held = []
    for place in (own, Path(shutil.copytree(own, tmp_path / "elsewhere"))):
        data, _ = read(ImageConfig(train=str(place / "train")), tmp_path)
        sides = [set(map(Path, rows["image"])) for rows in data.splits.values()]
        assert {"blue", "red"} == {path.parent.name for path in sides[1]}
        twins = {place / "train/red" / name for name in (first.name, "twin.bmp")}
        assert any(twins <= side for side in sides)
        held.append({path.relative_to(place) for path in sides[1]})
    assert held[0] == held[1]
