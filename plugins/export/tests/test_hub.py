"""The card, and a run that goes to the hub and comes back, by the hub's own client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

import ft
from ft.cli.main import main
from ft_export import make_card, push
from ft_export.hub.texts import found_in

NAME = "someone/names"
Client = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def client(hub: Any, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Runs Python with a hub's settings of its own: the client reads them when it is imported."""
    home = tmp_path_factory.mktemp("home")

    def run(code: str, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home / "hf"),
            "HF_TOKEN": hub.token,
            "FT_CACHE": str(home / "ft"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",  # the server takes large files as git-lfs does
            "HF_HUB_OFFLINE": "0",
            **more,
        }
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


FT = "import sys; from ft.cli.main import main; sys.exit(main(sys.argv[1:]))"
BACK = """
import sys, json, ft
model = ft.load(sys.argv[1])
print(json.dumps(model.predict(sys.argv[2])))
if sys.argv[3:]:
    run = {"model": sys.argv[1], "epochs": 1, "device": "cpu", "ner": json.loads(sys.argv[3])}
    print(ft.run(["ner"], **run).metrics["test"]["f1"].value)
    ft.load("someone/nothing")
"""


@pytest.fixture(scope="module")
def pushed(client: Client, hub: Any, ner: Path) -> Any:
    """What the hub holds after `ft push`."""
    done = client(FT, "push", ner, NAME, "--yes", "--license", "mit", "--language", "en")
    assert done.returncode == 0, done.stderr
    assert "model.safetensors" in done.stdout
    assert f"{NAME} (private)" in done.stdout
    return hub.repositories[NAME]


def test_the_card_says_what_the_record_says(ner: Path) -> None:
    text = make_card(ner, NAME, licence="apache-2.0", languages=["en"])
    card, record = ModelCard(text), json.loads((ner / "record.json").read_text(encoding="utf-8"))
    data = card.data
    assert (data.license, data.language, data.pipeline_tag) == (
        "apache-2.0",
        ["en"],
        "token-classification",
    )
    scores = record["metrics"]["test"]
    found = {one.metric_type: one for one in data.eval_results if one.dataset_split == "test"}
    assert set(found) == {key for key in scores if "/" not in key}
    assert found["f1"].metric_value == scores["f1"]["value"]
    assert found["f1"].metric_args["low"] == scores["f1"]["low"]
    assert found["f1"].dataset_name == "test.conll"
    for said in ("`LOC`, `PER`", "| train | 160 | train.conll |", "64 tokens", "| PER | ", "Costs"):
        assert said in text
    assert record["data"]["train"]["fingerprint"][:16] in text
    assert data.base_model is None, "a folder of this machine is no model on the hub"
    assert str(ner.parent) not in text, "no folder of this machine"


def test_a_card_without_a_licence_has_a_field_to_fill(sentiment: Path) -> None:
    text = make_card(sentiment, "good")
    assert ModelCard(text).data.license is None
    assert "To be filled in" in text
    assert ModelCard(text).data.pipeline_tag == "text-classification"


def test_a_card_is_not_replaced_unasked(sentiment: Path) -> None:
    path = sentiment / "model" / "README.md"
    assert main(["card", str(sentiment)]) == 0
    path.write_text(path.read_text(encoding="utf-8") + "mine\n", encoding="utf-8")
    assert main(["card", str(sentiment)]) == 2
    assert path.read_text(encoding="utf-8").endswith("mine\n")
    assert main(["card", str(sentiment), "--force"]) == 0
    assert "mine" not in path.read_text(encoding="utf-8")
    assert ft.predict(sentiment, "a great house"), "the card is none of the files that are compared"


def test_what_is_pushed(pushed: Any, ner: Path) -> None:
    assert pushed.private
    own = {"ft/config.toml", "ft/task.json", "ft/plugins.json", "ft/record.json"}
    model = {path.name for path in (ner / "model").iterdir()}
    assert set(pushed.files) == own | model | {"README.md"}
    assert ModelCard(pushed.files["README.md"].decode()).data.license == "mit"
    record = json.loads(pushed.files["ft/record.json"])
    assert record["read"] == []
    assert pushed.files["model.safetensors"] == (ner / "model" / "model.safetensors").read_bytes()


@pytest.mark.long
def test_a_pushed_run_comes_back(pushed: Any, client: Client, hub: Any, ner: Path) -> None:
    text = "clara went to new york ."
    wanted = ft.load(ner).predict(text)
    data = {name: str(_data(ner, name)) for name in ("train", "test")}
    done = client(BACK, NAME, text, json.dumps(data))
    assert "no such model on the hub" in done.stderr, "what it ends with"
    said = done.stdout.splitlines()
    assert json.loads(said[0]) == wanted
    assert float(said[-1]) > 0.8, "its model is trained further"
    asked = len(hub.requests)
    offline = client(BACK, NAME, text, HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr
    assert json.loads(offline.stdout) == wanted
    assert len(hub.requests) == asked, "nothing is asked for without a network"


def _data(run: Path, split: str) -> Path:
    settings = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))
    return Path(settings[settings["plugins"][0]][split])


def test_a_card_with_a_text_of_the_data_is_refused(
    sentiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is asked for or sent."""
    with _data(sentiment, "train").open(encoding="utf-8") as stream:
        text = max(stream, key=len).rpartition(",")[0]
    path = sentiment / "model" / "README.md"
    path.write_text(f"# Good\n\nFor example: {text}\n", encoding="utf-8")
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", _never)
    with pytest.raises(ft.UserError, match=r"README\.md holds a text of the run's data"):
        push(sentiment, NAME)
    path.unlink()


def test_data_that_is_gone_cannot_be_compared(ner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", _never)
    data, aside = _data(ner, "train"), _data(ner, "train").with_suffix(".aside")
    data.rename(aside)
    try:
        with pytest.raises(ft.UserError, match="cannot be read, so nobody knows"):
            push(ner, NAME)
    finally:
        aside.rename(data)


def test_a_wrong_name_in_a_folder_that_is_here_is_told_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", _never)
    with pytest.raises(ft.UserError, match="there is no finished run here"):
        ft.load("runs/frist")


def _never(*_: Any, **__: Any) -> None:
    raise AssertionError("the hub was asked")


def test_texts_of_the_data_are_found(tmp_path: Path) -> None:
    text = "the parcel that I sent to Anna never came"
    held = {
        "state.json": json.dumps({"seen": [{"text": f"{text} back"}]}),
        "words.json": json.dumps({"words": text.split()}),
        "README.md": f"For example, `{text}` is a complaint.\n",
    }
    clean = {"vocabulary.json": json.dumps(text.split()[:3]), "notes.md": "the parcel that\n"}
    for name, content in (held | clean).items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = found_in(sorted(tmp_path.iterdir()), [text, "short"])
    assert {path.name for path in found} == set(held)
