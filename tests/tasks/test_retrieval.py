"""Questions find their answers; the loss of a batch does not depend on how much memory there is."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

import ft
from ft_kit import tiny_bert
from ft_kit.compare import lines, tensors
from ft_kit.tasks import PEOPLE, PLACES, VOCABULARY

GRADIENTS = """
from safetensors.torch import save_file

import ft


class Gradients(ft.Plugin):
    \"\"\"Keeps the gradients of the first step.\"\"\"

    @ft.hookimpl
    def on_gradients(self, run, model):
        if run.step == 0:
            found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
            dense = {n: g.to_dense() if g.is_sparse else g for n, g in found.items()}
            save_file(dense, run.output / "gradients.safetensors")
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Questions that hold two words of their answer."""
    rng = random.Random(0)
    found = {}
    for split, count in (("train", 96), ("validation", 16), ("test", 16)):
        rows = []
        for _ in range(count):
            who, place, verb = rng.choice(PEOPLE), rng.choice(PLACES), rng.choice(["went", "saw"])
            question = rng.sample([who, place, verb, "and"], 4)
            rows.append({"question": " ".join(question), "answer": f"{who} {verb} to the {place}"})
        path = tmp_path / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found[split] = str(path)
    return found


def test_a_question_finds_its_answer(resumed: Any, tiny_model: Path, files: dict[str, str]) -> None:
    result = resumed(
        "retrieval", tiny_model, 5, retrieval=files, epochs=4, batch_size=16, learning_rate=2e-3
    )
    # Of 24 answers; guessing finds one in 24 at once.
    assert result.metrics["test"]["first"].value > 0.5
    requests = lines(Path(files["test"]))
    asked = list(ft.predict(result.output, [{"question": one["question"]} for one in requests]))
    found = lines(result.output / "predictions" / "test.jsonl")
    assert [one["answer"] for one in asked] == [one["answer"] for one in found]


def test_loss_and_gradient_do_not_depend_on_the_memory(
    go: Any, files: dict[str, str], tmp_path: Path
) -> None:
    model = tiny_bert(tmp_path / "model", VOCABULARY, dropout=0.0)
    (tmp_path / "gradients.py").write_text(GRADIENTS)
    plugins = [str(Path(__file__).parent / "retrieval.py"), str(tmp_path / "gradients.py")]
    settings = {"model": str(model), "retrieval": files, "batch_size": 96, "max_steps": 1}
    runs = [go(plugins, max_tokens=most, **settings).output for most in (8192, 400)]
    losses = [lines(run / "metrics.jsonl")[0]["loss"] for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    one, other = (tensors(run / "gradients.safetensors") for run in runs)
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-5, atol=1e-5)
