"""One optimizer step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ft.contract.errors import PluginError
from ft.contract.results import Loss
from ft.engine.batch.batches import (
    Feature,
    by_columns,
    collate,
    divide,
    lengths,
    micro_batches,
    to_device,
)
from ft.engine.batch.chunks import chunked
from ft.engine.batch.memory import out_of_memory
from ft.engine.batch.parts import of_kinds
from ft.engine.done import Done
from ft.engine.optim.cast import CastLinear, stepping
from ft.engine.optim.optim import Optimizer
from ft.engine.randomness import Generators
from ft.engine.ranks.gradients import sum_gradients

if TYPE_CHECKING:
    from ft.engine.run import LiveRun


class _NotAlone(Exception):
    """A part of a loss stands in several passes, so that its items must be counted before."""


class Step:
    """Forward, backward and update over one batch, in as many micro-batches as its tokens need.

    With several processes each takes its share of the batch; gradients and items are added up over
    them once, before the optimizer.

    Args:
        run: the run, with its model.
        optimizer: of the model.
    """

    def __init__(self, run: LiveRun, optimizer: Optimizer) -> None:
        assert run.model is not None
        self.run = run
        self.model = run.model
        self.optimizer = optimizer
        self.pad_id = run.pad_id
        self._plugins = [member.plugin for member in run.hooks.kept]
        self._whole = any(plugin.whole_batch for plugin in self._plugins)
        self._own_items = any(plugin.own_items for plugin in self._plugins)
        self._early = any(plugin.early_backward for plugin in self._plugins)
        self._on_gradients = run.hooks.listens("on_gradients")
        self._checked_loss_of = not run.hooks.wrapped("loss_of")
        self._layers = [one for one in self.model.modules() if isinstance(one, CastLinear)]
        optimizer.casts = {id(layer.weight): layer for layer in self._layers}

    def __call__(
        self,
        features: list[Feature],
        factor: float,
        wishes: Callable[[], Sequence[float]],
        where: Callable[[], str],
    ) -> Done:
        """Take the step; nothing here waits for the device, unless there are several processes.

        Args:
            features: of the batch.
            factor: share of the peak learning rate.
            wishes: numbers to be added up over the processes at the end of the step.
            where: names the batch in messages.

        Raises:
            TrainingError: a single example does not fit into memory.
            PluginError: a technique around `loss_of` is never called.
        """
        run = self.run
        ranks = run.ranks
        shares = divide(features, ranks.count)
        kinds = {columns: i for i, columns in enumerate(by_columns(features))}
        by_kind = self._own_items and not self._whole and len(kinds) > 1
        with stepping(self._layers):
            if self._whole:
                done, items = self._whole_batch(shares, where)
            elif self._own_items:
                done, items = self._joined(shares[ranks.index], kinds, where)
            else:
                done, items = self._passes(shares[ranks.index], where, self._backward)
        run.counts = {}
        if not self._checked_loss_of:
            self._require_loss_of()
        if not isinstance(items, Tensor):
            items = torch.full((), items, device=run.device)
        total = run.backpropagated
        if total is None:
            total = torch.zeros((), device=run.device)
        done.add("loss", total)
        done.add("items", items)
        if ranks.count == 1:
            done.wishes = wishes()
        else:
            total, items = self._exchange(done, wishes())
        if by_kind:  # the gradients are divided already
            done.sums["loss"], total = done.sums["loss"] * items, total * items
            items = (items > 0).float()
        done.total = total
        if self._on_gradients:
            items = self._tell_gradients(items)
        done.norm = self.optimizer.step(items, factor, total)
        self.optimizer.zero()
        return done

    def tell(self, hook: str, **facts: Any) -> None:
        """Tell plugins of an event between steps; whoever is told may write weights in ways that torch does not count."""
        self.run.hooks.tell(hook, run=self.run, **facts)
        if self.run.hooks.customised(hook):
            for layer in self._layers:
                layer.written(near=False)

    def _require_loss_of(self) -> None:
        """Refuse a technique around `loss_of` where nobody calls that: it would change nothing.

        Raises:
            PluginError: the step that was just made did not call it.
        """
        self._checked_loss_of = True
        hooks = self.run.hooks
        for one in hooks.parts("loss_of")[1]:
            if not hooks.ledger.cost(one.plugin.name, "loss_of").calls:
                raise PluginError(
                    f"{one.owner} wraps loss_of, which nobody called in a step: it would change nothing",
                    who=hooks.who("compute_loss"),
                    hint="let its compute_loss return run.loss_of(outputs, batch), or leave out "
                    f"'{one.plugin.name}'",
                )

    def _whole_batch(
        self, shares: list[list[Feature]], where: Callable[[], str]
    ) -> tuple[Done, Tensor | float]:
        """The gradients of the whole batch, whose rows this process runs its share of.

        Every process computes the whole loss from the outputs of all; the main one alone counts it.
        """
        run, model = self.run, self.model
        index, main = run.ranks.index, run.ranks.main
        begin = sum(map(len, shares[:index]))
        features = [feature for share in shares for feature in share]
        if len(by_columns(features)) > 1:
            raise PluginError(
                f"{where()} hold features with different columns, and a plugin needs the whole batch in "
                "one pass",
                hint="let `order` fix batches of features that are alike, such as those of one task, or "
                "leave out the plugin that declares whole_batch",
            )
        own = slice(begin, begin + len(shares[index]))
        batch = to_device(collate(features, self.pad_id, left=run.pads_left), run.device)
        generators = Generators(run.device, self._plugins)
        while True:
            run.backpropagated, done = None, Done()
            try:
                with chunked(run, model, len(features), own) as stand_in:
                    with run.accelerator.autocast():
                        made = run.hooks.call("compute_loss", run, model, batch)
                        loss = self._checked(made, len(features))
                    run.backward(loss)
                    if not main:  # parameters that the loss used directly
                        self.optimizer.zero()
                    stand_in.back_propagate()
                break
            except Exception as error:
                if not out_of_memory(error):
                    raise
            self.optimizer.zero()
            longest = max(lengths(features))
            count = max(1, min(len(features), run.budget.training // longest))
            run.budget.shrink(run, "training", features[:count], where())
            generators.wind_back()
        if main:
            self._add_parts(loss, done)
        else:
            run.backpropagated = None
        tokens = lengths(features[own])
        done.tokens, done.padded = sum(tokens), len(tokens) * max(tokens, default=0)
        return done, loss.items if main else 0.0

    def _joined(
        self,
        features: list[Feature],
        kinds: Mapping[tuple[str, ...], int],
        where: Callable[[], str],
    ) -> tuple[Done, Tensor | float]:
        """The gradients of this process's share, of which each part of the loss has items of its own.

        Features with the same columns, as one task has, are a kind; each kind's gradient is divided by its own
        items. A kind in one pass needs no counting: the pass has all of its items.
        """
        run = self.run
        several = len(kinds) > 1
        passes = len(micro_batches(features, run.budget.training))
        if run.ranks.count == 1 and passes == len(kinds) and not (several and self._early):
            generators = Generators(run.device, self._plugins)

            def alone(loss: Loss, done: Done) -> None:
                if any(f"items/{name}" in done.sums for name in loss.parts):
                    raise _NotAlone
                run.divisor = loss.items if several else None

            try:
                return self._passes(
                    features, where, lambda micro, done: self._backward(micro, done, alone)
                )
            except _NotAlone:
                self.optimizer.zero()
                generators.wind_back()
        counts = self._counts(features, kinds, where)

        def back_propagate(micro: list[Feature], done: Done) -> Tensor | float:
            run.counts, items = counts[kinds[tuple(micro[0])]]
            run.divisor = items if several else None
            return self._backward(micro, done)

        return self._passes(features, where, back_propagate)

    def _counts(
        self,
        features: list[Feature],
        kinds: Mapping[tuple[str, ...], int],
        where: Callable[[], str],
    ) -> Mapping[int, tuple[Mapping[str, float], float]]:
        """The items of the parts of each kind's loss in the whole batch, and of all of its parts, by passes
        without gradients.
        """
        run = self.run
        generators = Generators(run.device, self._plugins)
        run.counts = {}

        def count(micro: list[Feature], done: Done) -> float:
            batch = to_device(collate(micro, self.pad_id, left=run.pads_left), run.device)
            with torch.no_grad(), run.accelerator.autocast():
                loss: Loss = run.hooks.provide("compute_loss", run, self.model, batch)
            of = kinds[tuple(micro[0])]
            done.add(f"{of}/", torch.as_tensor(loss.items, dtype=torch.float64))
            for name, part in loss.parts.items():
                if isinstance(part, Loss):
                    items = torch.as_tensor(part.items, dtype=torch.float64)
                    done.add(f"{of}/{name}", items)
            return 0.0

        counted, _ = self._passes(features, where, count)
        generators.wind_back()
        return of_kinds(run.ranks.gather({name: float(n) for name, n in counted.sums.items()}))

    def _passes(
        self,
        features: list[Feature],
        where: Callable[[], str],
        make: Callable[[list[Feature], Done], Tensor | float],
    ) -> tuple[Done, Tensor | float]:
        """The gradients of this process's share, and its items, by a call of ``make`` a micro-batch.

        Where memory runs out, all of it is made again in smaller passes, from the same random
        numbers: nothing is left of the attempt that failed.
        """
        run = self.run
        generators = Generators(run.device, self._plugins)
        while True:
            run.backpropagated = None
            done, failed = Done(), None
            items: Tensor | float = 0.0
            # Where parts of a loss have items of their own, those of several passes must be counted first.
            whole = run.budget.training if self._own_items else run.budget.for_training(run.device)
            cut = micro_batches(features, whole)
            if not self._own_items:
                run.counts = {} if len(cut) == 1 and run.ranks.count == 1 else None
            for micro in cut:
                try:
                    items = items + make(micro, done)
                except Exception as error:
                    if not out_of_memory(error):
                        raise
                    failed = micro
                    break
            if failed is None:
                return done, items
            self.optimizer.zero()
            run.budget.shrink(run, "training", failed, where())
            generators.wind_back()

    def _backward(
        self,
        micro: list[Feature],
        done: Done,
        see: Callable[[Loss, Done], None] = lambda loss, done: None,
    ) -> Tensor | float:
        """The gradients of a micro-batch, whose loss is seen before; returns its items."""
        run = self.run
        batch = to_device(collate(micro, self.pad_id, left=run.pads_left), run.device)
        with run.accelerator.autocast():
            loss = self._checked(run.hooks.call("compute_loss", run, self.model, batch), len(micro))
        see(loss, done)
        run.backward(loss)
        run.divisor = None
        self._add_parts(loss, done)
        tokens = lengths(micro)
        done.tokens += sum(tokens)
        done.padded += len(micro) * max(tokens)
        return loss.items

    def _checked(self, loss: Loss, size: int) -> Loss:
        """What compute_loss returned for so many features.

        Raises:
            PluginError: it is no loss.
        """
        each = loss.each
        if not isinstance(loss.total, Tensor) or loss.total.ndim:
            what = "a Loss whose total is no scalar tensor"
        elif each is not None and tuple(each.shape[:1]) != (size,):
            what = f"a Loss with each of the shape {tuple(each.shape)} for a batch of {size}"
        elif not isinstance(loss.items, Tensor) and loss.items <= 0 and loss.total.detach() != 0:
            total = float(loss.total.detach())
            what = f"a Loss of {total:.3g} over {loss.items:g} items, which trains nothing"
        else:
            return loss
        raise PluginError(
            f"compute_loss returned {what}",
            who=self.run.hooks.who("compute_loss"),
            hint="return ft.Loss(total, items): a sum over items, and how many; each, where it is "
            "given, is (batch,) or (batch, tokens)",
        )

    def _tell_gradients(self, items: Tensor) -> Tensor:
        """Normalise the gradients and tell the plugins of them.

        Returns:
            What is left to divide by: 1, or 0 where the batch has no items.
        """
        there = items > 0
        for parameter in self.optimizer.parameters:
            if parameter.grad is not None:
                parameter.grad = parameter.grad / torch.where(there, items, 1.0)
        self.run.hooks.tell("on_gradients", run=self.run, model=self.model)
        return there.float()

    def _add_parts(self, loss: Loss, done: Done) -> None:
        """Add the parts of a loss to what is logged."""
        for name, part in loss.parts.items():
            if isinstance(part, Loss):
                done.add(f"items/{name}", torch.as_tensor(part.items, device=self.run.device))
                part = part.total
            done.add(name, part.detach())

    def _exchange(self, done: Done, wishes: Sequence[float]) -> tuple[Tensor, Tensor]:
        """Add up over the processes; returns the loss and the items of the whole batch.

        All numbers go at once, with a mark for each parameter that has a gradient here: one that
        has none anywhere is left alone by the optimizer, as it is with one process.
        """
        parameters = self.optimizer.parameters
        numbers = [float(done.sums["loss"]), float(done.sums["items"]), done.tokens, done.padded]
        marks = [parameter.grad is not None for parameter in parameters]
        header = torch.tensor([*numbers, *wishes, *marks], dtype=torch.float64)
        header = header.to(self.run.device)
        self.run.ranks.sum(header)
        loss, items, tokens, padded, *rest = header.tolist()
        done.tokens, done.padded = int(tokens), int(padded)
        done.wishes = rest[: len(wishes)]
        total, count = torch.tensor([loss, items], device=self.run.device)
        if bool(torch.isfinite(total)):
            present = [mark > 0 for mark in rest[len(wishes) :]]
            sum_gradients(self.run.ranks, parameters, present)
        return total, count
