"""What `evaluate` gives for each kind of label, and when the temperature is fitted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ft import Label, Predictions


def sure(run, plugin, scale=4.0):
    """Predictions far too sure of themselves, right in about 3 of 4 cases."""
    rng = np.random.default_rng(0)
    label, examples = run.data.schema.label, run.data.splits["test"]
    values, multi = list(examples["label"]), label.kind == "multi"
    true = np.array([[n in (v if multi else [v]) for n in label.names] for v in values])
    logits = scale * (true + rng.normal(0, 0.6, true.shape) - (0.5 if multi else 0.0))
    outputs = [{"logits": row[None].astype(np.float32)} for row in logits]
    items = plugin.decode(run, outputs, {})
    return outputs, lambda split: Predictions(split, examples, items, run.data.schema)


@pytest.mark.parametrize("kind", ["single", "ordinal", "multi"])
def test_validation_sets_the_temperature_and_test_uses_it(scene, kind):
    run, plugin, _ = scene(kind, 400)
    outputs, at = sure(run, plugin)
    on_test = plugin.evaluate(run, at("test"))
    assert plugin.temperature == 1.0
    on_validation = plugin.evaluate(run, at("validation"))
    assert plugin.temperature > 1.3
    assert run.logged == {"sentiment/temperature": plugin.temperature}
    assert on_validation.metrics["ece"].value < on_test.metrics["ece"].value
    assert "fitted on" in on_validation.tables[-1].note
    fitted = plugin.temperature

    calibrated = plugin.decode(run, outputs, {})
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
    run, plugin, _ = scene(count=400, calibrate=False)
    _, at = sure(run, plugin)
    result = plugin.evaluate(run, at("validation"))
    assert plugin.temperature == 1.0
    assert "Calibration" not in [table.title for table in result.tables]
    run, plugin, _ = scene(count=400)
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
    run, plugin, _ = scene(kind, 400)
    _, at = sure(run, plugin)
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
