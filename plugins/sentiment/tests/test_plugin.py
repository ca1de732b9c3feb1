"""The hooks together: encode, loss, decode, and what a saved model gives."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import pipeline

ALL = ["single", "ordinal", "multi", "number"]


def predict(run, plugin, model, features, batch_of, examples):
    """Predictions as the core makes them: the model's outputs by example, then `decode`."""
    batch = {k: v for k, v in batch_of(features).items() if not k.startswith("labels")}
    with torch.no_grad():
        logits = model(**batch).logits.numpy()
    rows = np.array(features.get("row", range(len(logits))))
    outputs = [{"logits": logits[rows == i]} for i in range(len(examples["text"]))]
    return plugin.decode(run, outputs, examples)


def loss_of(plugin, run, model, batch):
    """The loss of a forward pass."""
    outputs = model(**{k: v for k, v in batch.items() if not k.startswith("labels")})
    return plugin.loss_of(run, outputs, batch)


def test_features_of_each_kind(scene, raw):
    for kind in ALL:
        run, plugin, _ = scene(kind)
        names = run.data.schema.label.names
        train = run.data.splits["train"]
        features = plugin.encode(run, raw(text=train["text"][:], label=train["label"][:]), True)
        assert set(features) == {"input_ids", "token_type_ids", "labels"}
        labels = features["labels"]
        if kind == "number":
            assert labels == list(train["label"])
        elif kind == "multi":
            assert labels == [[float(n in one) for n in names] for one in train["label"]]
        else:
            assert [names[i] for i in labels] == list(train["label"])


def test_prediction_needs_no_labels(scene, raw):
    run, plugin, _ = scene()
    assert "labels" not in plugin.encode(run, raw(text=["w1 w2"]), False)
    assert "labels" not in plugin.encode(run, raw(text=["w1"], label=[None]), False)


def test_label_that_train_lacks_is_left_out_of_the_loss(scene, raw, batch_of):
    run, plugin, model = scene()
    both = plugin.encode(run, raw(text=["w1", "w2 w3"], label=["good", "odd"]), False)
    one = plugin.encode(run, raw(text=["w1"], label=["good"]), False)
    with torch.no_grad():
        a = loss_of(plugin, run, model, batch_of(both))
        b = loss_of(plugin, run, model, batch_of(one))
    assert float(a.items) == 1
    torch.testing.assert_close(a.total, b.total)


def test_windows_share_their_example_and_are_pooled(scene, raw, batch_of):
    run, plugin, model = scene(
        max_length=8, long_texts="windows", window_overlap=0, calibrate=False
    )
    texts = ["w1 w2", " ".join(f"w{i}" for i in range(18))]
    examples = raw(text=texts, label=["good", "bad"])
    features = plugin.encode(run, examples, True)
    assert features["row"] == [0, 1, 1, 1]
    assert features["labels"] == [1, 0, 0, 0]
    assert features["labels_share"] == [1.0, pytest.approx(1 / 3)] + [pytest.approx(1 / 3)] * 2

    batch = batch_of(features)
    with torch.no_grad():
        loss = loss_of(plugin, run, model, batch)
        inputs = {k: v for k, v in batch.items() if not k.startswith("labels")}
        log_p = model(**inputs).logits.log_softmax(-1)
    assert float(loss.items) == pytest.approx(2)
    torch.testing.assert_close(loss.total, -log_p[0, 1] - log_p[1:, 0].mean())

    short, long = predict(run, plugin, model, features, batch_of, examples)
    expected = log_p[1:].mean(0).softmax(0)
    np.testing.assert_allclose(list(long["scores"].values()), expected, atol=1e-6)
    np.testing.assert_allclose(list(short["scores"].values()), log_p[0].exp(), atol=1e-6)


@pytest.mark.parametrize("restored", [False, True])
def test_what_is_done_with_long_texts_is_said_once(scene, raw, restored):
    run, plugin, _ = scene(max_length=6)
    run.restored = restored
    for _ in range(2):
        plugin.encode(run, raw(text=["w1 " * 20, "w1"]), False)
    assert run.notes == [
        "some texts are longer than 6 tokens: their head and tail are kept (sentiment.long_texts)"
    ]


@pytest.mark.parametrize("kind", ALL)
def test_the_loss_is_the_models_own(scene, raw, batch_of, kind):
    """Without weights and focus it is what transformers computes from labels, but for SORD."""
    run, plugin, model = scene(kind, ordinal_sharpness=1000.0)
    train = run.data.splits["train"]
    batch = batch_of(plugin.encode(run, raw(text=train["text"][:], label=train["label"][:]), True))
    with torch.no_grad():
        ours = loss_of(plugin, run, model, batch)
        theirs = model(**batch)
    torch.testing.assert_close(ours.total / ours.items, theirs.loss, rtol=1e-5, atol=0)
    torch.testing.assert_close(ours.outputs["logits"], theirs.logits)
    assert float(ours.items) == 40


