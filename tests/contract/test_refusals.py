"""What is used wrongly is refused by name, with a way out: one row for each hook, method and attribute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft

HEAD = """
import ft
import torch
from dataclasses import replace
from ft import hookimpl


class Wrong(ft.Plugin):
"""

CHAIN = "    @hookimpl\n    def {hook}(self, inner, run, {arguments}):\n        "
LOSS = CHAIN.format(hook="compute_loss", arguments="model, batch")
LOSS_OF = CHAIN.format(hook="loss_of", arguments="outputs, batch")
END = "    @hookimpl\n    def on_epoch_end(self, run, epoch, metrics):\n        "
ORDER = CHAIN.format(hook="order", arguments="epoch")
OPTIMIZER = CHAIN.format(hook="build_optimizer", arguments="groups")
START = "    @hookimpl\n    def on_run_start(self, run):\n        "

TABLE = {
    "order: an id of no example": (
        ORDER + "return [0, 10**6]",
        "order returned for epoch 1 the id 1000000",
        "positions of examples in the train split",
    ),
    "order: an empty batch": (ORDER + "return [(0, 1), ()]", "an empty batch", "tuples of them"),
    "compute_loss: no loss": (
        LOSS + "return 1.0",
        "compute_loss returned float, not ft.Loss",
        "ft.Loss",
    ),
    "compute_loss: a mean of each example": (
        LOSS + "loss = inner(run, model, batch)\n        return replace(loss, total=loss.each)",
        "total is no scalar",
        "a sum over items",
    ),
    "compute_loss: a loss of no items": (
        LOSS + "return replace(inner(run, model, batch), items=0)",
        "over 0 items, which trains nothing",
        "how many",
    ),
    "loss_of: nothing": (LOSS_OF + "pass", "loss_of returned nothing, not ft.Loss", "ft.Loss"),
    "order: nothing": (
        ORDER + "pass",
        "order returned nothing, not an order",
        "positions of examples",
    ),
    "a hook that is not marked": (
        "    def on_step(self, run, step):\n        run.stop(self, 'now')",
        "'on_step' has the name of a hook and is not marked",
        "@hookimpl",
    ),
    "Loss.each: another length": (
        LOSS + "loss = inner(run, model, batch)\n        return replace(loss, each=loss.each[:1])",
        r"each of the shape \(1,\) for a batch of",
        "(batch,) or (batch, tokens)",
    ),
    "Loss.weighed: another shape": (
        LOSS_OF + "return inner(run, outputs, batch).weighed(torch.ones(3))",
        r"weights of the shape \(3,\)",
        "broadcasts",
    ),
    "Loss.weighed: no loss of every item": (
        LOSS_OF + "return replace(inner(run, outputs, batch), each=None).weighed(torch.ones(1))",
        "does not say the loss of every item",
        "each=",
    ),
    "run.loss_of: without outputs": (
        LOSS + "return run.loss_of({}, batch)",
        "no output 'logits'",
        "provide loss_of",
    ),
    "run.divergence: not provided": (
        LOSS
        + "loss = inner(run, model, batch)\n        run.divergence({}, {}, batch)\n        return loss",
        "no standard divergence",
        "provide divergence",
    ),
    "run.join: undeclared": (
        LOSS_OF + "return run.join({'a': inner(run, outputs, batch)})",
        "nobody has counted",
        "own_items = True",
    ),
    "build_optimizer: no optimizer": (OPTIMIZER + "return 1", "build_optimizer", "optimizer"),
    "build_optimizer: a closure": (
        OPTIMIZER + "return torch.optim.LBFGS([p for g in groups for _, p in g['params']])",
        "build_optimizer",
        "closure",
    ),
    "learning_rate: no number": (
        "    def learning_rate(self, run, progress):\n        return float('nan')",
        "learning_rate returned nan",
        "finite number",
    ),
    "evaluation_weights: of no parameter": (
        "    def evaluation_weights(self, run):\n        return {'w': torch.zeros(1)}",
        "evaluation_weights returned 'w'",
        "named_parameters",
    ),
    "evaluation_weights: nothing": (
        "    def evaluation_weights(self, run):\n        pass",
        "evaluation_weights returned a NoneType",
        "named_parameters",
    ),
    "state_tensors: no tensors": (
        "    def state_tensors(self):\n        return {'a': [1.0]}",
        "state_tensors returned something else",
        "state_dict",
    ),
    "state_dict: a tensor": (
        "    def state_dict(self):\n        return {'a': torch.zeros(1)}",
        "state_dict returned what JSON cannot hold",
        "tolist",
    ),
    "cache_key: no JSON": (
        "    pass\n\n\nclass Task(TextsTask):\n    name = 'task'\n"
        "    @hookimpl\n    def encode(self, run, examples, training):\n        return {}\n\n"
        "    def cache_key(self, run):\n        return {1, 2}",
        "cache_key returned what JSON cannot hold",
        "hash of a file",
    ),
    "cache_key: nothing": (
        "    pass\n\n\nclass Task(TextsTask):\n    name = 'task'\n"
        "    @hookimpl\n    def encode(self, run, examples, training):\n        return {}\n\n"
        "    def cache_key(self, run):\n        pass",
        "cache_key returned nothing",
        "hash of a file",
    ),
    "infer: another first dimension": (
        CHAIN.format(hook="infer", arguments="model, batch") + "return {'a': torch.zeros(999)}",
        "to a batch of",
        "first dimension|leave out the rest",
    ),
    "decode: too few": (
        CHAIN.format(hook="decode", arguments="outputs, examples") + "return []",
        "decode returned 0 predictions",
        "one mapping an example",
    ),
    "save_model: nothing": (
        CHAIN.format(hook="save_model", arguments="model, folder") + "pass",
        "the saved model cannot be loaded again",
        "what save_model|save_model",
    ),
    "load_model: no module": (
        CHAIN.format(hook="load_model", arguments="folder") + "return 1",
        "load_model returned int, not a torch module",
        "nn.Module",
    ),
    "build_head: freezes everything": (
        CHAIN.format(hook="build_head", arguments="data")
        + "return inner(run, data).requires_grad_(False)",
        "every parameter is frozen",
        "freeze less",
    ),
    "on_epoch_start: unfreezes what the optimizer lacks": (
        CHAIN.format(hook="build_head", arguments="data")
        + "model = inner(run, data)\n        model.base_model.requires_grad_(False)\n"
        + "        return model\n\n"
        + "    @hookimpl\n    def on_epoch_start(self, run):\n        run.model.requires_grad_(True)",
        "unfrozen that the optimizer does not have",
        "on_run_start",
    ),
    "loss_of: never called": (
        CHAIN.format(hook="loss_of", arguments="outputs, batch")
        + "return inner(run, outputs, batch)\n\n    @hookimpl\n"
        + "    def compute_loss(self, inner, run, model, batch):\n"
        + "        return ft.Loss(model(input_ids=batch['input_ids'])['logits'].sum(), 1.0)",
        "wraps loss_of, which",
        "run.loss_of|leave out",
    ),
    "whole_batch: beside early_backward": (
        "    whole_batch = True\n    early_backward = True",
        "needs the whole batch in one loss",
        "leave out",
    ),
    "run.uses: no such file": (
        START + "run.uses('nowhere.txt')",
        "there is no such file",
        "",
    ),
    "run.load_trained: no run": (
        START + "run.load_trained('nowhere')",
        "there is no finished run here",
        "ft run",
    ),
    "encode: nothing": (
        CHAIN.format(hook="encode", arguments="examples, training") + "pass",
        "encode returned nothing, not a mapping of columns",
        "lists by column",
    ),
    "infer: a list": (
        CHAIN.format(hook="infer", arguments="model, batch") + "return [inner(run, model, batch)]",
        "infer returned list, not a mapping of tensors",
        "by name",
    ),
    "decode: nothing": (
        CHAIN.format(hook="decode", arguments="outputs, examples") + "pass",
        "decode returned nothing, not a list",
        "one mapping an example",
    ),
    "evaluate: a dict": (
        CHAIN.format(hook="evaluate", arguments="predictions") + "return {'accuracy': 1.0}",
        "evaluate returned dict, not ft.Evaluation",
        "main",
    ),
    "build_head: nothing": (
        CHAIN.format(hook="build_head", arguments="data") + "inner(run, data)",
        "build_head returned nothing, not a torch module",
        "return the model",
    ),
    "build_optimizer: nothing": (
        OPTIMIZER + "pass",
        "^build_optimizer returned nothing, not a torch optimizer",
        "torch.optim.Optimizer",
    ),
    "learning_rate: without run": (
        "    def learning_rate(self, progress):\n        return 1.0",
        r"learning_rate takes \(self, progress\), and is called with \(self, run, progress\)",
        "def learning_rate",
    ),
    "cache_key: without run": (
        "    def cache_key(self):\n        return 1",
        r"cache_key takes \(self\), and is called with \(self, run\)",
        "def cache_key",
    ),
    "__init__: without config": (
        "    def __init__(self):\n        super().__init__()",
        r"takes \(self\), and is called with \(self, config\)",
        "super().__init__",
    ),
    "state_dict: nothing": (
        "    def state_dict(self):\n        pass",
        "state_dict returned None, not a mapping",
        "{} for nothing",
    ),
    "varies: a text": ("    varies = 'yes'", "varies is 'yes', not true or false", "True"),
    "run.log: a text": (
        END + "run.log(self, 'mood', 'fine')",
        "run.log was given 'fine'",
        "one number",
    ),
    "features.fetch: one id": (
        "    @hookimpl\n    def on_features(self, run, features):\n        features.fetch(0)",
        "features.fetch was given 0",
        "positions of training examples",
    ),
    "features.fetch: an id of no example": (
        "    @hookimpl\n    def on_features(self, run, features):\n        features.fetch([-1])",
        "features.fetch was given -1",
        "positions of training examples",
    ),
    "run.score: a split's name": (END + "run.score('train')", "to run.score are a str", "splits"),
    "run.score: texts": (END + "run.score(['a'])", "to run.score hold a str", "mappings"),
    "run.score: no rows": (END + "run.score([])", "to run.score are none", "splits"),
    "run.score: a class that is none": (
        END
        + "one = dict(run.data.splits['train'][0])\n"
        + "        run.score([{**one, 'label': 'far'}])",
        "classes that the task does not know: 'far' in 'label'",
        "columns",
    ),
    "run.predict: no such split": (END + "run.predict('far')", "the split 'far'", "splits are"),
}


UNNAMED = ("run.", "features.", "__init__", "Loss.", "build_head: freezes")
"""What the trace of the call names, as the note on every exception does, or what settings do as well."""


@pytest.mark.parametrize("case", TABLE)
def test_it_is_refused_with_a_way_out(go: Any, tmp_path: Path, case: str) -> None:
    body, message, hint = TABLE[case]
    head = HEAD.replace(
        "from ft import hookimpl", "from ft import hookimpl\nfrom ft_kit.tasks import TextsTask"
    )
    (tmp_path / "wrong.py").write_text(head + body + "\n")
    plugins = [f"{tmp_path / 'wrong.py'}:{'Task' if 'class Task' in body else 'Wrong'}"]
    if "class Task" not in body:
        plugins.insert(0, "texts")
    with pytest.raises(ft.FtError, match=message) as caught:
        go(plugins, epochs=1, max_tokens=40, checkpoint_steps=1)
    whole = str(caught.value)
    assert "'wrong'" in whole or "'task'" in whole or case.startswith(UNNAMED), whole
    if hint:
        assert any(one in whole for one in hint.split("|")), whole


def test_a_name_that_is_nearly_one_of_the_contract_is_said(go: Any, tmp_path: Path) -> None:
    (tmp_path / "slip.py").write_text(
        HEAD + "    def evaluation_weight(self, run):\n        return {}\n\n    evaluates = True\n"
    )
    result = go(["texts", str(tmp_path / "slip.py")], epochs=1)
    (note,) = [one for one in result.record["notes"] if "evaluation_weight" in one]
    assert "plugin 'slip' has 'evaluation_weight', which ft does not know" in note
    assert "did you mean 'evaluation_weights'?" in note
