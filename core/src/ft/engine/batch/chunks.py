"""A whole batch through a model in chunks: exact gradients in the memory of one chunk.

The model first runs without gradients, chunk by chunk, and its outputs are joined. The loss is
computed from all of them and back-propagated to the outputs. Then each chunk runs again, from the
random state of its first run, and passes its outputs' gradients on (GradCache; Gao et al. 2021,
"Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup").
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ft.contract.errors import PluginError
from ft.engine.batch.batches import is_ids

if TYPE_CHECKING:
    from ft.engine.run import LiveRun


class Call:
    """One call of the model over the whole batch, to be run again for its gradients.

    Args:
        chunks: inputs of each chunk of this process's rows.
        states: random state before each chunk.
        rows: the rows of each chunk in the whole batch.
        leaves: the joined outputs that need a gradient, by their place in the output.
        needing: the inputs that need a gradient themselves, such as mixed embeddings.
    """

    def __init__(
        self,
        chunks: list[dict[str, Any]],
        states: list[Any],
        rows: list[slice],
        leaves: dict[str, Tensor],
        needing: dict[str, Tensor],
    ) -> None:
        self.chunks = chunks
        self.states = states
        self.rows = rows
        self.leaves = leaves
        self.needing = needing


class Chunked:
    """Stands in for ``forward`` of a model during a step over a whole batch.

    Args:
        run: with its processes, device and budget of tokens.
        model: whose ``forward`` is replaced.
        batch: examples in the whole batch.
        own: the rows of the whole batch that this process runs.
        shared: whether other processes run the other rows.
    """

    def __init__(
        self, run: LiveRun, model: nn.Module, batch: int, own: slice, *, shared: bool
    ) -> None:
        self._run = run
        self._model = model
        self._forward = model.forward
        self._names = list(inspect.signature(model.forward).parameters)
        self._batch = batch
        # A process without rows of its own runs one all the same, for the shape of the outputs.
        self._idle = own.start == own.stop
        self._own = slice(0, 1) if self._idle else own
        self._shared = shared
        self._calls: list[Call] = []
        functools.update_wrapper(self, model.forward)

    def __call__(self, *arguments: Any, **inputs: Any) -> Any:
        """The outputs for the whole batch, all of its processes' rows."""
        inputs = {**dict(zip(self._names, arguments, strict=False)), **inputs}
        rows = list(self._cut(inputs))
        learns = torch.is_grad_enabled()
        if len(rows) == 1 and not self._shared:
            return self._forward(**inputs)
        if learns:
            self._require_one_loss(len(rows))
        needing = {k: v for k, v in inputs.items() if isinstance(v, Tensor) and v.requires_grad}
        call = Call([], [], rows, {}, needing if learns else {})
        parts = []
        with torch.no_grad():
            for row in rows:
                chunk = {name: self._part(value, row) for name, value in inputs.items()}
                call.states.append(self._random())
                parts.append(self._forward(**chunk))
                call.chunks.append(chunk)
        # Under autocast, copies of weights without a graph would be used again.
        torch.clear_autocast_cache()
        joined = self._join(parts, "", call.leaves if learns else {})
        if learns and not self._idle:
            self._calls.append(call)
        return joined

    def _require_one_loss(self, chunks: int) -> None:
        """Refuse chunks where a plugin back-propagates early: they are run for one loss.

        Raises:
            PluginError: a plugin declares ``early_backward``.
        """
        run = self._run
        early = next((one for one in run.hooks.kept if one.plugin.early_backward), None)
        if early is None:
            return
        whole = next(one for one in run.hooks.kept if one.plugin.whole_batch)
        raise PluginError(
            f"{whole.owner} needs the whole batch in one loss, and {early.owner} back-propagates "
            f"before that loss is known: together they need one pass, and the {self._batch} examples "
            + ("are shared by several processes" if self._shared else f"take {chunks}"),
            where="run.max_tokens",
            hint=("start one process, " if self._shared else "raise run.max_tokens, ")
            + f"lower run.batch_size, leave out '{early.name}' or '{whole.name}', or choose settings of "
            f"'{early.name}' that make one pass",
        )

    def _cut(self, inputs: Mapping[str, Any]) -> Iterator[slice]:
        """The rows of each chunk: as many as the budget of tokens holds."""
        widths = [
            value.numel() // max(1, len(value))
            for name, value in inputs.items()
            if isinstance(value, Tensor) and value.ndim > 1 and is_ids(name)
        ]
        other = [v.shape[1] for v in inputs.values() if isinstance(v, Tensor) and v.ndim > 1]
        width = max(widths or other or [1])
        count = max(1, self._run.budget.training // max(1, width))
        for begin in range(self._own.start, self._own.stop, count):
            yield slice(begin, min(begin + count, self._own.stop))

    def _part(self, value: Any, rows: slice) -> Any:
        if isinstance(value, Tensor) and value.ndim and len(value) == self._batch:
            return value[rows]
        return value

    def _join(self, parts: Sequence[Any], place: str, leaves: dict[str, Tensor]) -> Any:
        """The chunks' outputs as one, the floating ones as leaves that take gradients.

        What has not one row an example, such as a loss, is left out.
        """
        first = parts[0] if parts else None
        if isinstance(first, Tensor):
            return self._joined(parts, place, leaves)
        if isinstance(first, Mapping):
            joined = {n: self._join([p[n] for p in parts], f"{place}/{n}", leaves) for n in first}
            joined = {name: value for name, value in joined.items() if value is not None}
            return type(first)(**joined) if type(first) is not dict else joined
        if isinstance(first, tuple | list):
            return type(first)(
                self._join([p[i] for p in parts], f"{place}/{i}", leaves) for i in range(len(first))
            )
        return first

    def _joined(
        self, parts: Sequence[Tensor], place: str, leaves: dict[str, Tensor]
    ) -> Tensor | None:
        rows = sum(len(part) if part.ndim else 0 for part in parts)
        if not parts[0].ndim or rows != self._own.stop - self._own.start:
            return None
        own = torch.cat(list(parts))
        if self._shared:
            whole = own.new_zeros((self._batch, *own.shape[1:]))
            if not self._idle:
                whole[self._own] = own
            sent = whole.to(torch.uint8) if whole.dtype == torch.bool else whole
            self._run.ranks.sum(sent)
            own = sent.to(whole.dtype)
        if own.is_floating_point() and torch.is_grad_enabled():
            leaves[place] = own.requires_grad_()
        return own

    def _random(self) -> Any:
        cuda = self._run.device.type == "cuda"
        return torch.get_rng_state(), torch.cuda.get_rng_state() if cuda else None

    def _set_random(self, state: Any) -> None:
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1])

    def back_propagate(self) -> None:
        """Run every chunk again and pass on the gradients that the loss gave to its outputs."""
        after = self._random()
        for call in reversed(self._calls):
            gradients = {name: torch.zeros_like(value) for name, value in call.needing.items()}
            for chunk, state, rows in zip(call.chunks, call.states, call.rows, strict=True):
                self._set_random(state)
                apart = {name: chunk[name].detach().requires_grad_() for name in call.needing}
                chunk = {**chunk, **apart}
                with torch.enable_grad(), self._run.accelerator.autocast():
                    output = self._forward(**chunk)
                pairs = [
                    (value, call.leaves[place].grad[rows])  # type: ignore[index]
                    for place, value in _floating(output, "")
                    if place in call.leaves
                    and call.leaves[place].grad is not None
                    and value.requires_grad
                ]
                if pairs:
                    torch.autograd.backward([v for v, _ in pairs], [g for _, g in pairs])
                for name, value in apart.items():
                    if value.grad is not None:
                        self._part(gradients[name], rows).add_(value.grad)
            if gradients:
                torch.autograd.backward(list(call.needing.values()), list(gradients.values()))
        self._calls.clear()
        self._set_random(after)