def test_class_weights_by_setting(scene, raw, batch_of):
    texts, labels = ["w1", "w2", "w3", "w4"], ["good", "bad", "good", "fair"]
    totals = {}
    for name, weights in {
        "none": "none",
        "balanced": "balanced",
        "own": {"bad": 3.0, "fair": 0.0},
    }.items():
        run, plugin, model = scene(class_weights=weights)
        plugin.on_run_start(run)
        batch = batch_of(plugin.encode(run, raw(text=texts, label=labels), True))
        with torch.no_grad():
            totals[name] = loss_of(plugin, run, model, batch)
            log_p = model(**{k: v for k, v in batch.items() if k != "labels"}).logits.log_softmax(
                -1
            )
    own = -log_p[[0, 1, 2], [1, 0, 1]]
    torch.testing.assert_close(totals["own"].total, own[0] + 3 * own[1] + own[2])
    assert float(totals["own"].items) == 5
    counts = {n: run.data.splits["train"]["label"][:].count(n) for n in run.data.schema.label.names}
    expected = sum(40 / (3 * counts[label]) for label in labels)
    assert float(totals["balanced"].items) == pytest.approx(expected)
    assert float(totals["none"].items) == 4


def test_weights_survive_a_resume(scene, make_plugin, raw, batch_of):
    run, plugin, model = scene(class_weights="balanced")
    plugin.on_run_start(run)
    plugin.temperature = 1.7
    state = json.loads(json.dumps(plugin.state_dict()))
    again = make_plugin(class_weights="balanced")
    again.load_state_dict(state)
    assert again.temperature == 1.7
    batch = batch_of(plugin.encode(run, raw(text=["w1", "w2"], label=["good", "bad"]), True))
    with torch.no_grad():
        a, b = (loss_of(one, run, model, batch) for one in (plugin, again))
    assert float(a.items) == float(b.items)
    assert float(a.total) == float(b.total)
    empty = make_plugin()
    empty.load_state_dict({})
    assert empty.temperature == 1.0


@pytest.mark.parametrize("kind", ["single", "ordinal", "multi"])
def test_uncalibrated_predictions_are_the_pipelines(scene, raw, batch_of, tmp_path, kind):
    run, plugin, model = scene(kind, max_length=64, calibrate=False)
    model.save_pretrained(tmp_path)
    run.tokenizer.save_pretrained(tmp_path)
    texts = run.data.splits["test"]["text"][:]
    classify = pipeline("text-classification", str(tmp_path), top_k=None, device="cpu")
    ours = predict(
        run, plugin, model, plugin.encode(run, raw(text=texts), False), batch_of, {"text": texts}
    )
    for one, theirs in zip(ours, classify(texts), strict=True):
        scores = {row["label"]: row["score"] for row in theirs}
        assert one["scores"] == pytest.approx(scores, abs=1e-5)
        if kind == "multi":
            assert one["label"] == [n for n in run.data.schema.label.names if scores[n] >= 0.5]
        else:
            assert one["label"] == theirs[0]["label"]
            assert one["probability"] == pytest.approx(theirs[0]["score"], abs=1e-5)


def test_numbers_are_the_models_output(scene, raw, batch_of):
    run, plugin, model = scene("number")
    features = plugin.encode(run, raw(text=["w1 w2"]), False)
    (item,) = predict(run, plugin, model, features, batch_of, {"text": ["w1 w2"]})
    with torch.no_grad():
        expected = model(**batch_of(features)).logits
    assert item == {"label": pytest.approx(float(expected))}


def test_ratings_come_with_their_expectation(scene):
    run, plugin, _ = scene("ordinal")
    (item,) = plugin.decode(run, [{"logits": np.log([[0.2, 0.3, 0.5]])}], {"text": ["w1"]})
    assert item["label"] == "5"
    assert item["expected"] == pytest.approx(0.2 * 1 + 0.3 * 2 + 0.5 * 5)


def test_no_outputs_no_predictions(scene):
    run, plugin, _ = scene()
    assert plugin.decode(run, [], {"text": []}) == []


def test_the_threshold_decides_on_several_labels(scene):
    run, plugin, _ = scene("multi", threshold=0.8)
    (item,) = plugin.decode(run, [{"logits": np.array([[1.0, 2.0, -1.0]])}], {"text": ["w1"]})
    assert item["label"] == ["clean"]


def test_a_number_head_begins_at_the_mean(scene, make_model):
    run, plugin, _ = scene("number")
    model = plugin.build_head(lambda run, data: make_model(1, "regression"), run, run.data)
    mean = np.mean(run.data.splits["train"]["label"])
    assert model.classifier.bias.item() == pytest.approx(mean, rel=1e-6)
    run.restored = True
    again = plugin.build_head(lambda run, data: make_model(1, "regression"), run, run.data)
    assert again.classifier.bias.item() == 0


def test_the_loss_composes_under_half_precision(scene, raw, batch_of):
    run, plugin, model = scene()
    train = run.data.splits["train"]
    batch = batch_of(plugin.encode(run, raw(text=train["text"][:], label=train["label"][:]), True))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        half = loss_of(plugin, run, model, batch)
    assert half.total.dtype == torch.float32
    with torch.no_grad():
        full = loss_of(plugin, run, model, batch)
    torch.testing.assert_close(half.total, full.total, rtol=0.02, atol=0)
