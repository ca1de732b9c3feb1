"""Techniques that watch a run from both sides of the plugin under test, and write what they see."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ft.contract.plugin import Config, Plugin, hookimpl
from ft.contract.results import Evaluation, Loss, Predictions
from ft.contract.schema import POOL, TaskData
from ft.hooks.hooks import has_own
from ft_kit.answers import answers_alike, outputs_alike
from ft_kit.snapshot import changed, copied
from ft_kit.trials import cut_apart, other_order

if TYPE_CHECKING:
    from datasets import DatasetDict

    from ft.engine.run import LiveRun

Columns = Mapping[str, list[Any]]


class NearProbe(Plugin):
    """Stands between the task and a technique, and keeps what the task's splits were."""

    name = "kit-near"

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: LiveRun) -> TaskData:
        """Keep the fingerprints, which the technique behind cannot change."""
        data = inner(run)
        self.splits = fingerprints(data.splits)
        return data


def fingerprints(splits: DatasetDict) -> dict[str, str]:
    """What tells whether a split is still the same."""
    return {name: split._fingerprint for name, split in splits.items()}


class FarConfig(Config):
    """Where the probe writes, and whom it watches."""

    report: str = Field(description="file that gets a JSON object a finding")
    subject: str = Field(description="name of the plugin under test")


