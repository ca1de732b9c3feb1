"""`loss_of`, `Loss.each`, `run.divergence` and losses with items of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from ft import Config, Loss, Plugin, PluginError, Problems, Schema, Target, hookimpl
from ft.engine.batch.parts import join

HERE = Path(__file__)


class Focal(Plugin):
    """Focal loss (Lin et al. 2017) on any task with items."""

    name = "focal"

    @hookimpl
    def loss_of(self, inner: Callable[..., Loss], run: Any, outputs: Any, batch: Any) -> Loss:
        loss = inner(run, outputs, batch)
        assert loss.each is not None
        return loss.weighed((1 - (-loss.each).exp()) ** 2)


class Mixup(Plugin):
    """Mixup of word embeddings in one pass (Guo et al. 2019)."""

    name = "mixup"
    needs_graph = True

    @hookimpl
    def compute_loss(self, inner: Callable[..., Loss], run: Any, model: Any, batch: Any) -> Loss:
        share = float(self.rng.beta(0.4, 0.4))
        other = torch.from_numpy(self.rng.permutation(len(batch["labels"])))
        inputs = {k: v for k, v in batch.items() if k not in ("labels", "input_ids")}
        words = model.get_input_embeddings()(batch["input_ids"])
        mixed = share * words + (1 - share) * words[other]
        mask = inputs["attention_mask"] | inputs["attention_mask"][other]
        outputs = dict(model(**{**inputs, "attention_mask": mask, "inputs_embeds": mixed}))
        one = run.loss_of(outputs, batch)
        two = run.loss_of(outputs, {**batch, "labels": batch["labels"][other]})
        return replace(one, total=share * one.total + (1 - share) * two.total)


class RDrop(Plugin):
    """Two passes that shall say the same (Liang et al. 2021)."""

    name = "rdrop"
    needs_graph = True

    def forwards(self, inner: int) -> int:
        return 2 * inner

    @hookimpl
    def compute_loss(self, inner: Callable[..., Loss], run: Any, model: Any, batch: Any) -> Loss:
        one, two = inner(run, model, batch), inner(run, model, batch)
        apart = run.divergence(one.outputs, two.outputs, batch)
        return replace(one, total=(one.total + two.total) / 2).plus(apart, "rdrop")


class Bare(Plugin):
    """A loss that does not say the loss of every item."""

    name = "bare"

    @hookimpl
    def loss_of(self, outputs: Any, batch: Any) -> Loss:
        logits = outputs["logits"].flatten(0, -2)
        total = functional.cross_entropy(logits, batch["labels"].flatten(), reduction="sum")
        return Loss(total, (batch["labels"] != -100).sum(), outputs)


class JointConfig(Config):
    """Whether the plugin declares its items, and where it writes its gradients."""

    declared: bool = True


class Joint(Plugin):
    """Two losses with items of their own: of the tagged pieces, and of the sentences."""

    name = "joint"
    Config = JointConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.own_items = self.config.declared

    @hookimpl
    def loss_of(self, run: Any, outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> Loss:
        logits, labels = outputs["logits"].float(), batch["labels"]
        words = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        long = (batch["attention_mask"].sum(1) > 5).float()
        some = functional.binary_cross_entropy_with_logits(logits[:, 0, 0], long, reduction="sum")
        tags = Loss(words, (labels != -100).sum(), outputs)
        return run.join({"tags": tags, "long": Loss(3 * some, float(len(labels)))})

    @hookimpl
    def on_gradients(self, run: Any, model: Any) -> None:
        if run.step == 0 and run.ranks.main:
            gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
            dense = {n: g.to_dense() if g.is_sparse else g for n, g in gradients.items()}
            save_file(dense, run.output / "gradients.safetensors")


def spec(name: str) -> str:
    return f"{HERE}:{name}"


@pytest.mark.parametrize("technique", ["Focal", "Mixup", "RDrop"])
def test_a_technique_that_knows_no_task_resumes_to_the_bit(resumed: Any, technique: str) -> None:
    whole, _ = resumed(["texts", spec(technique)], step=8)
    record = json.loads((whole / "record.json").read_text())
    chain = "loss_of" if technique == "Focal" else "compute_loss"
    assert f"{technique.lower()}( standard )" in record["chains"][chain]
    rows = {(row["plugin"], row["hook"]): row for row in record["costs"]}
    assert rows[technique.lower(), chain]["calls"] > 0
    # Mixup takes one pass in place of the wrapped one, which no default of the core makes then.
    assert record["forwards_per_step"] == (2 if technique == "RDrop" else 1)


@pytest.mark.parametrize("task", ["words", "texts"])
def test_evaluation_is_the_tasks_own_loss(go: Any, still: Path, task: str) -> None:
    """A technique around `loss_of` trains; the scores are of the task's loss alone."""
    runs = [
        go([task, *extra], model=str(still), learning_rate=1e-12, max_steps=1)
        for extra in ([], [spec("Focal")])
    ]
    plain, focal = (
        [json.loads(line) for line in (run.output / "metrics.jsonl").read_text().splitlines()]
        for run in runs
    )
    values = [log[1]["metrics"]["loss"]["value"] for log in (plain, focal)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert focal[0]["loss"] < 0.9 * plain[0]["loss"]


def test_weighing_needs_the_loss_of_every_item(go: Any) -> None:
    with pytest.raises(PluginError, match="does not say the loss of every item") as caught:
        go(["words", spec("Bare"), spec("Weigher")])
    assert "each" in str(caught.value.hint)


class Weigher(Plugin):
    """Gives every item half the weight."""

    name = "weigher"

    @hookimpl
    def loss_of(self, inner: Callable[..., Loss], run: Any, outputs: Any, batch: Any) -> Loss:
        return inner(run, outputs, batch).weighed(torch.tensor(0.5))


def test_each_adds_up_to_the_total_and_weights_leave_added_terms() -> None:
    each = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    loss = Loss(each.sum(), 3.0, each=each).plus(torch.tensor(10.0), "term")
    weighed = loss.weighed(torch.tensor([0.0, 1.0, 0.5]))
    assert float(weighed.total.detach()) == pytest.approx(13.5)
    assert weighed.items == 3.0
    weighed.total.backward()
    assert each.grad is not None
    assert each.grad.tolist() == [0.0, 1.0, 0.5]


def gradients(run: Path, comparing: Any) -> dict[str, Any]:
    found: dict[str, Any] = comparing.tensors(run / "gradients.safetensors")
    return found


def test_parts_are_normalised_over_their_own_items_however_the_batch_is_cut(
    go: Any, still: Path, comparing: Any, together: Any, tmp_path: Path
) -> None:
    """The gradient and the log are the same in one pass, in several, and in two processes."""
    plugins, settings = ["words", spec("Joint")], {"max_steps": 2, "model": str(still)}
    one = go(plugins, **settings).output
    cut = go(plugins, max_tokens=30, **settings).output
    arguments = ["run", "--plugins", f"{HERE.parents[1] / 'tasks.py'}:WordsTask,{spec('Joint')}"]
    options = "epochs=1 batch_size=8 learning_rate=1e-3 precision=fp32 device=cpu report=false"
    for option in (*options.split(), "max_steps=2", f"model={still}"):
        arguments += ["-o", f"run.{option}"]
    together.run([*arguments, "--output", tmp_path / "two"])
    whole = gradients(one, comparing)
    for other in (cut, tmp_path / "two"):
        for name, value in gradients(other, comparing).items():
            torch.testing.assert_close(value, whole[name], rtol=1e-4, atol=1e-6)
    logs = [
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (one, cut, tmp_path / "two")
    ]
    for log in logs[1:]:
        for name in ("tags", "long", "loss"):
            assert log[0][name] == pytest.approx(logs[0][0][name], rel=1e-4)
    # The mean of each part, and their sum as the loss: 3 * BCE of an even guess is about 2.
    assert logs[0][0]["loss"] == pytest.approx(logs[0][0]["tags"] + logs[0][0]["long"], rel=0.05)
    assert logs[0][1]["metrics"]["loss"]["value"] == pytest.approx(logs[0][0]["loss"], rel=0.3)


def test_undeclared_items_are_refused_where_the_batch_is_cut(go: Any) -> None:
    go(["words", spec("Joint")], max_steps=1, joint={"declared": False})
    with pytest.raises(PluginError, match="nobody has counted") as caught:
        go(["words", spec("Joint")], max_steps=1, max_tokens=30, joint={"declared": False})
    assert "own_items = True" in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["single", "multi", "number"])
