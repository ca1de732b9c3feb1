"""Which examples an epoch sees, and which of them stand in which batch.

From the ids of an epoch, everything is a function of the seed, the epoch and the position, so a
resumed run finds its batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ft.contract.errors import PluginError
from ft.contract.plugin import derive_seed

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

POOL_BATCHES = 256
"""Batches whose examples are sorted by length together: enough to keep padding low, few enough
that an epoch stays shuffled."""

IMAGE_BATCHES = 8
"""The same for images, whose pixels take a thousand times the room of a text."""


def shuffled(examples: int, seed: int, epoch: int) -> np.ndarray:
    """The ids of all examples in random order, (examples,)."""
    return np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(examples)


def mix_into_order(
    order: Any, more: Sequence[int] | np.ndarray, batch_size: int, rng: np.random.Generator
) -> Any:
    """The order of an epoch with more examples at random places in it, such as those of a pool.

    Args:
        order: what the hook `order` gave further in: ids, or batches, which stay as they are.
        more: the ids of the further examples, (examples,).
        batch_size: examples of a batch that is made of them, where the order has batches.
        rng: for both shuffles.
    """
    order, more = list(order), np.asarray(more, dtype=np.int64)
    if not order or not _is_batch(order[0]):
        return rng.permutation(np.concatenate([order, more]) if order else more)
    more = rng.permutation(more).tolist()
    both = [*order, *(tuple(more[k : k + batch_size]) for k in range(0, len(more), batch_size))]
    return [both[int(k)] for k in rng.permutation(len(both))]


class Plan:
    """The batches of one epoch.

    Args:
        ids: of the examples, in order, (examples,).
        batch_size: examples per optimizer step.
        seed: of the run.
        epoch: counted from 1.
        sizes: examples of each batch, where the order fixes them; else batches are made by length.
        pool: batches whose examples are read, and sorted by length, together.
    """

    def __init__(
        self,
        ids: np.ndarray,
        batch_size: int,
        seed: int,
        epoch: int,
        sizes: np.ndarray | None = None,
        pool: int = POOL_BATCHES,
    ) -> None:
        self.ids = ids
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.sizes = sizes
        self.pool = pool
        self.batches = -(-len(ids) // batch_size) if sizes is None else len(sizes)

    @classmethod
    def asked(cls, run: LiveRun, epoch: int, examples: int, pooled: int = 0) -> Plan:
        """The plan of what the hook `order` answers.

        Args:
            run: whose plugins are asked.
            epoch: counted from 1.
            examples: of the train split.
            pooled: of a pool.

        Raises:
            PluginError: it is no order of the examples.
        """
        given = run.hooks.call("order", run, epoch)
        try:
            ids, sizes = parsed(given, examples, pooled)
        except (TypeError, ValueError) as error:
            raise PluginError(
                f"order returned for epoch {epoch} {error}",
                who=run.hooks.who("order"),
                hint="return positions of examples in the train split (those of a pool count on from "
                "its end), or tuples of them, one a step; run.stop ends the training",
            ) from error
        return cls(ids, run.config.batch_size, run.config.seed, epoch, sizes, _pool_of(run))

    def tensors(self) -> dict[str, Tensor]:
        """The order as a checkpoint keeps it."""
        kept = {"ids": torch.from_numpy(self.ids)}
        return kept if self.sizes is None else {**kept, "sizes": torch.from_numpy(self.sizes)}

    @classmethod
    def kept(cls, run: LiveRun, epoch: int, tensors: Mapping[str, Tensor]) -> Plan:
        """The plan that `tensors` are of."""
        sizes = tensors["sizes"].numpy() if "sizes" in tensors else None
        ids = tensors["ids"].numpy()
        return cls(ids, run.config.batch_size, run.config.seed, epoch, sizes, _pool_of(run))

    def pools(self, first_batch: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """Pools of example ids from the one that holds ``first_batch`` on, with the batch at which
        each pool begins.
        """
        for begin in range(first_batch // self.pool * self.pool, self.batches, self.pool):
            edges = [self._start(begin), self._start(min(begin + self.pool, self.batches))]
            yield begin, self.ids[edges[0] : edges[1]]

    def _start(self, batch: int) -> int:
        """How many examples stand before a batch."""
        return batch * self.batch_size if self.sizes is None else int(self.sizes[:batch].sum())

    def cut(self, begin: int, lengths: Sequence[int]) -> list[np.ndarray]:
        """The batches of a pool: positions within it, alike in length, in random order, unless the
        order fixes them.

        Args:
            begin: the batch at which the pool begins.
            lengths: tokens of each of the pool's examples.
        """
        if self.sizes is not None:
            own = self.sizes[begin : begin + self.pool]
            return np.split(np.arange(len(lengths)), np.cumsum(own)[:-1])
        by_length = np.argsort(np.asarray(lengths), kind="stable")
        # The odd batch, if any, is cut off the short end, where it wastes least.
        odd = len(lengths) % self.batch_size
        cuts = range(odd, len(lengths), self.batch_size)
        batches = [by_length[cut : cut + self.batch_size] for cut in cuts]
        if odd:
            batches.append(by_length[:odd])
        rng = np.random.default_rng(derive_seed(self.seed, "batches", self.epoch, begin))
        return [batches[i] for i in rng.permutation(len(batches))]


def _pool_of(run: LiveRun) -> int:
    assert run.data is not None
    return IMAGE_BATCHES if run.data.schema.images else POOL_BATCHES


def _is_batch(value: Any) -> bool:
    return isinstance(value, tuple | list | np.ndarray)


def parsed(given: Any, examples: int, pooled: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Ids, and the sizes of batches where they are fixed.

    Args:
        given: what `order` returned.
        examples: of the train split.
        pooled: of a pool, whose ids come behind those.

    Raises:
        TypeError: they are no sequence of ids.
        ValueError: an id is of no example, or there is none.
    """
    values = given if isinstance(given, np.ndarray) else list(given)
    sizes = None
    if len(values) and _is_batch(values[0]):
        if not all(map(_is_batch, values)):
            raise TypeError("ids and tuples of ids beside each other")
        sizes = np.array([len(one) for one in values], dtype=np.int64)
        if not sizes.all():
            raise ValueError(f"an empty batch, the one of step {int(sizes.argmin()) + 1}")
        values = list(chain.from_iterable(values))
    ids = np.asarray(values)
    if not len(ids):
        raise ValueError("no examples")
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise TypeError(f"what is no sequence of ids: {str(given)[:60]}")
    if ids.min() < 0 or ids.max() >= examples + pooled:
        odd = ids[(ids < 0) | (ids >= examples + pooled)][0]
        more = f" and {pooled} of the pool" if pooled else ""
        raise ValueError(f"the id {odd}, and there are {examples} training examples{more}")
    return np.ascontiguousarray(ids, dtype=np.int64), sizes
