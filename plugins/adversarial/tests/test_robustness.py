"""The metric under attack and under typing errors, beside the clean one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from ft import Evaluation, Label, Metric, Plugin, Predictions, Schema, Text, Words
from ft.engine.run import LiveRun


class EvaluatingRun:
    """Predicts by the contract of `Run.predict`, with a tiny classifier over ready batches."""

    aside = LiveRun.aside

    def __init__(self, kit, schema: Schema) -> None:
        self.model = kit.classifier().eval()
        self.batch = kit.batch((5, 9, 3, 4, 8, 6))
        with torch.no_grad():  # labels such that the clean model is right
            self.batch["labels"] = self.logits().argmax(-1)
        self.schema = schema
        self.tokenizer = SimpleNamespace(all_special_ids=[0, 1, 2, 3])
        self.hooks = SimpleNamespace(members=[], kept=[])
        self.loss = lambda model, batch: kit.task_loss(self, model, batch)
        self.logged: dict[str, float] = {}
        self.examples = {"example_id": [0, 1], "text": ["a fine film", "dull"], "label": ["a", "b"]}
        self.edited: list[dict] = []
        self.notes: list[str] = []

    def logits(self):
        batch = self.batch
        return self.model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        ).logits

    def note(self, text: str) -> None:
        self.notes.append(text)

    def predict(self, split, *, context=None, edit=None) -> Predictions:
        if edit is not None:
            self.edited.append(edit(self.examples))
        with torch.no_grad():
            if context is None:
                chosen = self.logits().argmax(-1)
            else:
                with context(self.model, self.batch):
                    chosen = self.logits().argmax(-1)
        items = [{"right": bool(right)} for right in chosen == self.batch["labels"]]
        return Predictions(split, None, items, self.schema)


def accuracy(run, predictions) -> Evaluation:
    right = sum(item["right"] for item in predictions.items) / len(predictions.items)
    return Evaluation({"accuracy": Metric(right, right - 0.1, right), "n": Metric(1.0)}, "accuracy")


SENTIMENT = Schema(texts=(Text("text"),), label=Label(names=("a", "b")))


def test_off_by_default(kit):
    run = EvaluatingRun(kit, SENTIMENT)
    evaluation = kit.plugin().evaluate(accuracy, run, run.predict("test"))
    assert evaluation == accuracy(run, run.predict("test"))


def test_beside_the_clean_metric(kit):
    run = EvaluatingRun(kit, SENTIMENT)
    plugin = kit.plugin(robustness=True, attack_radius=4.0, typo_rate=0.5)
    evaluation = plugin.evaluate(accuracy, run, run.predict("test"))
    assert evaluation.main == "accuracy"
    assert evaluation.metrics["accuracy"].value == 1.0
    assert evaluation.metrics["accuracy_under_attack"].value < 0.5
    assert evaluation.metrics["accuracy_under_attack"].low is not None
    assert evaluation.metrics["accuracy_under_typos"].value == 1.0
    (table,) = evaluation.tables
    assert table.columns == ("metric", "clean", "under attack", "under typos")
    assert [row[0] for row in table.rows] == ["accuracy", "n"]
    assert "radius 4" in table.note
    assert "50.0% of letters" in table.note


def test_measured_without_training_adversarially(kit):
    run = EvaluatingRun(kit, SENTIMENT)
    plugin = kit.plugin(method="none", robustness=True)
    assert "accuracy_under_attack" in plugin.evaluate(accuracy, run, run.predict("test")).metrics


@pytest.mark.parametrize("split", ["validation", "test"])
def test_of_the_test_split_alone(kit, split):
    run = EvaluatingRun(kit, SENTIMENT)
    evaluation = kit.plugin(robustness="test").evaluate(accuracy, run, run.predict(split))
    assert ("accuracy_under_attack" in evaluation.metrics) == (split == "test")


def test_typing_errors_change_texts_alone_and_are_the_same_in_every_run(kit):
    edited = []
    for seed in (0, 1):
        run = EvaluatingRun(kit, SENTIMENT)
        kit.plugin(seed, robustness=True, typo_rate=0.5).evaluate(
            accuracy, run, run.predict("test")
        )
        edited += run.edited
    first, second = edited
    assert first == second
    assert first["text"] != ["a fine film", "dull"]
    assert {**first, "text": None} == {**run.examples, "text": None}
    assert run.examples["text"] == ["a fine film", "dull"]


def test_words_keep_their_tags(kit):
    run = EvaluatingRun(kit, Schema(words=Words(labels=("O", "B-x"))))
    run.examples = {
        "example_id": [3],
        "tokens": [["Angela", "Merkel", "visits", "Paris", "."]],
        "tags": [["B-x", "B-x", "O", "B-x", "O"]],
    }
    kit.plugin(robustness=True, typo_rate=0.5).evaluate(accuracy, run, run.predict("test"))
    (edited,) = run.edited
    assert edited["tags"] == run.examples["tags"]
    assert len(edited["tokens"][0]) == 5
    assert edited["tokens"][0][-1] == "."
    assert edited["tokens"] != run.examples["tokens"]


def test_what_a_task_fits_to_the_clean_predictions_stays(kit):
    class Calibrated(Plugin):
        """Refits a temperature whenever it scores."""

        temperature = 1.0

        def state_dict(self):
            return {"temperature": self.temperature}

        def load_state_dict(self, state):
            self.temperature = state["temperature"]

    run, task = EvaluatingRun(kit, SENTIMENT), Calibrated()
    run.hooks.kept = [SimpleNamespace(plugin=task)]
    before = []

    def evaluate(run, predictions):
        before.append(task.temperature)
        task.temperature += len(before)
        run.logged["task/temperature"] = task.temperature
        return accuracy(run, predictions)

    kit.plugin(robustness=True).evaluate(evaluate, run, run.predict("validation"))
    assert before == [1.0, 2.0, 2.0]
    assert task.temperature == 2.0
    assert run.logged == {"task/temperature": 2.0}


@pytest.mark.parametrize("schema", [Schema(), Schema(texts=(Text("text", editable=False),))])
def test_a_task_without_text_to_edit_is_told(kit, schema):
    run = EvaluatingRun(kit, schema)
    evaluation = kit.plugin(robustness=True).evaluate(accuracy, run, run.predict("test"))
    assert "accuracy_under_typos" not in evaluation.metrics
    assert run.edited == []
    assert "no text that may be edited" in run.notes[0]
