"""The hooks together: encode, loss, decode, evaluate, and what a saved model gives."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import pipeline

import ft
from ft import Label, Predictions

KINDS = {
    "single": Label(names=("bad", "good", "fair")),
    "ordinal": Label(names=("1", "2", "5"), kind="ordinal"),
    "multi": Label(names=("cheap", "clean", "far"), kind="multi"),
    "number": Label(kind="number"),
}
PROBLEM = {"multi": "multi_label_classification", "number": "regression"}


def gold(kind: str, count: int) -> list:
    rng = np.random.default_rng(0)
    names = KINDS[kind].names
    if kind == "number":
        return rng.uniform(1, 5, count).tolist()
    if kind == "multi":
        return [[n for n in names if rng.random() < 0.4] for _ in range(count)]
    return [names[i] for i in rng.integers(0, 3, count)]


@pytest.fixture
def scene(make_data, make_run, make_model, make_plugin, sentences):
    """A run with data and a model of one kind, and the plugin."""

    def make(kind="single", count=40, max_length=12, lint="off", **settings):
        columns = {"text": sentences(count), "label": gold(kind, count)}
        data = make_data(KINDS[kind], train=columns, validation=columns, test=columns)
        model = make_model(
            max(1, len(KINDS[kind].names)),
            PROBLEM.get(kind, "single_label_classification"),
            id2label=dict(enumerate(KINDS[kind].names or ("label",))),
        )
        return make_run(data, max_length=max_length, lint=lint), make_plugin(**settings), model

    return make


def predict(run, plugin, model, features, batch_of, examples):
    """Predictions as the core makes them: the model's outputs by example, then `decode`."""
    batch = {k: v for k, v in batch_of(features).items() if not k.startswith("labels")}
    with torch.no_grad():
        logits = model(**batch).logits.numpy()
    rows = np.array(features.get("row", range(len(logits))))
    outputs = [{"logits": logits[rows == i]} for i in range(len(examples["text"]))]
    return plugin.decode(run, outputs, examples)


def test_features_of_each_kind(scene, raw):
    for kind in KINDS:
        run, plugin, _ = scene(kind)
        train = run.data.splits["train"]
        features = plugin.encode(run, raw(text=train["text"][:], label=train["label"][:]), True)
        assert set(features) == {"input_ids", "token_type_ids", "labels"}
        labels = features["labels"]
        if kind == "number":
            assert labels == list(train["label"])
        elif kind == "multi":
            names = KINDS[kind].names
            assert labels == [[float(n in one) for n in names] for one in train["label"]]
        else:
            assert [KINDS[kind].names[i] for i in labels] == list(train["label"])


def test_prediction_needs_no_labels(scene, raw):
    run, plugin, _ = scene()
    assert "labels" not in plugin.encode(run, raw(text=["w1 w2"]), False)
    assert "labels" not in plugin.encode(run, raw(text=["w1"], label=[None]), False)


def test_label_that_train_lacks_is_left_out_of_the_loss(scene, raw, batch_of):
    run, plugin, model = scene()
    both = plugin.encode(run, raw(text=["w1", "w2 w3"], label=["good", "odd"]), False)
    one = plugin.encode(run, raw(text=["w1"], label=["good"]), False)
    with torch.no_grad():
        a = plugin.compute_loss(run, model, batch_of(both))
        b = plugin.compute_loss(run, model, batch_of(one))
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
        loss = plugin.compute_loss(run, model, batch)
        inputs = {k: v for k, v in batch.items() if not k.startswith("labels")}
        log_p = model(**inputs).logits.log_softmax(-1)
    assert float(loss.items) == pytest.approx(2)
    torch.testing.assert_close(loss.total, -log_p[0, 1] - log_p[1:, 0].mean())

    short, long = predict(run, plugin, model, features, batch_of, examples)
    expected = log_p[1:].mean(0).softmax(0)
    np.testing.assert_allclose(list(long["scores"].values()), expected, atol=1e-6)
    np.testing.assert_allclose(list(short["scores"].values()), log_p[0].exp(), atol=1e-6)


