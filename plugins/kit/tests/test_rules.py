"""Each rule of the contract finds the plugin that breaks it, and says what and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ft_kit import EARLY, PAIR, REPEAT, conformance
from ft_kit.contract import judge
from ft_kit.rules import RULES

if TYPE_CHECKING:
    from ft_kit.kit import Kit

BROKEN = Path(__file__).parent / "broken"
DOCS = Path(__file__).parents[3] / "docs"
BY_ID = {rule.id: rule for rule in RULES}

FOUND = {
    "hooks": "compute_loss asks for the argument 'batches', which it does not have",
    "hooks_unmarked": "compute_loss is not marked",
    "hooks_init": "its code ended in AttributeError: 'Config' object has no attribute 'rate'",
    "settings": "the unknown setting broken_settings.no_such_setting is taken without a word",
    "settings_silent": "the setting broken_settings_silent.weight has no description",
    "settings_validator": "broken_settings_validator.words = '?': the check of",
    "runs": "the run fails: KeyError: 'tokens'; raised by plugin 'broken_runs' in compute_loss",
    "repeatable": "loss at step 8 is",
    "independent": "loss at step 8 is",
    "globals": "encode drew from the global generator of torch",
    "encode": "encode drew from self.rng: a run that is resumed could not draw the same again",
    "encode_step": "encode gave another ['input_ids']",
    "order": "asked again for epoch 1 after others drew random numbers, order gives another [0]",
    "order_calls": "asked again for epoch 1, order gives another [0]",
    "batch": "compute_loss changed the batch['input_ids'] in place",
    "examples": "encode changed the examples['tokens'][0][0] in place",
    "splits": "the technique changed the test split in load_data",
    "splits_returned": "the technique changed the validation split in load_data",
    "answers": "decode answers the same whatever the model's outputs are: {",
    "answers_outputs": "the model's outputs are the same for all 6 examples",
    "answers_text": "the model's outputs are the same for all 6 examples",
    "sum": "the loss of a batch is",
    "sum_of": "the loss of a batch is",
    "sum_items": "a batch has 1 items, its two halves together 2",
    "cut": "the loss of 8 examples is",
    "cut_gradient": "the gradient of 8 examples differs by",
    "forwards": "a training batch took 2 forward passes, forwards() says 1",
    "single": "with batches of one it fails: IndexError",
    "empty": "training on an empty text fails: IndexError",
    "longest": "training on a text longer than the model fails",
    "state": "state_dict['seen'][6] does not come back from JSON as it was",
    "state_object": "state_dict gives what JSON cannot hold: Object of type set",
    "state_lost": 'a new instance that loaded the state gives another: {"steps": 0} instead of',
    "state_empty": "load_state_dict fails with an empty mapping: KeyError: 'steps'",
    "state_tensors": "a new instance that loaded the tensors gives another state_tensors['mean']",
    "resume": "loss at step 8 is",
    "resume_tensor": "loss at step 8 is",
    "resume_optimizer": "loss at step 8 is",
    "resume_momentum": "loss at step 8 is",
    "resume_start": "stopped in step 4, the run cannot go on: AttributeError",
    "code": "helpers/factor.py would not be noticed: no import names it",
    "saved": "the saved model does not come back as it was: the output ",
    "saved_build": "the saved model does not come back as it was: scale",
    "restored": "the predictions of the test split are others now: [0]['sure'][0]: False, not True",
    "request": "is not answered: request 1: a request needs a verse",
    "request_none": "it reads requests of its own form, and request_schema gives no example of one",
    "company": "fails: KeyError: 'tokens'",
    "company_alone": "it works with kit-twice in no order: it does not like 'kit-twice'",
    "network": "looking up 'version.invalid' at",
    "pickle": "pickle.dump at",
    "pickle_file": "the run folder holds counts.bin",
}


def spec_of(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    return str(BROKEN / f"broken_{name}.py")


@pytest.mark.parametrize("name", FOUND)
def test_a_rule_finds_what_breaks_it(
    name: str, ft_kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = BY_ID[name.partition("_")[0]]
    exam = ft_kit.exam(spec_of(name, monkeypatch))
    verdict = judge(rule, exam)
    assert verdict.outcome == "failed", verdict
    assert FOUND[name] in verdict.text
    text = verdict.explain(exam.subject.loaded.owner)
    assert text.startswith(f"rule '{rule.id}': {rule.says}\n  found: {verdict.text}\n")
    assert f"broken_{name}" in text
    assert "\n  to do: " in text
    assert text.endswith(f"\n  contract: docs/{rule.page}")


def test_every_rule_has_a_broken_plugin_and_every_broken_plugin_a_rule() -> None:
    assert {name.partition("_")[0] for name in FOUND} == set(BY_ID)
    assert {path.stem.removeprefix("broken_") for path in BROKEN.glob("*.py")} == set(FOUND)


test_pair = conformance(PAIR, marks={"company": pytest.mark.long})
test_early = pytest.mark.long(conformance(EARLY))
test_repeat = pytest.mark.long(conformance(REPEAT))
