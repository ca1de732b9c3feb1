"""The pages of the reference say what the code does."""

from __future__ import annotations

import fnmatch
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.contract import errors

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"


def script(name: str) -> ModuleType:
    """A script of the docs, which is in no package."""
    spec = importlib.util.spec_from_file_location(f"ft_docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(page: str, *heading: str) -> list[list[str]]:
    """The rows of a page's table with these columns first."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    start = text.index("| " + " | ".join(heading))
    lines = text[start:].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("page", ["command-line.md", "settings.md", "api.md"])
def test_a_generated_page_is_up_to_date(page: str) -> None:
    path = REFERENCE / page
    assert "<!-- generated: " in path.read_text(encoding="utf-8")
    assert script("generate").write(path) == path.read_text(encoding="utf-8"), (
        "run `python docs/generate.py`"
    )


def test_the_picture_of_a_run_is_up_to_date_and_has_every_hook() -> None:
    picture = script("draw_run").picture()
    shown = (ROOT / "docs" / "explanation" / "run.svg").read_text(encoding="utf-8")
    assert picture == shown, "run `python docs/draw_run.py`"


def test_every_public_name_is_on_its_page_and_no_other() -> None:
    text = (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == sorted(ft.__all__)
    for name in ft.__all__:
        assert getattr(ft, name) is not None
    # Nothing can be imported from `ft` that is not listed.
    assert set(ft._HOMES) == set(ft.__all__)


def test_what_a_run_offers_is_on_its_page_and_nothing_else() -> None:
    listed = {
        re.match(r"`(\w+)", cells[0]).group(1)  # type: ignore[union-attr]
        for heading in ("attribute", "method")
        for cells in rows("run.md", heading)
    }
    offered = {name for name in {*vars(ft.Run), *ft.Run.__annotations__} if name[0] != "_"}
    assert offered == listed


def test_what_a_plugin_class_offers_is_on_its_page() -> None:
    text = (REFERENCE / "plugin.md").read_text(encoding="utf-8")
    offered = {name for name in (*vars(ft.Plugin), "name", "rng") if not name.startswith("_")}
    # `seed` is the core's to call.
    assert {name for name in offered if not re.search(rf"`(self\.)?{name}\b", text)} == {"seed"}


def test_every_error_is_on_its_page_with_base_and_exit_code() -> None:
    listed = {cells[0].strip("`"): cells[1].strip("`") for cells in rows("errors.md", "class")}
    public = {
        name: getattr(ft, name).__base__.__name__
        for name in ft.__all__
        if isinstance(getattr(ft, name), type) and issubclass(getattr(ft, name), Exception)
    }
    assert listed == public
    codes = {int(cells[0]) for cells in rows("errors.md", "exit code")}
    assert codes == {0, errors.EXIT_FAILED, errors.EXIT_INPUT, errors.EXIT_INTERRUPTED}
    assert ft.UserError("x").exit_code == 2
    assert ft.TrainingError("x").exit_code == 1
    assert errors.Interrupted("x").exit_code == 130


@pytest.fixture(scope="module")
def run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run, with a row set aside."""
    folder = tmp_path_factory.mktemp("reference")
    lines = ['{"tokens": ["anna", "saw", "paris"], "tags": ["B-PER", "O", "B-LOC"]}'] * 40
    lines = [line.replace("saw", f"saw{i}") for i, line in enumerate(lines)]
    (folder / "train.jsonl").write_text("\n".join([*lines, "no JSON"]) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(folder / "cache"))
        return ft.run(
            ["ner"],
            ner={"train": str(folder / "train.jsonl"), "on_bad_row": "skip"},
            model=str(tiny_model),
            epochs=1,
            device="cpu",
            lint="off",
            output=folder / "run",
        )


def test_every_file_of_a_run_is_on_its_page_and_there(run: Any) -> None:
    listed = [cells[0].strip("`") for cells in rows("run-folder.md", "file")]
    patterns = [name.replace("SPLIT", "*") + "*" * name.endswith("/") for name in listed]
    files = [
        path.relative_to(run.output).as_posix() for path in run.output.rglob("*") if path.is_file()
    ]

    def fits(file: str, pattern: str) -> bool:
        return fnmatch.fnmatch(file, pattern) or fnmatch.fnmatch(file, f"{pattern}/*")

    assert [file for file in files if not any(fits(file, one) for one in patterns)] == []
    always = [
        pattern
        for pattern, cells in zip(patterns, rows("run-folder.md", "file"), strict=True)
        if "where the task says it" not in cells[1]
    ]
    assert [one for one in always if not any(fits(file, one) for file in files)] == []


def test_every_key_of_the_record_is_on_its_page(run: Any) -> None:
    listed = {
        key for cells in rows("run-folder.md", "key") for key in re.findall(r"`(\w+)`", cells[0])
    }
    assert listed == set(run.record)
