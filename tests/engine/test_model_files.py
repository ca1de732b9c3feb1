"""A model's folder, its configuration and its tokenizer fit together, or are refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import ft
from ft.engine import model_files
from ft.engine.model_files import check_tokenizer, positions_of

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 50,
}


def rows(path: Path) -> str:
    lines = [{"text": f"anna {i}", "label": "ab"[i % 2]} for i in range(20)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_a_folder_without_tokenizer_files_is_refused(kind: str, tmp_path: Path) -> None:
    config = getattr(transformers, f"{kind}Config")(**SMALL)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(tmp_path / "m")
    train = rows(tmp_path / "a.jsonl")
    with pytest.raises(ft.ConfigError, match="m has no tokenizer"):
        ft.run(["sentiment"], sentiment={"train": train}, model=str(tmp_path / "m"))


def test_a_tokenizer_without_words_is_refused() -> None:
    with pytest.raises(ft.ConfigError, match="'x' has an empty vocabulary: its files are missing"):
        check_tokenizer(transformers.BertTokenizer(), "x")


def test_a_sentencepiece_model_alone_names_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spm.model").write_bytes(b"")
    monkeypatch.setattr(model_files, "_there", lambda module: module != "sentencepiece")
    assert model_files.sentencepiece_hint(str(tmp_path)) == (
        "to read its spm.model, transformers needs sentencepiece: pip install sentencepiece"
    )
    (tmp_path / "tokenizer.json").write_text("{}")
    assert model_files.sentencepiece_hint(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("kind", "positions"),
    [
        ("Bert", 20),
        ("Roberta", 18),
        ("XLMRoberta", 18),
        ("Camembert", 18),
        ("MPNet", 18),
        ("Longformer", 18),
        ("DistilBert", 20),
        ("Electra", 20),
    ],
)
def test_positions_are_counted_as_the_model_counts_them(kind: str, positions: int) -> None:
    names = {
        "hidden_size": "dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
    }
    given = {**SMALL, "max_position_embeddings": 20}
    if kind == "DistilBert":
        given = {names.get(key, key): value for key, value in given.items()}
        given.pop("intermediate_size")
    if kind == "Longformer":
        given["attention_window"] = [2]
    config = getattr(transformers, f"{kind}Config")(**given)
    assert positions_of(config) == positions
    if kind == "Longformer":
        return  # pads to its own window
    model = getattr(transformers, f"{kind}Model")(config).eval()
    model(torch.full((1, positions), 7))
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, positions + 1), 7))


def test_a_model_of_relative_positions_has_no_window() -> None:
    assert positions_of(transformers.XLNetConfig(d_model=8, n_layer=1, n_head=1, d_inner=8)) is None
    assert positions_of(transformers.T5Config()) is None


def test_the_declared_transformers_is_the_one_that_is_tried() -> None:
    import tomllib

    root = Path(__file__).resolve().parents[2]
    pinned = next(
        line.partition("==")[2].strip()
        for line in (root / "constraints.txt").read_text().splitlines()
        if line.startswith("transformers==")
    )
    for file in root.glob("*/pyproject.toml"), root.glob("plugins/*/pyproject.toml"):
        for path in file:
            needed = tomllib.loads(path.read_text()).get("project", {}).get("dependencies", [])
            for one in needed:
                if one.startswith("transformers"):
                    lowest = one.partition(">=")[2].partition(",")[0]
                    assert pinned.startswith(lowest + "."), f"{path}: {one}, tried with {pinned}"


def test_a_model_without_a_head_for_the_task_is_refused(tmp_path: Path, load: Any) -> None:
    load("families").make_tokenizer("Roberta").save_pretrained(tmp_path / "m")
    config = transformers.BartConfig(
        vocab_size=1000, d_model=16, encoder_layers=1, decoder_layers=1, max_position_embeddings=40
    )
    transformers.BartModel(config).save_pretrained(tmp_path / "m")
    data = tmp_path / "a.jsonl"
    row = {"text": "Anna lives in Ulm", "entities": [[0, 4, "PER"]]}
    data.write_text(f"{json.dumps(row)}\n" * 20, encoding="utf-8")
    with pytest.raises(
        ft.ConfigError,
        match="transformers has no head for token classification on models of type 'bart'",
    ) as caught:
        ft.run(["ner"], ner={"train": str(data)}, model=str(tmp_path / "m"), output=tmp_path / "r")
    assert caught.value.hint == "choose a model of another type, or let a plugin provide build_head"


def test_a_head_that_reads_the_last_position_reads_the_text(tmp_path: Path, load: Any) -> None:
    tokenizer = load("families").make_tokenizer("XLNet")
    tokenizer.model_max_length = 64
    tokenizer.save_pretrained(tmp_path / "m")
    torch.manual_seed(0)
    config = transformers.XLNetConfig(
        vocab_size=len(tokenizer), d_model=16, n_layer=1, n_head=2, d_inner=16, pad_token_id=4
    )
    transformers.XLNetModel(config).save_pretrained(tmp_path / "m")
    run = ft.run(
        ["sentiment"],
        sentiment={"train": rows(tmp_path / "a.jsonl")},
        model=str(tmp_path / "m"),
        epochs=1,
        precision="fp32",
        device="cpu",
        output=tmp_path / "run",
    ).output
    (alone,) = ft.predict(run, ["anna"])
    beside, _ = ft.predict(run, ["anna", "anna and ben " * 10])
    assert beside["scores"] == pytest.approx(alone["scores"], abs=1e-5)
