"""With accumulation, frozen parts, two towers, teachers, bf16, DDP, dropout and a warm-up."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from ft import Loss

METHODS = ["fgm", "pgd", "freelb", "smart", "r3f"]
FORWARDS = [
    ({"method": "fgm"}, 2),
    ({"method": "fgm", "clean_weight": 0}, 2),
    ({"method": "pgd"}, 4),
    ({"method": "pgd", "steps": 2, "init": 0.1}, 4),
    ({"method": "pgd", "steps": 2, "init": 0.1, "clean_weight": 0}, 3),
    ({"method": "pgd", "steps": 2, "clean_weight": 0}, 3),
    ({"method": "freelb"}, 3),
    ({"method": "freelb", "steps": 4, "clean_weight": 0}, 4),
    ({"method": "freelb", "steps": 1, "clean_weight": 0}, 1),
    ({"method": "smart"}, 3),
    ({"method": "smart", "steps": 2}, 4),
    ({"method": "r3f"}, 2),
    ({"method": "none"}, 1),
]


@pytest.mark.parametrize(("settings", "count"), FORWARDS)
def test_forward_passes_are_as_many_as_told(kit, settings, count):
    plugin, spy, run = kit.plugin(**settings), kit.Spy(), kit.FakeRun()
    kit.step(plugin, kit.classifier(), kit.batch((4, 2)), spy, run)
    assert len(spy.passes) == count
    assert plugin.forwards(1) == count
    assert plugin.forwards(3) == 3 * count
    assert plugin.early_backward == (run.early > 1)


@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize("settings", [{"method": "fgm"}, {"method": "pgd"},
                                      {"method": "freelb", "init": 0.0}])  # fmt: skip
def test_micro_batches_add_up_to_the_large_batch(kit, settings, tags):
    make = kit.tagger if tags else kit.classifier
    batch = kit.batch((5, 9, 3, 7), tags=tags)
    whole, parts = make(), make()
    large = kit.step(kit.plugin(**settings), whole, batch)
    plugin, items = kit.plugin(**settings), 0
    for rows, width in ((slice(0, 1), 7), (slice(1, 2), 11), (slice(2, 4), 9)):
        micro = {k: v[rows, :width] if v.ndim > 1 else v[rows] for k, v in batch.items()}
        items += kit.step(plugin, parts, micro).items
    assert items == large.items
    kit.assert_equal_gradients(kit.gradients(parts), kit.gradients(whole))


@pytest.mark.parametrize("method", METHODS)
def test_loss_keeps_the_clean_items_outputs_and_parts(kit, method):
    model, batch, run = kit.classifier(), kit.batch((5, 3)), kit.FakeRun()
    clean = kit.task_loss(run, model, batch)
    plugin = kit.plugin(method=method, weight=0.5, clean_weight=2.0)
    loss = plugin.compute_loss(kit.task_loss, run, model, batch)
    assert loss.items == clean.items
    assert torch.equal(loss.outputs["logits"], clean.outputs["logits"])
    assert loss.outputs["logits"].requires_grad != plugin.early_backward
    assert torch.equal(loss.parts["task"], clean.total)
    assert torch.allclose(loss.parts["adversarial/clean"], 2 * clean.total, rtol=1e-12)
    assert loss.parts.keys() == {"task", "adversarial", "adversarial/clean"}
    assert not any(part.requires_grad for part in loss.parts.values())


@pytest.mark.parametrize("method", METHODS)
def test_logged_under_the_name_the_user_chose(kit, method):
    plugin = kit.plugin(method=method)
    plugin.seed("mine", 0)
    loss = kit.step(plugin, kit.classifier(), kit.batch((5, 3)))
    assert {"mine", "mine/clean"} < loss.parts.keys()


def test_starts_after_its_share_of_the_training(kit):
    plugin, model, batch = kit.plugin(start=0.3), kit.classifier(), kit.batch((5, 3))
    counts = []
    for step in range(10):
        run, spy = kit.FakeRun(), kit.Spy()
        run.step = step
        kit.step(plugin, model, batch, spy, run)
        counts.append(len(spy.passes))
    assert counts == [1] * 3 + [2] * 7


def test_warm_up_steps_are_plain_steps(kit):
    model, plain, batch, run = kit.classifier(), kit.classifier(), kit.batch((5, 3)), kit.FakeRun()
    run.step = 0
    loss = kit.step(kit.plugin(start=0.1), model, batch, run=run)
    kit.task_loss(run, plain, batch).total.backward()
    assert loss.parts == {"task": loss.total, "adversarial/clean": loss.total, "adversarial": 0}
    kit.assert_equal_gradients(kit.gradients(model), kit.gradients(plain), within=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("frozen", ["embeddings", "encoder"])
def test_frozen_embedding_is_attacked_all_the_same(kit, method, frozen):
    """The gradients of what learns are those of a model that learns throughout."""
    batch, free, model = kit.batch((5, 3)), kit.classifier(), kit.classifier()
    part = model.bert.embeddings if frozen == "embeddings" else model.bert
    part.requires_grad_(False)
    spy = kit.Spy()
    kit.step(kit.plugin(method=method), model, batch, spy)
    kit.step(kit.plugin(method=method), free, batch)
    found, everything = kit.gradients(model), kit.gradients(free)
    assert len(found) < len(everything)
    kit.assert_equal_gradients(found, {name: everything[name] for name in found})
    assert spy.passes[-1][0].any()
    assert all(p.grad is None for p in part.parameters())


class Towers(nn.Module):
    """One encoder for two texts, of different number and length; scores are dot products."""

    def __init__(self, kit) -> None:
        super().__init__()
        self.bert = kit.classifier().bert

    def get_input_embeddings(self):
        return self.bert.get_input_embeddings()

    def encode(self, ids, mask, shift=None):
        weight = self.bert.embeddings.word_embeddings.weight
        if shift is None:
            return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
        embeds = functional.embedding(ids, weight, padding_idx=0) + shift
        return self.bert(inputs_embeds=embeds, attention_mask=mask).last_hidden_state[:, 0]

    def forward(self, batch, shifts=(None, None)):
        user = self.encode(batch["user_input_ids"], batch["user_attention_mask"], shifts[0])
        item = self.encode(batch["item_input_ids"], batch["item_attention_mask"], shifts[1])
        return user @ item.T


def towers_batch(kit):
    user, item = kit.batch((5, 3), seed=1), kit.batch((2, 6, 4), seed=2)
    return {
        "user_input_ids": user["input_ids"],
        "user_attention_mask": user["attention_mask"],
        "item_input_ids": item["input_ids"],
        "item_attention_mask": item["attention_mask"],
        "labels": torch.tensor([2, 0]),
    }


def towers_loss(run, model, batch):
    scores = model(batch)
    total = functional.cross_entropy(scores, batch["labels"], reduction="sum")
    return Loss(total, len(scores), {"scores": scores})


def test_two_towers_are_perturbed_each_by_itself(kit):
    model, batch, spy = Towers(kit), towers_batch(kit), kit.Spy(towers_loss)
    kit.step(kit.plugin(radius=0.4), model, batch, spy)
    found = kit.gradients(model)

    ids = [batch["user_input_ids"], batch["item_input_ids"]]
    shifts = [torch.zeros(*i.shape, 32, dtype=torch.float64, requires_grad=True) for i in ids]
    target = batch["labels"]
    slopes = torch.autograd.grad(
        functional.cross_entropy(model(batch, shifts), target, reduction="sum"), shifts
    )
    for k in range(2):
        masked = slopes[k] * (ids[k] >= 4).unsqueeze(-1)
        shifts[k] = 0.4 * masked / masked.flatten(1).norm(dim=1)[:, None, None]
        assert torch.allclose(spy.passes[1][k], shifts[k], rtol=1e-9, atol=1e-12)
    model.zero_grad()
    total = functional.cross_entropy(model(batch), target, reduction="sum")
    total = total + functional.cross_entropy(model(batch, shifts), target, reduction="sum")
    total.backward()
    kit.assert_equal_gradients(found, kit.gradients(model))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_two_towers(kit, method):
    model, spy = Towers(kit), kit.Spy(towers_loss)
    loss = kit.step(kit.plugin(method=method), model, towers_batch(kit), spy)
    assert torch.isfinite(loss.total)
    assert all(len(shifts) == 2 and shifts[1].any() for shifts in spy.passes[-1:])


@pytest.mark.parametrize("method", METHODS)
def test_a_teacher_inside_sees_the_clean_text(kit, method):
    """Distillation nearer to the task; here even from the very same module."""
    batch, seen = kit.batch((5, 3)), []

    def distilled(run, model, batch):
        loss = kit.task_loss(run, model, batch)
        with torch.no_grad():
            teacher = kit.task_loss(run, model, batch).outputs["logits"]
        seen.append(teacher)
        term = functional.mse_loss(loss.outputs["logits"], teacher, reduction="sum")
        return loss.plus(term, "distill")

    model = kit.classifier()
    clean = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    loss = kit.step(kit.plugin(method=method), model, batch, distilled)
    assert all(torch.equal(teacher, clean) for teacher in seen)
    assert loss.parts["distill"] == 0


@pytest.mark.parametrize("method", METHODS)
def test_bf16_autocast(kit, method):
    """Gradients in bf16 point where those in float32 do, for every weight."""
    batch, found = kit.batch((5, 3, 6)), []
    # The divergence that small noise makes is lost in bf16's rounding.
    settings = {"noise": 0.03} if method == "smart" else {}
    for autocast in (False, True):
        model = kit.classifier().float()
        plugin, run = kit.plugin(method=method, **settings), kit.FakeRun()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = plugin.compute_loss(kit.task_loss, run, model, batch)
        loss.total.backward()
        found.append(kit.gradients(model))
    for name, wanted in found[0].items():
        got = found[1][name]
        assert torch.isfinite(got).all()
        if wanted.norm() > 1e-3:
            assert functional.cosine_similarity(got.flatten(), wanted.flatten(), 0) > 0.9, name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unused", [False, True])
def test_ddp_gives_the_same_gradients_in_one_exchange(kit, method, unused):
    from torch import distributed

    batch, plain = kit.batch((5, 3)), kit.classifier()
    kit.step(kit.plugin(method=method), plain, batch)
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        model, exchanged = kit.classifier(), []
        wrapped = nn.parallel.DistributedDataParallel(model, find_unused_parameters=unused)

        def exchange(state, bucket):
            exchanged.append(bucket.index())
            done = torch.futures.Future()
            done.set_result(bucket.buffer())
            return done

        wrapped.register_comm_hook(None, exchange)
        kit.step(kit.plugin(method=method), wrapped, batch)
    finally:
        distributed.destroy_process_group()
    kit.assert_equal_gradients(kit.gradients(model), kit.gradients(plain))
    assert exchanged == sorted(set(exchanged))


def totals(kit, **settings):
    """What each pass loses under heavy dropout, where the perturbations are too small to matter."""
    model = kit.classifier(hidden_dropout_prob=0.4)
    spy = kit.Spy()
    kit.step(kit.plugin(radius=1e-9, **settings), model, kit.batch((5, 3)), spy)
    return torch.stack(spy.totals)


@pytest.mark.parametrize("method", ["fgm", "pgd", "freelb"])
def test_dropout_masks_fresh_or_the_same(kit, method):
    fresh = totals(kit, method=method, dropout="fresh")
    same = totals(kit, method=method, dropout="same")
    assert len(fresh.unique()) == len(fresh)
    assert torch.allclose(same, same[:1].expand_as(same), rtol=1e-6)


def test_dropout_masks_as_in_the_papers(kit):
    freelb, fgm = totals(kit, method="freelb"), totals(kit, method="fgm")
    assert torch.allclose(freelb, freelb[:1].expand_as(freelb), rtol=1e-6)
    assert abs(fgm[0] - fgm[1]) > 1e-3


def test_shared_masks_still_differ_from_step_to_step(kit):
    model, spy = kit.classifier(hidden_dropout_prob=0.4), kit.Spy()
    plugin, batch = kit.plugin(method="freelb", radius=1e-9), kit.batch((5, 3))
    kit.step(plugin, model, batch, spy)
    kit.step(plugin, model, batch, spy)
    assert abs(spy.totals[0] - spy.totals[3]) > 1e-3


def test_training_moves_towards_robustness(kit):
    """The loss under attack falls further with FGM than with as many plain steps."""
    batch, after = kit.batch((5, 9, 3, 7, 4, 6)), {}
    for method in ("none", "fgm"):
        model, run, spy = kit.classifier(), kit.FakeRun(), kit.Spy()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        plugin = kit.plugin(method=method, **({"radius": 1.5} if method == "fgm" else {}))
        for _ in range(30):
            kit.step(plugin, model, batch, run=run)
            optimizer.step()
            optimizer.zero_grad()
        kit.step(kit.plugin(method="pgd", radius=1.5, steps=5), model, batch, spy)
        after[method] = float(spy.totals[-1])
    assert after["fgm"] < after["none"]
