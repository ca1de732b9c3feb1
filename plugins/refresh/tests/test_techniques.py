"""What each technique does to a run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import ft
from ft import Label, Loss, Schema, Text, Words
from ft_kit import TEXTS
from ft_kit.compare import tensors
from ft_refresh import L2SP, LwF, WiSE
from ft_refresh.complete import both
from ft_refresh.l2sp import L2SPConfig
from ft_refresh.labels import grown
from ft_refresh.lwf import LwFConfig
from ft_refresh.weights import Known, known, put
from ft_refresh.wise import WiSEConfig


def test_an_epoch_has_all_new_examples_and_the_share_of_old_ones(
    ft_run: Any, tmp_path: Path
) -> None:
    plain = {"report": False, "advice": False}
    old = ft_run([TEXTS], epochs=1, **{"kit-texts": {"train": 12}}, **plain).output
    settings = {"run": [str(old)], "share": 0.25, "store": 5}
    output = ft_run(
        [TEXTS, "replay"],
        replay=settings,
        epochs=2,
        max_steps=None,
        output=tmp_path / "run",
        **plain,
    ).output
    last = max((output / "checkpoints").glob("step-*"), key=lambda one: int(one.name[5:]))
    ids = tensors(last / "order.safetensors")["ids"].tolist()
    assert sorted(i for i in ids if i < 24) == list(range(24))
    assert len([i for i in ids if i >= 24]) == 6
    kept = [json.loads(line) for line in (output / "replay.jsonl").open()]
    assert len(kept) == 5
    assert all(set(one) == {"text", "label"} for one in kept)
    file = tmp_path / "broken.jsonl"
    file.write_text('{"text": "a b", "label": "person"}\n{"text": "c"}\n')
    with pytest.raises(ft.DataError, match="lacks label") as error:
        ft_run([TEXTS, "replay"], replay={"file": [str(file)]})
    assert error.value.where == f"{file}:2"


def test_classes_grow_behind_the_old_ones() -> None:
    old = Schema(texts=[Text("text")], label=Label("label", ("zoo", "bee")))
    new = Schema(texts=[Text("text")], label=Label("label", ("ant", "bee")))
    label = grown(new, old, Path("run")).label
    assert label is not None
    assert label.names == ("zoo", "bee", "ant")
    tags = Schema(words=Words(labels=("O", "B-b", "B-a")))
    more = Schema(words=Words(labels=("O", "B-a", "B-c"), splitter="spaces"))
    words = grown(more, tags, Path("run")).words
    assert words is not None
    assert words.labels == ("O", "B-b", "B-a", "B-c")
    assert words.splitter == tags.words.splitter  # type: ignore[union-attr]
    with pytest.raises(ft.DataError, match="predicts"):
        grown(new, tags, Path("run"))
    ranks = Schema(texts=[Text("text")], label=Label("label", ("1", "2"), "ordinal"))
    more = Schema(texts=[Text("text")], label=Label("label", ("1", "3"), "ordinal"))
    with pytest.raises(ft.DataError, match="ratings that the older run does not know: 3"):
        grown(more, ranks, Path("run"))


def test_weights_come_to_the_places_of_the_old_classes() -> None:
    old, new = (nn.ModuleDict({"body": nn.Linear(4, 4), "head": nn.Linear(4, n)}) for n in (2, 3))
    fresh = new["head"].weight[2].clone()
    put(new, known(new, old, (2, 3)))
    assert torch.equal(new["body"].weight, old["body"].weight)
    assert torch.equal(new["head"].weight[:2], old["head"].weight)
    assert torch.equal(new["head"].weight[2], fresh)
    other = nn.ModuleDict({"body": nn.Linear(5, 4)})
    with pytest.raises(ft.PluginError, match=r"body.weight is \(4, 5\) here"):
        known(other, old, (2, 3))
    with pytest.raises(ft.PluginError, match="no parameter in common"):
        known(nn.Linear(1, 1), old, (2, 3))


def test_l2sp_adds_the_gradient_of_the_distance() -> None:
    model = nn.ModuleDict({"table": nn.Embedding(5, 2, sparse=True), "head": nn.Linear(2, 3)})
    plugin = L2SP(L2SPConfig(weight=2.0, new=0.5))
    table, weight = model["table"].weight, model["head"].weight
    plugin._old = {
        "table.weight": Known(torch.zeros(5, 2), (slice(0, 5), slice(0, 2))),
        "head.weight": Known(torch.ones(2, 2), (slice(0, 2), slice(0, 2))),
    }
    model["head"](model["table"](torch.tensor([1, 1, 3]))).sum().backward()
    plain = {name: p.grad.to_dense().clone() for name, p in model.named_parameters()}  # type: ignore[union-attr]
    plugin.on_gradients(None, model)  # type: ignore[arg-type]
    rows = torch.zeros(5, 1)
    rows[[1, 3]] = 1
    expected = plain["table.weight"] + 2.0 * table.detach() * rows
    torch.testing.assert_close(table.grad.to_dense(), expected)  # type: ignore[union-attr]
    pull = torch.cat([2.0 * (weight[:2] - 1), 0.5 * weight[2:]])
    torch.testing.assert_close(weight.grad, plain["head.weight"] + pull.detach())


def test_lwf_compares_the_old_classes_alone_at_a_temperature() -> None:
    plugin = LwF(LwFConfig(run=Path("old"), weight=3.0, temperature=2.0))
    teacher = SimpleNamespace(forward=lambda input_ids: None)
    aims = torch.tensor([[4.0, 0.0]])

    class Teacher(nn.Module):
        def forward(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": aims}

    teacher = SimpleNamespace(model=Teacher())
    plugin._teacher, plugin._places = teacher, torch.tensor([2, 0])  # type: ignore[assignment]
    given = Loss(torch.tensor(1.0), 1, {"logits": torch.tensor([[1.0, 9.0, 3.0]])})
    seen: list[Any] = []

    def divergence(outputs: Any, other: Any, batch: Any) -> torch.Tensor:
        seen.append((outputs["logits"].tolist(), other["logits"].tolist()))
        return torch.tensor(0.5)

    run = SimpleNamespace(divergence=divergence)
    batch = {"input_ids": torch.zeros(1, 1), "labels": torch.zeros(1)}
    loss = plugin.compute_loss(lambda run, model, batch: given, run, None, batch)  # type: ignore[arg-type]
    assert seen == [([[1.5, 0.5]], [[2.0, 0.0]])]
    assert float(loss.total) == 1.0 + 3.0 * 4.0 * 0.5


def test_wise_leaves_what_is_new_as_it_was_trained() -> None:
    plugin = WiSE(WiSEConfig(share=0.25))
    model = nn.Linear(2, 3, bias=False)
    plugin._old = {"weight": Known(torch.zeros(2, 2), (slice(0, 2), slice(0, 2)))}
    found = plugin.evaluation_weights(SimpleNamespace(model=model))["weight"]  # type: ignore[arg-type]
    torch.testing.assert_close(found[:2], 0.25 * model.weight[:2])
    assert torch.equal(found[2], model.weight[2])


def test_tags_are_completed_where_nothing_is_marked() -> None:
    mine = ["O", "B-new", "I-new", "O", "O"]
    theirs = ["B-old", "I-old", "O", "B-old", "I-old"]
    assert both(mine, theirs) == ["O", "B-new", "I-new", "B-old", "I-old"]
