"""What happens around a run: files vanish, the clock moves, the cache is damaged."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.contract.errors import Interrupted

YEAR = 365 * 86400.0


@pytest.fixture
def ner(data_files: dict[str, Any], tmp_path: Path) -> dict[str, str]:
    """Data that a test may alter."""
    return {
        split: str(shutil.copy(path, tmp_path / Path(path).name))
        for split, path in data_files["ner"].items()
    }


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def stopped(go: Any, output: Path, step: int = 4, **settings: Any) -> Path:
    armed = output.parent / "armed"
    armed.touch()
    stumble = {"armed": str(armed), "how": "int", "step": step}
    with pytest.raises(Interrupted):
        go(["ner", "stumble"], output, epochs=2, stumble=stumble, **settings)
    return output


def notes(run: Path) -> str:
    return "\n".join(json.loads((run / "record.json").read_text())["notes"])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_data_file_that_is_gone_is_named_and_the_run_goes_on_when_it_is_back(
    go: Any, ner: dict[str, str], comparing: ModuleType, tmp_path: Path, split: str
) -> None:
    reference = go(["ner", "stumble"], epochs=2, ner=ner).output
    run = stopped(go, tmp_path / "run", ner=ner)
    Path(ner[split]).rename(tmp_path / "away")
    with pytest.raises(ft.UserError) as caught:
        ft.run(resume=run)
    assert ner[split] in str(caught.value)
    (tmp_path / "away").rename(ner[split])
    ft.run(resume=run)
    comparing.assert_same(run, reference)


def test_data_that_vanishes_while_a_run_trains_does_not_stop_it(
    go: Any, ner: dict[str, str], own_cache: Path, comparing: ModuleType, tmp_path: Path
) -> None:
    """It was read before the first step; what was encoded is held open."""
    reference = go(["ner"], ner=ner).output
    plugin = tmp_path / "vanish.py"
    plugin.write_text(
        "import shutil\nfrom pathlib import Path\nimport ft\n\n\nclass Vanish(ft.Plugin):\n"
        "    @ft.hookimpl\n    def on_run_start(self, run):\n"
        f"        Path({ner['train']!r}).unlink()\n        shutil.rmtree({str(own_cache)!r})\n"
    )
    run = go(["ner", str(plugin)], ner=ner).output
    weights = [folder / "model" / "model.safetensors" for folder in (run, reference)]
    assert comparing.different_tensors(*weights) == []


def test_a_model_that_is_gone_is_named(
    go: Any, ner: dict[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    run = stopped(go, tmp_path / "run", ner=ner, model=str(model))
    shutil.rmtree(model)
    with pytest.raises(ft.UserError, match="the folder of the pre-trained model is not") as caught:
        ft.run(resume=run)
    assert str(model) in str(caught.value)
    assert "--model" in str(caught.value)


@pytest.mark.parametrize("shift", [-30 * YEAR, -1.0, 10 * YEAR])
def test_a_clock_that_moves_changes_nothing(
    go: Any,
    ner: dict[str, str],
    own_cache: Path,
    comparing: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shift: float,
) -> None:
    """Neither which checkpoint is the newest nor what is read from the cache hangs on it."""
    reference = go(["ner", "stumble"], epochs=2, ner=ner, checkpoint_steps=1).output
    run = stopped(go, tmp_path / "run", ner=ner, checkpoint_steps=1, keep_checkpoints=1)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    for number, path in enumerate([*run.rglob("*"), *own_cache.rglob("*")]):
        os.utime(path, (real() + shift - number, real() + shift - number))
    ft.run(resume=run)
    assert "resumed at step 4 of" in notes(run)
    comparing.assert_same(run, reference)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def swell(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0" * 8)


@pytest.mark.parametrize("harm", [flip, cut, swell])
@pytest.mark.parametrize("kind", ["encoded", "data"])
def test_a_damaged_cache_is_noticed_and_made_again(
    go: Any,
    ner: dict[str, str],
    own_cache: Path,
    comparing: ModuleType,
    harm: Callable[[Path], None],
    kind: str,
) -> None:
    reference = go(["ner"], ner=ner).output
    before = {path: path.read_bytes() for path in own_cache.glob(f"{kind}/**/*.arrow")}
    assert before
    for path in before:
        harm(path)
    run = go(["ner"], ner=ner).output
    assert "damaged" in notes(run)
    weights = [folder / "model" / "model.safetensors" for folder in (run, reference)]
    assert comparing.different_tensors(*weights) == []
    assert {path: path.read_bytes() for path in before} == before
    assert "damaged" not in notes(go(["ner"], ner=ner).output)


def test_a_technique_that_draws_from_its_own_generator_while_encoding_is_refused(
    go: Any, tmp_path: Path
) -> None:
    """In mid-epoch the state of that generator is not the one that the pool was encoded with."""
    plugin = tmp_path / "draw.py"
    plugin.write_text(
        "import ft\n\n\nclass Draw(ft.Plugin):\n    @ft.hookimpl\n"
        "    def encode(self, inner, run, examples, training):\n"
        "        self.rng.random()\n        return inner(run, examples, training)\n"
    )
    with pytest.raises(ft.TrainingError, match=r"encode drew from self\.rng") as caught:
        go(["words", str(plugin)])
    assert "plugin 'draw'" in str(caught.value)
    assert "self.rng_at(run.epoch, example_id)" in str(caught.value)


def test_what_was_encoded_long_ago_and_what_was_left_half_written_goes(
    go: Any, ner: dict[str, str], own_cache: Path
) -> None:
    go(["ner"], ner=ner, max_steps=1)
    (old,) = (own_cache / "encoded").iterdir()
    half = old.with_name("train-0.123.partial")
    half.touch()
    for path in (old, half):
        os.utime(path, (path.stat().st_atime - YEAR, path.stat().st_mtime - YEAR))
    go(["ner"], ner=ner, max_steps=1, max_length=9)
    assert old not in (own_cache / "encoded").iterdir()
    assert len(list((own_cache / "encoded").iterdir())) == 1