def _floating(output: Any, place: str) -> Iterator[tuple[str, Tensor]]:
    """Every floating tensor of an output, with its place."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield place, output
    elif isinstance(output, Mapping):
        for name, value in output.items():
            yield from _floating(value, f"{place}/{name}")
    elif isinstance(output, tuple | list):
        for i, value in enumerate(output):
            yield from _floating(value, f"{place}/{i}")


@contextmanager
def chunked(
    run: LiveRun, model: nn.Module, batch: int, own: slice | None = None
) -> Iterator[Chunked]:
    """Let ``model`` run a whole batch in chunks.

    Args:
        run: with its processes, device and budget of tokens.
        model: runs the chunks.
        batch: examples in the whole batch.
        own: the rows of this process, which all of them join; ``None``: it runs every row alone.

    Raises:
        PluginError: the model has BatchNorm, whose outputs depend on the other examples of a chunk.
    """
    norms = [n for n, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if norms and model.training:
        raise PluginError(
            f"the model has BatchNorm ({norms[0]}), and a plugin declares whole_batch: its outputs "
            "would depend on the chunks that the batch is cut into",
            hint="use a model without BatchNorm, or put these layers into eval mode",
        )
    shared = own is not None and run.ranks.count > 1
    stand_in = Chunked(run, model, batch, own or slice(0, batch), shared=shared)
    before = vars(model).get("forward")
    model.forward = stand_in
    try:
        yield stand_in
    finally:
        del model.forward
        if before is not None:
            model.forward = before
