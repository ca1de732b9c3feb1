"""A run folder from somebody who means harm: refused, nothing executed, bounded memory and time.

Seals and hashes are no secret, so these folders have the right ones.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.runfolder.folder import RunFolder

Change = Callable[[Path], None]
TEXTS = ["anna went to london"]
MEMORY = 1_000_000
"""Kilobytes that a refusal may take at most."""


class Payload:
    """What a pickle may do: anything."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A folder that is there if code was run."""
    return tmp_path / "executed"


def refused(run: Path, marker: Path) -> str:
    """What is said to a prediction and a resume; neither executes, fills memory, or takes long."""
    said = []
    memory, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for use in (lambda: ft.predict(run, TEXTS), lambda: ft.run(resume=run)):
        try:
            use()
        except ft.FtError as error:
            said.append(str(error))
    assert not marker.exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < MEMORY
    assert time.process_time() - begin < 20
    assert said
    return "\n".join(said)


def digest(path: Path) -> dict[str, Any]:
    return {
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a sealed file of the run folder, and seal it anew."""
    folder = RunFolder(path.parent)
    values = folder.read_sealed(path)
    change(values)
    folder.write_sealed(path, values)


def rehash(run: Path) -> None:
    """The hashes of the model and the checkpoints as they are now."""
    model = run / "model"
    if model.exists():
        hashes = {
            str(path.relative_to(model)): digest(path)["sha256"]
            for path in model.rglob("*")
            if path.is_file()
        }
        edit(run / "task.json", lambda task: task.update(model=hashes))
    for folder in (run / "checkpoints").iterdir():
        files = {path.name: digest(path) for path in folder.iterdir() if path.is_file()}
        files.pop("complete.json", None)
        about = json.loads((folder / "complete.json").read_text())
        (folder / "complete.json").write_text(json.dumps({**about, "files": files}))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "model.pkl"])
def test_a_pickle_in_the_place_of_weights(finished: Path, marker: Path, name: str) -> None:
    (finished / "model" / "model.safetensors").unlink()
    (finished / "model" / name).write_bytes(pickle.dumps(Payload(marker)))
    rehash(finished)
    assert f"{name}: this may hold a pickle, which is not read" in refused(finished, marker)


def test_a_pickle_in_a_checkpoint(stopped: Path, marker: Path) -> None:
    for folder in (stopped / "checkpoints").glob("step-*"):
        (folder / "optimizer.safetensors").unlink()
        (folder / "optimizer.pt").write_bytes(pickle.dumps(Payload(marker)))
    rehash(stopped)
    assert "optimizer.pt: this may hold a pickle" in refused(stopped, marker)


def test_a_pickle_that_is_called_safetensors(finished: Path, marker: Path) -> None:
    for path in [*finished.rglob("*.safetensors")]:
        path.write_bytes(pickle.dumps(Payload(marker)))
    rehash(finished)
    assert "cannot load" in refused(finished, marker)


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("<Q", 10 * 2**30) + b"{}",
        struct.pack("<Q", 2**64 - 1) + b"{}",
        b"\x08",
        b"",
        "claim",
        "nested",
    ],
)
@pytest.mark.parametrize("where", ["checkpoint", "model"])
def test_a_header_that_claims_too_much(
    finished: Path, marker: Path, header: bytes | str, where: str
) -> None:
    if header == "claim":
        tensor = {"dtype": "F32", "shape": [2_500_000_000], "data_offsets": [0, 10**10]}
        text = json.dumps({"bert.embeddings.word_embeddings.weight": tensor}).encode()
        header = struct.pack("<Q", len(text)) + text + b"\0" * 64
    elif header == "nested":
        header = struct.pack("<Q", 200_000) + b"[" * 200_000
    assert isinstance(header, bytes)
    if where == "checkpoint":
        (finished / "record.json").unlink()
        (finished / "model" / "model.safetensors").write_bytes(header)
    folder = "checkpoints/step-*" if where == "checkpoint" else "model"
    for path in finished.glob(f"{folder}/*.safetensors"):
        path.write_bytes(header)
    rehash(finished)
    assert str(finished) in refused(finished, marker)


def test_a_configuration_that_claims_too_much(finished: Path, marker: Path) -> None:
    path = finished / "model" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "vocab_size": 10**11, "hidden_size": 10**6}))
    rehash(finished)
    assert str(finished) in refused(finished, marker)


@pytest.mark.parametrize("part", ["../../secret.safetensors", "/etc/secret.safetensors", "x.bin"])
def test_an_index_that_leads_out_of_the_folder(finished: Path, marker: Path, part: str) -> None:
    model = finished / "model"
    (model / "model.safetensors").rename(finished / "secret.safetensors")
    index = {"metadata": {}, "weight_map": {"bert.embeddings.word_embeddings.weight": part}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    rehash(finished)
    assert "no safetensors beside it" in refused(finished, marker)


@pytest.mark.parametrize("name", ["model", "checkpoints", "metrics.jsonl", ".config.toml.partial"])
def test_a_link_out_of_the_folder(finished: Path, marker: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    if (finished / name).exists():
        (finished / name).rename(tmp_path / "moved")
    (finished / name).symlink_to(outside)
    (finished / "record.json").unlink()
    assert f"{finished / name}: a link, to {outside}" in refused(finished, marker)
    assert outside.read_text() == "precious"


@pytest.mark.parametrize("how", ["absolute", "relative", "class", "module"])
def test_a_plugin_that_comes_with_the_folder(
    finished: Path, marker: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.chdir(finished.parent)
    code = f"import os\nos.mkdir({str(marker)!r})\nimport ft\nclass Evil(ft.Plugin): ...\n"
    (finished / "evil.py").write_text(code)
    spec = {
        "absolute": str(finished / "evil.py"),
        "relative": f"./x/../{finished.name}/evil.py",
        "class": f"{finished.name}/evil.py:Evil",
        "module": f"{finished.name}.evil:Evil",
    }[how]
    config = finished / "config.toml"
    text = config.read_text()
    config.write_text(text.replace("plugins = [", f'plugins = [\n    "{spec}",', 1))
    (finished / "record.json").unlink()
    assert "lies in the run folder itself" in refused(finished, marker)


def test_a_run_folder_is_not_made_around_its_plugins(go: Any, tmp_path: Path) -> None:
    """It could neither be resumed nor used."""
    (tmp_path / "run").mkdir()
    plugin = tmp_path / "run" / "own.py"
    plugin.write_text("import ft\nclass Own(ft.Plugin): ...\n")
    with pytest.raises(ft.UserError, match="keep it in another folder"):
        go(["words", str(plugin)], tmp_path / "run")


@pytest.mark.parametrize("kind", ["unknown-kind", "bert"])
def test_a_model_that_brings_code(finished: Path, marker: Path, kind: str) -> None:
    """Code for an unknown kind of model is refused; a known kind needs none and runs none."""
    model = finished / "model"
    (model / "evil.py").write_text(f"import os\nos.mkdir({str(marker)!r})\nclass Evil: ...\n")
    remote = {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil", "AutoTokenizer": "evil.Evil"}
    remote["AutoModelForTokenClassification"] = "evil.Evil"
    for name in ("config.json", "tokenizer_config.json"):
        values = json.loads((model / name).read_text())
        values["auto_map"] = remote
        if name == "config.json":
            values["model_type"] = kind
        else:
            values["auto_map"] = {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
        (model / name).write_text(json.dumps(values))
    rehash(finished)
    if kind == "bert":
        assert ft.predict(finished, TEXTS)
        assert not marker.exists()
    else:
        assert "cannot load the" in refused(finished, marker)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": []},
        {"settings": None},
        {"schema": {}},
        {"schema": 7},
        {"plugins": []},
        {"model": {"../../outside": "0"}},
        {"model": []},
        {"data": 3},
        {"changes": [1]},
        {"libraries": [], "machine": 1, "model_files": "x"},
    ],
)
def test_a_task_of_another_form(finished: Path, marker: Path, change: dict[str, Any]) -> None:
    (finished / "record.json").unlink()
    edit(finished / "task.json", lambda task: task.update(change))
    if "libraries" in change:
        ft.run(resume=finished)
        return
    assert str(finished) in refused(finished, marker)


def _state(change: dict[str, Any]) -> Change:
    def do(folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        (folder / "state.json").write_text(json.dumps({**state, **change}))

    return do


def _text(name: str, content: bytes) -> Change:
    def do(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return do


def _sparse(folder: Path) -> None:
    with (folder / "complete.json").open("r+b") as stream:
        stream.truncate(10 * 2**30)


STATES: dict[str, Change] = {
    "progress": _state({"progress": {"evil": 1}}),
    "no-progress": _state({"progress": None}),
    "random": _state({"random": {"python": [1, 2, 3]}}),
    "torch": _state({"random": {"torch": "!"}}),
    "plugins": _state({"plugins": []}),
    "notes": _state({"notes": 5}),
    "costs": _state({"costs": [7]}),
    "list": _text("state.json", b"[]"),
    "nested": _text("state.json", b"[" * 1_000_000),
    "no-json": _text("state.json", b"\xff\xfe"),
}
ABOUTS: dict[str, Change] = {
    "outside": _text(
        "complete.json", b'{"files": {"../../../secret": {"bytes": 1, "sha256": ""}}}'
    ),
    "list": _text("complete.json", b"[]"),
    "nested": _text("complete.json", b"[" * 100_000),
    "sparse": _sparse,
    "best": _text("complete.json", b'{"files": {}, "best": "../../x"}'),
}


@pytest.mark.parametrize("name", STATES)
def test_a_checkpoint_of_another_form(stopped: Path, marker: Path, name: str) -> None:
    for folder in (stopped / "checkpoints").glob("step-*"):
        STATES[name](folder)
    rehash(stopped)
    assert "the checkpoint " in refused(stopped, marker)


@pytest.mark.parametrize("name", ABOUTS)
def test_a_list_of_files_of_another_form(stopped: Path, marker: Path, name: str) -> None:
    """It is passed over, and nothing outside is touched."""
    newest = stopped / "checkpoints" / "step-00000008"
    ABOUTS[name](newest)
    ft.run(resume=stopped)
    notes = json.loads((stopped / "record.json").read_text())["notes"]
    assert any(note.startswith("passed over a checkpoint: step-00000008") for note in notes)


def test_an_archive_is_no_run(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "run.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../../evil", "x")
        archive.writestr("config.toml", "")
    assert "there is no" in refused(path, marker)
