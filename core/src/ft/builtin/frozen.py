"""A frozen encoder computes each text once: what it gave is kept and given again.

Rows are told apart by their content (token ids and token types), so it does not matter which task
asks, in which batch, or how often a text occurs. What a pass needs besides, or a hook somebody put
on a module of the encoder, has the encoder compute as ever.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from ft.data.rows.cache import cache_folder
from ft.engine.batch.batches import lengths, longest_first
from ft.engine.batch.inference import POOL, forward_all
from ft.engine.optim.depths import encoder_of
from ft.engine.run import PREDICT

if TYPE_CHECKING:
    from ft.engine.batch.features import Features
    from ft.engine.run import LiveRun

SHARE = 0.5
"""Of the free space on the cache's disk, how much the outputs may take."""

KEYED = ("input_ids", "token_type_ids")


@dataclass(frozen=True)
class Place:
    """Where a row's output stands in the file.

    Attributes:
        offset: in bytes.
        shapes: of the fields, which stand one behind the other.
    """

    offset: int
    shapes: dict[str, tuple[int, ...]]


class Store:
    """Arrays in a file without a name, which goes with the process.

    Args:
        folder: on whose disk the file is.
        limit: bytes at most.
    """

    def __init__(self, folder: Path, limit: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(  # noqa: SIM115
            dir=folder, prefix="encoder-", buffering=0
        )
        self._size = 0
        self._limit = limit

    def add(self, arrays: Iterable[np.ndarray]) -> int | None:
        """Keep arrays; returns the offset of the first, or ``None`` if there is no room."""
        data = b"".join(array.tobytes() for array in arrays)
        if self._size + len(data) > self._limit:
            return None
        offset = self._size
        self._file.seek(offset)
        if self._file.write(data) != len(data):
            return None
        self._size += len(data)
        return offset

    def read(self, offset: int, into: Sequence[np.ndarray]) -> None:
        """Fill contiguous arrays with what was kept from an offset on."""
        if os.preadv(self._file.fileno(), [one.data for one in into], offset) != sum(
            one.nbytes for one in into
        ):
            raise OSError("the file of the frozen encoder's outputs is shorter than it was")

    def close(self) -> None:
        """Give the space back."""
        self._file.close()


class FrozenEncoder:
    """Stands in for the ``forward`` of an encoder whose parameters do not learn.

    There is no dropout in it: an encoder that does not learn is used as it is. While the model
    does not train, rows that are not known yet are computed and kept; while it trains, a batch with
    an unknown row is computed and nothing is kept, so that what is kept does not depend on the
    order of training.
    """

    def __init__(self, encoder: nn.Module, store: Store | None) -> None:
        self._encoder = encoder
        self._compute = encoder.forward
        self._names = list(inspect.signature(encoder.forward).parameters)
        self._store = store
        self._places: dict[bytes, Place] = {}
        self._type: type[ModelOutput] = ModelOutput
        self._modules = list(encoder.modules())

    def __call__(self, *arguments: Any, **inputs: Any) -> Any:
        """The encoder's output for a batch."""
        inputs = {**dict(zip(self._names, arguments, strict=False)), **inputs}
        keys = None if self._store is None else self._keys(inputs)
        if keys is None:
            return self._without_dropout(inputs)
        if all(key in self._places for key in keys):
            return self._recall(keys, inputs["input_ids"])
        output = self._without_dropout(inputs)
        if not self._encoder.training and isinstance(output, ModelOutput):
            self._keep(keys, inputs, output)
        return output

    def constant(self, model: nn.Module) -> frozenset[str]:
        """Names of the weights of ``model`` that what is kept stands for, so that none may change."""
        if self._store is None:
            return frozenset()
        own = {id(value) for value in self._encoder.state_dict(keep_vars=True).values()}
        state = model.state_dict(keep_vars=True)
        return frozenset(name for name, value in state.items() if id(value) in own)

    def remove(self) -> None:
        """Give the encoder its own ``forward`` back."""
        del self._encoder.forward
        if self._store is not None:
            self._store.close()

    def _without_dropout(self, inputs: dict[str, Any]) -> Any:
        training = self._encoder.training
        self._encoder.eval()
        try:
            return self._compute(**inputs)
        finally:
            self._encoder.train(training)

    def _keys(self, inputs: dict[str, Any]) -> list[bytes] | None:
        """A key for each row; ``None`` if a row is more than its content."""
        given = {name for name, value in inputs.items() if isinstance(value, Tensor)}
        mask = inputs.get("attention_mask")
        if mask is None or not {"input_ids"} <= given <= {*KEYED, "attention_mask"}:
            return None
        if any(module._forward_hooks or module._forward_pre_hooks for module in self._modules):
            return None
        rows = mask.cpu().numpy()
        lengths = rows.sum(axis=1)
        if rows.ndim != 2 or (rows != (np.arange(rows.shape[1]) < lengths[:, None])).any():
            return None
        columns = [inputs[name].cpu().numpy() for name in KEYED if name in given]
        return [
            hashlib.blake2b(
                b"".join(column[i, :length].tobytes() for column in columns), digest_size=16
            ).digest()
            for i, length in enumerate(lengths)
        ]

    def _keep(self, keys: Sequence[bytes], inputs: dict[str, Any], output: ModelOutput) -> None:
        if not all(isinstance(value, Tensor) for value in output.values()):
            return
        assert self._store is not None
        self._type = type(output)
        lengths = inputs["attention_mask"].sum(1).tolist()
        arrays = {name: value.detach().float().cpu().numpy() for name, value in output.items()}
        for i, key in enumerate(keys):
            if key in self._places:
                continue
            rows = {
                name: array[i, : lengths[i]] if array.ndim > 2 else array[i]
                for name, array in arrays.items()
            }
            offset = self._store.add(rows.values())
            if offset is None:
                return
            self._places[key] = Place(offset, {name: row.shape for name, row in rows.items()})

    def _recall(self, keys: Sequence[bytes], ids: Tensor) -> ModelOutput:
        assert self._store is not None
        places = [self._places[key] for key in keys]
        padded = {
            name: np.empty(
                (len(keys), ids.shape[1], *first[1:]) if len(first) > 1 else (len(keys), *first),
                dtype=np.float32,
            )
            for name, first in places[0].shapes.items()
        }
        for i, place in enumerate(places):
            rows = []
            for name, own in place.shapes.items():
                whole = padded[name]
                if len(own) > 1:
                    whole[i, own[0] :] = 0
                rows.append(whole[i, : own[0]] if len(own) > 1 else whole[i : i + 1])
            self._store.read(place.offset, rows)
        return self._type(
            **{name: torch.from_numpy(one).to(ids.device) for name, one in padded.items()}
        )


def freeze_outputs(run: LiveRun, features: Features) -> FrozenEncoder | None:
    """Let a frozen encoder compute each text of the train split once, and do so.

    Nothing is kept where a technique wraps `encode`, whose variants never come again, or
    `compute_loss`, which may change what the encoder computes.

    Returns:
        What to remove before the model is saved; ``None`` if the encoder learns.
    """
    assert run.model is not None
    encoder = encoder_of(run.model)
    if encoder is None or any(parameter.requires_grad for parameter in encoder.parameters()):
        return None
    store = None
    if not any(run.hooks.wrapped(hook) for hook in ("encode", "compute_loss")):
        folder = cache_folder("outputs")
        folder.mkdir(parents=True, exist_ok=True)
        store = Store(folder, SHARE * shutil.disk_usage(folder).free)
    frozen = FrozenEncoder(encoder, store)
    encoder.forward = frozen
    if store is not None:
        run.reporter.phase("encoder", "frozen: each text is computed once")
        for begin in range(0, len(features), POOL):
            end = min(begin + POOL, len(features))
            pool = [one for group in features.fetch(range(begin, end)) for one in group]
            ordered = [pool[i] for i in reversed(longest_first(lengths(pool)))]
            with run.answering(PREDICT):
                for _ in forward_all(run, ordered, None, None):
                    pass
            run.reporter.progress("encoder", end, len(features))
    return frozen