class FarProbe(Plugin):
    """Stands outside of everything, and compares what it hands in before and after."""

    name = "kit-far"
    Config = FarConfig
    config: FarConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._most = 0
        self._state_seen = False
        self._answers_seen = False

    def found(self, rule: str, what: str, **facts: Any) -> None:
        """Write a finding at once: the run may not live to its end."""
        with Path(self.config.report).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"rule": rule, "what": what, **facts}) + "\n")

    def _subject(self, run: LiveRun) -> Plugin:
        name = self.config.subject
        return next(one.plugin for one in run.hooks.members if one.name == name)

    @contextmanager
    def _watch(self, hook: str, rule: str, what: str, given: Any) -> Iterator[None]:
        """Compare what a hook was given, and the global generators, before and after."""
        before, generators = copied(given), global_generators()
        yield
        for place in changed(before, given):
            self.found(rule, f"{hook} changed {what}{place} in place")
        for name, state in global_generators().items():
            if state != generators[name]:
                self.found("globals", f"{hook} drew from the global generator of {name}")

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: LiveRun) -> TaskData:
        """Compare every split but ``train`` with what the task gave."""
        with self._watch("load_data", "globals", "", None):
            data = inner(run)
        near = next((m.plugin for m in run.hooks.members if m.name == NearProbe.name), None)
        now = fingerprints(data.splits)
        if isinstance(near, NearProbe):
            # A technique may bring a pool, and other splits to be scored.
            same = {name: one for name, one in now.items() if name in near.splits}
            self._compare_splits("load_data", near.splits, {"train": "", **same}, {"train", POOL})
        self._splits = now
        return data

    def _compare_splits(
        self,
        hook: str,
        before: Mapping[str, str],
        now: Mapping[str, str],
        own: Collection[str] = (),
    ) -> None:
        for split in sorted((set(before) | set(now)) - set(own)):
            if before.get(split) != now.get(split):
                done = "added" if split not in before else "changed" if split in now else "removed"
                self.found("splits", f"{hook} {done} the {split} split")

    @hookimpl
    def encode(
        self, inner: Callable[..., Columns], run: LiveRun, examples: Columns, training: bool
    ) -> Columns:
        """Compare the examples."""
        with self._watch("encode", "examples", "the examples", examples):
            return inner(run, examples, training)

    @hookimpl
    def compute_loss(
        self,
        inner: Callable[..., Loss],
        run: LiveRun,
        model: nn.Module,
        batch: Mapping[str, Tensor],
    ) -> Loss:
        """Compare the batch, and count the model's forward passes."""
        called: list[nn.Module] = []

        def count(module: nn.Module, *_: Any) -> None:
            called.append(module)

        handles = [part.register_forward_hook(count) for part in (model, *_parts(model))]
        before = copied(batch)
        try:
            loss = inner(run, model, batch)
        finally:
            for handle in handles:
                handle.remove()
        whole = sum(one is model for one in called)
        self._most = max(self._most, whole or len(called))
        for place in changed(before, batch):
            self.found("batch", f"compute_loss changed the batch{place} in place")
        if not self._state_seen:
            self._state_seen = True
            self._check_state(run)
        return loss

    @hookimpl
    def decode(
        self,
        inner: Callable[..., Any],
        run: LiveRun,
        outputs: Sequence[Mapping[str, Any]],
        examples: Columns,
    ) -> Any:
        """Compare the examples, and once the answers with those of other outputs."""
        with self._watch("decode", "examples", "the examples", examples):
            items = inner(run, outputs, examples)
        if len(outputs) > 1 and not self._answers_seen:
            self._answers_seen = True
            if outputs_alike(outputs):
                what = f"the model's outputs are the same for all {len(outputs)} examples"
                self.found("answers", what)
            elif answers_alike(lambda others: inner(run, others, examples), outputs):
                first = f"{json.dumps(items[0], default=str):.60}"
                what = f"decode answers the same whatever the model's outputs are: {first}"
                self.found("answers", what)
        return items

    @hookimpl
    def evaluate(
        self, inner: Callable[..., Evaluation], run: LiveRun, predictions: Predictions
    ) -> Evaluation:
        """Compare the predictions."""
        with self._watch("evaluate", "examples", "the predictions", predictions.items):
            return inner(run, predictions)

    @hookimpl
    def on_run_start(self, run: LiveRun) -> None:
        """Look at the state before the core first writes it."""
        self._check_state(run)

    @hookimpl
    def on_epoch_start(self, run: LiveRun, epoch: int) -> None:
        """Ask for the order of the epoch before the core does."""
        what = other_order(run, epoch) if run.hooks.customised("order") else ""
        if what:
            self.found("order", what)

    @hookimpl
    def on_run_end(self, run: LiveRun) -> None:
        """Everything that needs the run at its end."""
        assert run.data is not None
        self._compare_splits("a hook", self._splits, fingerprints(run.data.splits))
        self._check_state(run)
        self._check_encode(run)
        self.found("forwards", "", counted=self._most, stated=run.hooks.forwards())
        features = self._few(run)
        if len(features) > 1:
            self._check_sum(run, features)
            try:
                facts = cut_apart(run, features)
            except Exception as error:
                facts = {"error": f"{type(error).__name__}: {error}"}
            self.found("cut", "", **facts)

    def _check_encode(self, run: LiveRun) -> None:
        """The same examples, encoded in several steps of one epoch."""
        from ft.engine.batch.features import examples_at

        assert run.data is not None
        train, step = run.data.splits["train"], run.step
        found = []
        for run.step in (step, step // 2, 0, step + 1):
            examples = examples_at(train, range(min(8, len(train))))
            found.append(copied(run.hooks.call("encode", run, examples, True)))
        run.step = step
        place = next((one for other in found[1:] for one in changed(found[0], other)), "")
        if place:
            self.found(
                "encode", f"encode gave another {place} for the same examples in another step"
            )

    def _check_state(self, run: LiveRun) -> None:
        """The state goes through JSON, and into a new instance, and comes back the same."""
        plugin = self._subject(run)
        try:
            state = plugin.state_dict()
            text = json.dumps(state, sort_keys=True)
        except TypeError as error:
            self.found("state", f"state_dict gives what JSON cannot hold: {error}")
            return
        back = json.loads(text)
        for place in changed(state, back):
            self.found("state", f"state_dict{place} does not come back from JSON as it was")
        again = type(plugin)(plugin.config)
        again.seed(plugin.name, run.config.seed)
        given: Mapping[str, Any] = {}
        try:
            again.load_state_dict(given)  # what a plugin gets where nothing was saved of it
            given = back
            again.load_state_dict(given)
            text_again = json.dumps(again.state_dict(), sort_keys=True)
        except Exception as error:
            which = "the state" if given else "an empty mapping"
            what = f"load_state_dict fails with {which}: {type(error).__name__}: {error}"
            self.found("state", what)
            return
        if text_again != text:
            self.found(
                "state",
                "a new instance that loaded the state gives another: "
                f"{text_again[:60]} instead of {text[:60]}",
            )
        self._check_tensors(plugin, again)

    def _check_tensors(self, plugin: Plugin, again: Plugin) -> None:
        """The tensors go into a new instance, and come back the same to the last bit."""
        if not has_own(plugin, "state_tensors"):
            return
        tensors = copied(plugin.state_tensors())
        try:
            again.load_state_tensors(copied(tensors))
            back = again.state_tensors()
        except Exception as error:
            what = f"load_state_tensors fails: {type(error).__name__}: {error}"
            self.found("state", what)
            return
        for place in changed(tensors, back):
            what = f"a new instance that loaded the tensors gives another state_tensors{place}"
            self.found("state", what)

    def _few(self, run: LiveRun) -> list[Any]:
        """Features of a few training examples."""
        from ft.engine.batch.features import encode, examples_at

        assert run.data is not None
        train = run.data.splits["train"]
        grouped = encode(run, examples_at(train, range(min(8, len(train)))), training=True)
        return [feature for group in grouped for feature in group]

    def _check_sum(self, run: LiveRun, features: list[Any]) -> None:
        """The loss of a batch beside those of its halves, without dropout."""
        from ft.engine.batch.batches import collate

        assert run.model is not None
        first = tuple(features[0])  # those of several tasks are never in one pass
        features = [feature for feature in features if tuple(feature) == first]
        half, pad = len(features) // 2, run.pad_id
        run.model.eval()
        losses = []
        for part in (features, features[:half], features[half:]):
            batch = {k: v.to(run.device) for k, v in collate(part, pad).items()}
            run.backpropagated = None
            loss: Loss = run.hooks.call("compute_loss", run, run.model, batch)
            early = run.backpropagated
            total = float(loss.total.detach()) + (0.0 if early is None else float(early))
            losses.append((total, float(loss.items)))
        run.model.zero_grad()
        (whole, items), *halves = losses
        self.found(
            "sum",
            "",
            total=whole,
            halves=sum(total for total, _ in halves),
            items=items,
            half_items=sum(count for _, count in halves),
        )


def global_generators() -> dict[str, Any]:
    """The state of every global generator of random numbers, to be compared."""
    kind, keys, *rest = np.random.get_state()
    return {
        "Python (random)": random.getstate(),
        "NumPy (numpy.random)": (kind, bytes(keys), *rest),  # type: ignore[arg-type]
        "torch": bytes(torch.get_rng_state().numpy()),
    }


def _parts(model: nn.Module) -> list[nn.Module]:
    """What is called in the place of a model that is not called itself, such as one of several tasks."""
    return [
        part
        for child in model.children()
        for part in (_parts(child) if type(child).forward is nn.Module.forward else [child])
    ]