def test_the_share_of_long_texts_is_said_once(scene, make_data):
    run, plugin, _ = scene(max_length=6)
    lengths = [len(text.split()) + 2 > 6 for text in run.data.splits["train"]["text"]]
    plugin.on_run_start(run)
    share = f"{sum(lengths) / len(lengths):.1%}"
    (note,) = run.notes
    assert note == (
        f"texts longer than 6 tokens: {share} of train, {share} of validation, {share} of test; "
        "their head and tail are kept (sentiment.long_texts)"
    )
    run, plugin, _ = scene(max_length=30)
    plugin.on_run_start(run)
    assert run.notes == []


def test_a_long_text_is_said_at_prediction(scene, raw):
    run, plugin, _ = scene(max_length=6)
    run.restored = True
    for _ in range(2):
        plugin.encode(run, raw(text=["w1 " * 20, "w1"]), False)
    assert run.notes == [
        "some texts are longer than 6 tokens: their head and tail are kept (sentiment.long_texts)"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_models_own(scene, raw, batch_of, kind):
    """Without weights and focus it is what transformers computes from labels, but for SORD."""
    run, plugin, model = scene(kind, ordinal_sharpness=1000.0)
    train = run.data.splits["train"]
    batch = batch_of(plugin.encode(run, raw(text=train["text"][:], label=train["label"][:]), True))
    with torch.no_grad():
        ours = plugin.compute_loss(run, model, batch)
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
            totals[name] = plugin.compute_loss(run, model, batch)
            log_p = model(**{k: v for k, v in batch.items() if k != "labels"}).logits.log_softmax(
                -1
            )
    own = -log_p[[0, 1, 2], [1, 0, 1]]
    torch.testing.assert_close(totals["own"].total, own[0] + 3 * own[1] + own[2])
    assert float(totals["own"].items) == 5
    counts = {n: run.data.splits["train"]["label"][:].count(n) for n in KINDS["single"].names}
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
        a, b = (one.compute_loss(run, model, batch) for one in (plugin, again))
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
            assert one["label"] == [n for n in KINDS[kind].names if scores[n] >= 0.5]
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


def sure(run, plugin, kind, count=400, scale=4.0):
    """Predictions far too sure of themselves, right in about 3 of 4 cases, for `count` examples."""
    rng = np.random.default_rng(0)
    label = KINDS[kind]
    values = gold(kind, count)
    true = np.array([[n in (v if kind == "multi" else [v]) for n in label.names] for v in values])
    logits = scale * (true + rng.normal(0, 0.6, true.shape) - (0.5 if kind == "multi" else 0.0))
    outputs = [{"logits": row[None].astype(np.float32)} for row in logits]
    items = plugin.decode(run, outputs, {"text": ["w1"] * count})
    data = ft.TaskData(run.data.splits, run.data.schema)
    from datasets import Dataset

    examples = Dataset.from_dict({"text": ["w1"] * count, "label": values})
    return outputs, lambda split: Predictions(split, examples, items, data.schema)


@pytest.mark.parametrize("kind", ["single", "ordinal", "multi"])
def test_validation_sets_the_temperature_and_test_uses_it(scene, kind):
    run, plugin, _ = scene(kind)
    outputs, at = sure(run, plugin, kind)
    on_test = plugin.evaluate(run, at("test"))
    assert plugin.temperature == 1.0
    on_validation = plugin.evaluate(run, at("validation"))
    assert plugin.temperature > 1.3
    assert run.logged == {"sentiment/temperature": plugin.temperature}
    assert on_validation.metrics["ece"].value < on_test.metrics["ece"].value
    assert "fitted on" in on_validation.tables[-1].note
    fitted = plugin.temperature

    calibrated = plugin.decode(run, outputs, {"text": ["w1"] * 400})
    again = Predictions("test", at("test").examples, calibrated, run.data.schema)
    result = plugin.evaluate(run, again)
    assert result.metrics["ece"].value == pytest.approx(
        on_validation.metrics["ece"].value, abs=2e-3
    )
    (before, after) = result.tables[-1].rows
    assert before[1:3] == (1.0, pytest.approx(on_test.metrics["ece"].value, abs=2e-4))
    assert after[1:3] == (round(fitted, 4), pytest.approx(result.metrics["ece"].value, abs=1e-4))
    for name in on_test.metrics:
        if name != "ece":
            assert result.metrics[name].value == pytest.approx(on_test.metrics[name].value), name
    # Fitting anew on calibrated predictions stays where it is.
    plugin.evaluate(run, Predictions("validation", again.examples, calibrated, run.data.schema))
    assert plugin.temperature == pytest.approx(fitted, rel=1e-3)


def test_no_calibration_by_setting_or_of_a_finished_run(scene):
    run, plugin, _ = scene(calibrate=False)
    _, at = sure(run, plugin, "single")
    result = plugin.evaluate(run, at("validation"))
    assert plugin.temperature == 1.0
    assert "Calibration" not in [table.title for table in result.tables]
    run, plugin, _ = scene()
    run.restored = True
    plugin.evaluate(run, at("validation"))
    assert plugin.temperature == 1.0


@pytest.mark.parametrize(
    ("kind", "main", "more"),
    [
        ("single", "macro_f1", {"accuracy", "weighted_f1", "mcc", "ece", "recall/good"}),
        ("ordinal", "qwk", {"mae", "accuracy", "macro_f1", "ece"}),
        ("multi", "micro_f1", {"macro_f1", "subset_accuracy", "ece", "precision/far"}),
    ],
)
def test_metrics_of_each_kind(scene, kind, main, more):
    run, plugin, _ = scene(kind)
    _, at = sure(run, plugin, kind)
    result = plugin.evaluate(run, at("test"))
    assert result.main == main
    assert {main, *more} <= set(result.metrics)
    assert "auroc" not in result.metrics
    for name, score in result.metrics.items():
        assert score.low <= score.value <= score.high, name
    json.dumps([table.rows for table in result.tables])


def test_metrics_of_numbers(scene):
    run, plugin, _ = scene("number")
    items = [{"label": value + 0.5} for value in run.data.splits["test"]["label"]]
    result = plugin.evaluate(
        run, Predictions("test", run.data.splits["test"], items, run.data.schema)
    )
    assert result.main == "mae"
    assert result.metrics["mae"].value == pytest.approx(0.5)
    assert result.metrics["rmse"].value == pytest.approx(0.5)
    assert result.metrics["spearman"].value == pytest.approx(1)
    assert not result.metrics["mae"].higher_is_better


def test_auroc_where_binary(make_data, make_run, make_plugin):
    label = Label(names=("no", "yes"))
    columns = {"text": ["w1"] * 4, "label": ["no", "yes", "no", "yes"]}
    data = make_data(label, train=columns, test=columns)
    p = [0.1, 0.9, 0.4, 0.3]
    items = [
        {
            "label": label.names[x > 0.5],
            "scores": {"no": 1 - x, "yes": x},
            "probability": max(x, 1 - x),
        }
        for x in p
    ]
    run = make_run(data)
    result = make_plugin().evaluate(
        run, Predictions("test", data.splits["test"], items, data.schema)
    )
    assert result.metrics["auroc"].value == 0.75
    assert result.metrics["accuracy"].value == 0.75


def test_a_label_that_train_lacks_counts_as_mistaken(make_data, make_run, make_plugin):
    for kind, labels in (("single", ["a", "b", "new", "a"]), ("ordinal", ["1", "2", "3", "1"])):
        names = ("a", "b") if kind == "single" else ("1", "2")
        columns = {"text": ["w1"] * 4, "label": labels}
        data = make_data(Label(names=names, kind=kind), train=columns, test=columns)
        items = [
            {"label": names[i], "scores": dict(zip(names, (1 - i, i), strict=True))}
            for i in (0, 1, 1, 0)
        ]
        at = Predictions("test", data.splits["test"], items, data.schema)
        result = make_plugin(unseen_labels="count").evaluate(make_run(data), at)
        assert result.metrics["accuracy"].value == 0.75
        assert result.metrics["macro_f1"].value == pytest.approx((1 + 2 / 3 + 0) / 3)
        assert "auroc" not in result.metrics
        if kind == "ordinal":
            assert result.metrics["mae"].value == 0
            assert result.metrics["qwk"].value == 1


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
        half = plugin.compute_loss(run, model, batch)
    assert half.total.dtype == torch.float32
    with torch.no_grad():
        full = plugin.compute_loss(run, model, batch)
    torch.testing.assert_close(half.total, full.total, rtol=0.02, atol=0)
