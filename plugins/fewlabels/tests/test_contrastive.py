"""The warm-up: what is drawn, what it does to the vectors of a model, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ft
from ft_fewlabels.head import fit
from ft_fewlabels.pairs import draw, pair_loss
from ft_kit import TEXTS, WORDS
from ft_kit.compare import differences

WATCH = f"{Path(__file__).with_name('watch.py')}:Watch"
STOP = "ft_kit.edges:Stop"


def test_a_step_has_examples_of_several_classes_alike() -> None:
    rng = np.random.default_rng(0)
    classes = [np.arange(100), np.arange(100, 108), np.arange(108, 110)]
    for _ in range(20):
        ids = draw(classes, 12, rng)
        assert len(set(ids.tolist())) == len(ids) == 4 + 4 + 2
    many = [np.arange(10 * k, 10 * k + 10) for k in range(500)]
    ids = draw(many, 32, rng)
    assert len(ids) == 32
    assert len({i // 10 for i in ids.tolist()}) == 16


def test_the_loss_of_pairs_is_that_of_setfit() -> None:
    """The mean squared error of the cosine, of pairs within a class and of others by themselves."""
    vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 0, 1, 1])
    found: dict[bool, list[float]] = {True: [], False: []}
    for i in range(5):
        for k in range(i + 1, 5):
            cosine = float(torch.cosine_similarity(vectors[i], vectors[k], dim=0))
            same = bool(labels[i] == labels[k])
            found[same].append((cosine - same) ** 2)
    wanted = (np.mean(found[True]) + np.mean(found[False])) / 2
    assert float(pair_loss(vectors, labels)) == pytest.approx(wanted, abs=1e-6)


def test_the_last_layer_is_fitted_as_scikit_learn_does() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(40, 6, generator=generator) * 3 + 20
    labels = (vectors[:, 0] + vectors[:, 1] > 41).long() + (vectors[:, 2] > 21).long()
    layer = nn.Linear(6, 3)
    nn.init.zeros_(layer.bias)  # as the head of a model that begins anew
    fit(layer, vectors, labels)
    centred = vectors - vectors.mean(0)
    given = (centred / centred.norm(dim=-1).mean()).numpy()
    usual = LogisticRegression(max_iter=1000, tol=1e-8).fit(given, labels.numpy())
    with torch.no_grad():
        found = layer(vectors).softmax(-1)
    assert np.allclose(found.numpy(), usual.predict_proba(given), atol=5e-3)


def test_a_class_that_was_learned_before_keeps_to_what_it_has() -> None:
    """Few examples of it beside those of a new class do not make it forget the many that it was learned from."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(400, 16, generator=generator)
    labels = (vectors[:, 0] > 0).long()
    layer = nn.Linear(16, 2)
    nn.init.zeros_(layer.bias)
    fit(layer, vectors, labels)
    new = torch.randn(12, 16, generator=generator)
    new[:, 5] += 9
    few = torch.cat([torch.nonzero(labels == k)[:3, 0] for k in (0, 1)])
    some = torch.cat([vectors[few], new])
    wanted = torch.cat([labels[few], torch.full((12,), 2)])

    def right(known: bool) -> float:
        grown = nn.Linear(16, 3)
        with torch.no_grad():
            grown.weight[:2], grown.bias[:2] = layer.weight, layer.bias
            grown.bias[2] = 0
            if not known:
                nn.init.zeros_(grown.bias)
            fit(grown, some, wanted)
            assert (grown(new).argmax(-1) == 2).all()
            return float((grown(vectors).argmax(-1) == labels).float().mean())

    assert right(known=True) > right(known=False) + 0.1


def test_the_warm_up_is_before_the_first_epoch_and_survives_a_stop(
    ft_run: Any, tmp_path: Path
) -> None:
    def go(name: str, *plugins: str, **settings: Any) -> list[float]:
        more: dict[str, Any] = {"epochs": 2, "max_steps": None, "checkpoint_steps": 2}
        more |= {"kit-stop": {"armed": str(tmp_path / "armed"), "step": 6}}
        plugins = (TEXTS, *plugins, WATCH, STOP)
        output = ft_run(plugins, output=tmp_path / name, **more, **settings).output
        return [float(line) for line in (output / "losses.jsonl").open()]

    warm = {"contrastive": {"steps": 100, "batch_size": 16, "learning_rate": 5e-3}}
    alone, whole = go("alone"), go("whole", "contrastive", **warm)
    assert len(alone) == len(whole)
    assert whole[0] < 0.7 * alone[0]
    notes = json.loads((tmp_path / "whole" / "record.json").read_text())["notes"]
    (note,) = (one for one in notes if "contrastive: 100 steps over pairs of 24" in one)
    first, last = (float(one) for one in note.split("from ")[1].split(" to "))
    assert last < first
    (tmp_path / "armed").touch()
    with pytest.raises(RuntimeError, match="stopped"):
        go("stopped", "contrastive", **warm)
    ft.run(resume=tmp_path / "stopped")
    assert differences(tmp_path / "stopped", tmp_path / "whole") == []


def test_what_does_not_fit_is_refused(ft_run: Any) -> None:
    with pytest.raises(ft.FtError, match="needs data with"):
        ft_run([WORDS, "contrastive"])
    with pytest.raises(ft.ConfigError, match="nothing below the last layer learns"):
        ft_run([TEXTS, "contrastive"], freeze="encoder")