def test_the_standard_divergence(kind: Any) -> None:
    from ft.builtin.standard.losses import divergence

    generator = torch.Generator().manual_seed(3)
    one, two = (torch.randn(4, 3, generator=generator, requires_grad=True) for _ in range(2))
    if kind == "number":
        expected = (one - two).square().sum()
    elif kind == "multi":
        p, q = torch.sigmoid(two), torch.sigmoid(one)
        expected = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean(-1).sum()
    else:
        expected = functional.kl_div(one.log_softmax(-1), two.softmax(-1), reduction="sum")
    torch.testing.assert_close(divergence(kind, one, two, {}), expected)
    assert float(divergence(kind, one, one, {})) == pytest.approx(0, abs=1e-6)
    if kind == "single":
        some = {"labels": torch.tensor([0, -100, 2, -100])}
        kept = divergence(kind, one[[0, 2]], two[[0, 2]], {})
        torch.testing.assert_close(divergence(kind, one, two, some), kept)


def test_two_losses_are_refused_by_name(go: Any) -> None:
    with pytest.raises((PluginError, Problems), match="loss_of has 2 providers"):
        go(["words", spec("Bare"), spec("Joint")])


def test_a_target_counts_with_its_weight_where_losses_are_joined() -> None:
    schema = Schema(targets=(Target("stars", weight=3.0), Target("answer")))
    losses = {"stars": Loss(torch.tensor(6.0), 2.0), "answer": Loss(torch.tensor(4.0), 4.0)}
    whole = join(losses, {}, schema)
    # Three times the mean 3, and the mean 1.
    assert float(whole.total / whole.items) == pytest.approx(3 * 3 + 1)
    part = whole.parts["stars"]
    assert isinstance(part, Loss)
    assert float(part.total) == 18
    with pytest.raises(PluginError, match="was given 'answer', which the loss of the whole batch"):
        join(losses, {"stars": 2.0}, schema)
