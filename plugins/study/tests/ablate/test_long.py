"""A whole ablation, killed half-way and gone on with: the table is that of one that was not."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ft_kit import tiny_bert

WORDS = ["anna", "ben", "london", "paris", "went", "to", "the", "and", "saw"]
TAGS = {"anna": "B-PER", "ben": "B-PER", "london": "B-LOC", "paris": "B-LOC"}
JUDGED = ("what", "where", "value", "low", "high", "p", "corrected_p", "seeds", "verdict", "why")


def write_conll(path: Path, sentences: int, seed: int) -> Path:
    rng = random.Random(seed)
    chosen = [[rng.choice(WORDS) for _ in range(rng.randint(3, 9))] for _ in range(sentences)]

    def tag(word: str) -> str:
        return TAGS.get(word, "O") if rng.random() < 0.8 else rng.choice(["O", *TAGS.values()])

    lines = ["".join(f"{word} {tag(word)}\n" for word in one) for one in chosen]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.long
def test_killed_half_way_and_resumed_it_gives_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ft_ner")
    pytest.importorskip("ft_augment")
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    model = tiny_bert(tmp_path / "tiny", WORDS)
    files = {
        split: write_conll(tmp_path / f"{split}.conll", size, seed)
        for seed, (split, size) in enumerate({"train": 160, "validation": 30, "test": 60}.items())
    }
    options = [
        *("ablate", "--plugins", "ner,augment", "--seeds", "2", "--jobs", "2"),
        *("--model", str(model), "--batch-size", "8", "--epochs", "2", "--learning-rate", "3e-4"),
        *("--quiet", "-o", "run.checkpoint_steps=2"),
        *("-o", "run.device=cpu", "-o", "run.precision=fp32"),
        *(part for split, file in files.items() for part in ("-o", f"ner.{split}={file}")),
    ]
    start = "import sys; from ft.cli.main import main; sys.exit(main(sys.argv[1:]))"

    def ablate(folder: Path) -> list[str]:
        return [sys.executable, "-c", start, *options, "--output", str(folder)]

    subprocess.run(ablate(tmp_path / "whole"), check=True, timeout=900)
    encoded = sorted(one.name.split("-")[0] for one in (tmp_path / "cache/encoded").iterdir())
    assert encoded == ["train"], "once for all seeds; augment encodes anew in every epoch"
    killed = subprocess.Popen(ablate(tmp_path / "killed"))
    runs = tmp_path / "killed" / "runs"
    deadline = time.monotonic() + 600
    while not list(runs.glob("*/checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert list(runs.glob("*/checkpoints/step-*"))
    assert not list(runs.glob("*/record.json")), "both were in the middle"
    subprocess.run(ablate(tmp_path / "killed"), check=True, timeout=900)
    records = [(one / "record.json").read_text() for one in runs.iterdir()]
    assert any("resumed at step" in one for one in records)

    def judged(folder: Path) -> list[dict[str, Any]]:
        told = json.loads((folder / "ablation.json").read_text())
        return [{key: one[key] for key in JUDGED} for one in told["findings"]]

    assert judged(tmp_path / "killed") == judged(tmp_path / "whole")
    (found,) = judged(tmp_path / "whole")
    assert found["low"] < found["high"], "scores that nothing could change would prove nothing"
