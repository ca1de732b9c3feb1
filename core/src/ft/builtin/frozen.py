"""A frozen encoder computes each text or image once: what it gave is kept and given again.

Rows are told apart by their content (token ids and token types, or pixels), so it does not matter which task
asks, in which batch, or how often a text occurs. What a pass needs besides, or a hook somebody put
on a module of the encoder, has the encoder compute as ever.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from ft.contract.plugin import Plugin, hookimpl
from ft.contract.results import Features
from ft.data.rows.cache import cache_folder
from ft.engine.batch.batches import lengths, longest_first
from ft.engine.batch.inference import IMAGES, POOL, forward_all
from ft.engine.optim.depths import encoder_of
from ft.engine.run import PREDICT

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

SHARE = 0.5
"""Of the free space on the cache's disk, how much the outputs may take."""

KEYED = ("input_ids", "token_type_ids")
PIXELS = "pixel_values"


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
    order of training. As soon as a parameter or buffer of the encoder has changed, or an output
    turns out to need a gradient, nothing is kept or given again any more.
    """

    def __init__(self, encoder: nn.Module, store: Store | None) -> None:
        self._encoder = encoder
        self._compute = encoder.forward
        self._names = list(inspect.signature(encoder.forward).parameters)
        self._store = store
        self._places: dict[bytes, Place] = {}
        self._type: type[ModelOutput] = ModelOutput
        self._modules = list(encoder.modules())
        self._parameters = list(encoder.parameters())
        self._tensors = [*self._parameters, *encoder.buffers()]
        self._version = self._count_changes()
        self._learns = False

    def __call__(self, *arguments: Any, **inputs: Any) -> Any:
        """The encoder's output for a batch."""
        inputs = {**dict(zip(self._names, arguments, strict=False)), **inputs}
        if self._learns or any(parameter.requires_grad for parameter in self._parameters):
            self.forget()
            return self._compute(**inputs)
        if self._store is not None and self._count_changes() != self._version:
            self.forget()
        keys = None if self._store is None else self._keys(inputs)
        if keys is None:
            return self._without_dropout(inputs)
        if all(key in self._places for key in keys):
            return self._recall(keys, inputs.get("input_ids"))
        if self._places or self._encoder.training:
            output = self._without_dropout(inputs)
        else:
            # The very first rows: with gradients enabled it shows whether something that learns,
            # such as a prompt that a plugin puts in, takes part in them.
            with torch.enable_grad():
                output = self._without_dropout(inputs)
            if _needs_gradient(output):
                self._learns = True
                self.forget()
                return output
        if not self._encoder.training and isinstance(output, ModelOutput):
            self._keep(keys, inputs, output)
        return output

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A copy of the encoder computes by itself."""
        copied = memo[id(self._encoder)]
        return MethodType(type(copied).forward, copied)

    @property
    def keeps(self) -> bool:
        """Whether outputs are kept."""
        return self._store is not None

    def forget(self) -> None:
        """Keep nothing any more, and give the space back."""
        if self._store is not None:
            self._store.close()
        self._store = None
        self._places.clear()

    def remove(self) -> None:
        """Give the encoder its own ``forward`` back."""
        self.forget()
        vars(self._encoder).pop("forward", None)

    def _count_changes(self) -> int:
        """A number that rises whenever a parameter or buffer is written to."""
        return sum(tensor._version for tensor in self._tensors)

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
        if any(module._forward_hooks or module._forward_pre_hooks for module in self._modules):
            return None
        if given == {PIXELS}:
            rows = inputs[PIXELS].cpu().contiguous()
            return [hashlib.blake2b(row.numpy(), digest_size=16).digest() for row in rows]
        mask = inputs.get("attention_mask")
        if mask is None or not {"input_ids"} <= given <= {*KEYED, "attention_mask"}:
            return None
        places = mask.cpu().numpy()
        lengths = places.sum(axis=1)
        if places.ndim != 2 or (places != (np.arange(places.shape[1]) < lengths[:, None])).any():
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
        mask = inputs.get("attention_mask")
        lengths = None if mask is None else mask.sum(1).tolist()
        arrays = {name: value.detach().float().cpu().numpy() for name, value in output.items()}
        for i, key in enumerate(keys):
            if key in self._places:
                continue
            rows = {
                name: array[i, : lengths[i]] if lengths and array.ndim > 2 else array[i]
                for name, array in arrays.items()
            }
            offset = self._store.add(rows.values())
            if offset is None:
                return
            self._places[key] = Place(offset, {name: row.shape for name, row in rows.items()})

    def _recall(self, keys: Sequence[bytes], ids: Tensor | None) -> ModelOutput:
        """What was kept, padded as token ids are; of images as it is."""
        assert self._store is not None
        places = [self._places[key] for key in keys]
        device = self._parameters[0].device
        padded = {
            name: np.empty(
                (len(keys), *first)
                if ids is None or len(first) < 2
                else (len(keys), ids.shape[1], *first[1:]),
                dtype=np.float32,
            )
            for name, first in places[0].shapes.items()
        }
        for i, place in enumerate(places):
            rows = []
            for name, own in place.shapes.items():
                whole = padded[name]
                padded_too = ids is not None and len(own) > 1
                if padded_too:
                    whole[i, own[0] :] = 0
                rows.append(whole[i, : own[0]] if padded_too else whole[i : i + 1])
            self._store.read(place.offset, rows)
        return self._type(
            **{name: torch.from_numpy(one).to(device) for name, one in padded.items()}
        )


def _needs_gradient(output: Any) -> bool:
    values = output.values() if isinstance(output, Mapping) else ()
    return any(isinstance(value, Tensor) and value.requires_grad for value in values)


class Frozen(Plugin):
    """A frozen encoder computes each text or image of the train split once, before training.

    Nothing is kept where a technique wraps `encode`, whose variants never come again, or
    `compute_loss`, which may change what the encoder computes.
    """

    _encoder: FrozenEncoder | None = None

    @hookimpl
    def on_features(self, run: LiveRun, features: Features) -> None:
        """Stand in for the encoder, unless it learns, and have it compute every text."""
        assert run.model is not None
        encoder = encoder_of(run.model)
        if encoder is None or any(parameter.requires_grad for parameter in encoder.parameters()):
            return
        store = None
        if not any(run.hooks.wrapped(hook) for hook in ("encode", "compute_loss")):
            folder = cache_folder("outputs")
            folder.mkdir(parents=True, exist_ok=True)
            store = Store(folder, SHARE * shutil.disk_usage(folder).free)
        self._encoder = FrozenEncoder(encoder, store)
        vars(encoder)["forward"] = self._encoder
        if store is not None:
            run.reporter.phase("encoder", "frozen: each example is computed once")
            self._fill(run, features, self._encoder)

    @staticmethod
    def _fill(run: LiveRun, features: Features, encoder: FrozenEncoder) -> None:
        assert run.data is not None
        size = IMAGES if run.data.schema.images else POOL
        for begin in range(0, len(features), size):
            end = min(begin + size, len(features))
            pool = [one for group in features.fetch(range(begin, end)) for one in group]
            ordered = [pool[i] for i in reversed(longest_first(lengths(pool)))]
            with run.answering(PREDICT):
                for _ in forward_all(run, ordered, None, None):
                    if not encoder.keeps:
                        return
            run.reporter.progress("encoder", end, len(features))

    @hookimpl
    def on_run_end(self) -> None:
        """Leave the encoder as it was."""
        if self._encoder is not None:
            self._encoder.remove()
