"""What is perturbed, by how much, and that nothing else is touched."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from ft import Loss, PluginError, TrainingError
from ft_adversarial.perturbation.ball import direction, project, uniform_start

METHODS = ["fgm", "pgd", "freelb", "smart", "r3f"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tags", [False, True])
def test_padding_and_special_tokens_stay_and_words_move(kit, method, tags):
    model = kit.tagger() if tags else kit.classifier()
    batch = kit.batch((5, 9, 1), tags=tags)
    batch["input_ids"][0, 3] = 1  # an unknown word counts as special
    spy = kit.Spy()
    kit.step(kit.plugin(method=method), model, batch, spy)
    special = batch["input_ids"] < 4
    for (shift,) in spy.passes:
        assert not shift[special].any()
    assert (spy.passes[-1][0][~special].abs().amax(-1) > 0).all()


def test_padding_told_by_the_mask_alone(kit):
    """A tokenizer without a padding token: padding looks like a word."""
    batch = kit.batch((5, 9))
    batch["input_ids"][batch["attention_mask"] == 0] = 20
    run, spy = kit.FakeRun(), kit.Spy()
    run.tokenizer.all_special_ids = [2, 3]
    kit.step(kit.plugin(method="r3f"), kit.classifier(), batch, spy, run)
    assert not spy.passes[-1][0][batch["attention_mask"] == 0].any()


def test_padding_told_by_its_id_alone(kit):
    """The model makes its own mask: there is none in the batch."""
    batch = kit.batch((5, 9))
    mask = batch.pop("attention_mask")

    def loss(run, model, batch):
        return kit.task_loss(run, model, {**batch, "attention_mask": mask})

    spy = kit.Spy(loss)
    kit.step(kit.plugin(method="r3f"), kit.classifier(), batch, spy)
    assert not spy.passes[-1][0][mask == 0].any()


@pytest.mark.parametrize("method", ["fgm", "pgd", "freelb"])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_norm_is_that_of_each_example(kit, method, norm):
    """Not of the batch, which would make the perturbation depend on the neighbours."""
    spy = kit.Spy()
    # FreeLB's last ascent is before its last pass; steps as long as the radius reach the edge.
    kit.step(
        kit.plugin(method=method, radius=0.3, norm=norm),
        kit.classifier(),
        kit.batch((4, 9, 2)),
        spy,
    )
    shift = spy.passes[-1][0].flatten(1)
    size = shift.norm(dim=1) if norm == "l2" else shift.abs().amax(1)
    assert torch.allclose(size, torch.full_like(size, 0.3), rtol=1e-9)


def test_freelb_starts_within_init_for_each_example(kit):
    spy = kit.Spy()
    kit.step(kit.plugin(method="freelb", init=0.2), kit.classifier(), kit.batch((4, 9, 2)), spy)
    sizes = spy.passes[1][0].flatten(1).norm(dim=1)
    # Uniform coordinates: the length is init / sqrt(3), nearly, whatever the example's length.
    assert torch.allclose(sizes, torch.full_like(sizes, 0.2 / 3**0.5), rtol=0.15)


def test_embedding_weights_are_not_edited(kit):
    model, batch = kit.classifier(), kit.batch((5, 3))
    before = {name: p.clone() for name, p in model.state_dict().items()}
    given = {name: value.clone() for name, value in batch.items()}
    kit.step(kit.plugin(), model, batch)
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())
    assert all(torch.equal(given[name], value) for name, value in batch.items())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("failing", [0, 1])
def test_restored_when_inner_raises(kit, method, failing):
    model, batch = kit.classifier(), kit.batch((5, 3))
    clean = model(input_ids=batch["input_ids"]).logits
    calls = []

    def inner(run, model, batch):
        loss = kit.task_loss(run, model, batch)
        calls.append(loss)
        if len(calls) > failing:
            raise RuntimeError("out of luck")
        return loss

    with pytest.raises(RuntimeError, match="out of luck"):
        kit.step(kit.plugin(method=method), model, batch, inner)
    assert len(calls) == failing + 1
    assert not model.get_input_embeddings()._forward_hooks
    assert torch.equal(model(input_ids=batch["input_ids"]).logits, clean)


@pytest.mark.parametrize("method", METHODS)
def test_other_hooks_and_random_numbers_are_left_alone(kit, method):
    model = kit.classifier()
    model.get_input_embeddings().register_forward_hook(lambda *_: None)
    state = torch.get_rng_state()
    kit.step(kit.plugin(method=method), model, kit.batch((5, 3)))
    assert len(model.get_input_embeddings()._forward_hooks) == 1
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_step_other_seed_other_noise(kit, method):
    found = []
    for seed in (0, 0, 1):
        model = kit.classifier()
        kit.step(kit.plugin(seed, method=method), model, kit.batch((5, 3)))
        found.append(kit.gradients(model))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    if method in ("freelb", "smart", "r3f"):
        assert any(not torch.equal(found[0][name], found[2][name]) for name in found[0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("lengths", [(6,), (0, 4), (0,)])
def test_batch_of_one_and_empty_texts(kit, method, lengths):
    model, spy = kit.classifier(), kit.Spy()
    loss = kit.step(kit.plugin(method=method), model, kit.batch(lengths), spy)
    assert torch.isfinite(loss.total)
    assert all(torch.isfinite(g).all() for g in kit.gradients(model).values())
    if lengths[0] == 0:
        assert not spy.passes[-1][0][0].any()


@pytest.mark.parametrize("method", METHODS)
def test_no_gradient_no_perturbation_no_nan(kit, method):
    """A head of zeros gives no gradient below it: 0/0 in naive code (FreeLB issue 19)."""
    model, spy = kit.classifier(), kit.Spy()
    nn.init.zeros_(model.classifier.weight)
    settings = {"init": 0.0} if method == "freelb" else {}
    loss = kit.step(kit.plugin(method=method, **settings), model, kit.batch((5, 3)), spy)
    assert torch.isfinite(loss.total)
    assert all(torch.isfinite(g).all() for g in kit.gradients(model).values())
    if method in ("fgm", "pgd", "freelb"):
        assert not spy.passes[-1][0].any()


def test_an_example_without_a_finite_gradient_is_left_alone(kit):
    model, batch = kit.classifier(), kit.batch((5, 3, 4))

    def inner(run, model, batch):
        loss = kit.task_loss(run, model, batch)
        broken = loss.outputs["logits"][1].sum() * float("nan")
        return Loss(loss.total + broken, loss.items, loss.outputs)

    spy = kit.Spy(inner)
    kit.step(kit.plugin(), model, batch, spy)
    shift = spy.passes[-1][0]
    assert not shift[1].any()
    assert torch.isfinite(shift).all()
    assert shift[0].any()
    assert shift[2].any()


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_no_direction_where_the_gradient_is_not_finite(norm, broken):
    gradient = torch.ones(2, 3, 4)
    gradient[0, 1, 2] = broken
    unit = direction(gradient, torch.ones(2, 3, dtype=torch.bool), norm)
    assert not unit[0].any()
    assert unit[1].any()


def test_a_model_that_hides_its_embedding_is_refused_before_the_start(kit):
    run = kit.FakeRun()
    run.step = 0
    with pytest.raises(PluginError, match="Linear does not say which module embeds its words"):
        kit.step(kit.plugin(start=0.5), nn.Linear(2, 2), {}, run=run)


@pytest.mark.parametrize("start", [0.0, 0.9])
def test_a_model_that_does_not_use_its_embedding_is_refused_at_the_first_step(kit, start):
    model, batch = kit.classifier(), kit.batch((5, 3))

    def inner(run, model, batch):
        embeds = torch.ones(2, 7, 32, dtype=torch.float64)
        total = model(inputs_embeds=embeds).logits.sum()
        return Loss(total, 2)

    with pytest.raises(TrainingError, match="does not call its word embedding"):
        kit.step(kit.plugin(start=start), model, batch, inner)
    assert not model.get_input_embeddings()._forward_hooks


def test_passes_that_differ_are_refused(kit):
    model, widths = kit.classifier(), [7, 6]

    def inner(run, model, batch):
        cut = {k: v[:, : widths[0]] if v.ndim > 1 else v for k, v in batch.items()}
        widths.pop(0)
        return kit.task_loss(run, model, cut)

    with pytest.raises(TrainingError, match="passes over one batch embed different texts"):
        kit.step(kit.plugin(), model, kit.batch((5, 3)), inner)


finite = st.floats(-1e30, 1e30, allow_nan=False)


@given(
    st.lists(st.lists(finite, min_size=6, max_size=6), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.sampled_from(["l2", "linf"]),
)
def test_direction_has_length_one_or_none(rows, free, norm):
    gradient = torch.tensor(rows, dtype=torch.float64).reshape(len(rows), 3, 2)
    mask = torch.tensor([free] * len(rows))
    unit = direction(gradient, mask, norm)
    assert not unit[~mask].any()
    for row, one in enumerate(unit):
        size = one.norm() if norm == "l2" else one.abs().max()
        if (gradient[row][mask[row]] != 0).any():
            assert abs(float(size) - 1) < 1e-12
            assert (one * gradient[row] >= 0).all()
        else:
            assert size == 0


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=6), min_size=1, max_size=4),
    st.floats(1e-6, 1e3),
    st.sampled_from(["l2", "linf"]),
)
@example([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]], 80.5, "l2")  # 80.5 * (1 / 80.5) is not 1
def test_projection_is_into_the_ball_and_leaves_its_inside(rows, radius, norm):
    value = torch.tensor(rows, dtype=torch.float64).reshape(len(rows), 3, 2)
    into = project(value, radius, norm)
    for before, after in zip(value.flatten(1), into.flatten(1), strict=True):
        order = 2 if norm == "l2" else float("inf")
        assert torch.linalg.vector_norm(after, order) <= radius * (1 + 1e-12)
        if torch.linalg.vector_norm(before, order) <= radius:
            assert torch.equal(before, after)


def test_random_starts_stay_within_their_size_and_the_free_tokens():
    like, free = torch.zeros(50, 6, 4), torch.ones(50, 6, dtype=torch.bool)
    free[:, 2] = False
    for norm in ("l2", "linf"):
        generator = torch.Generator().manual_seed(0)
        start = uniform_start(like, free, 0.5, norm, generator).flatten(1)
        size = start.norm(dim=1) if norm == "l2" else start.abs().amax(1)
        assert (size <= 0.5).all()
        assert (size > 0.15).all()
        assert not start.reshape(like.shape)[:, 2].any()
