"""What to do when memory runs out in a forward or backward pass: smaller passes from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from accelerate.utils.memory import should_reduce_batch_size

from ft.contract.errors import TrainingError
from ft.engine.batch.batches import IDS, Feature, lengths

if TYPE_CHECKING:
    from torch import nn

    from ft.contract.run import Run

Kind = Literal["training", "prediction"]

CPU_PASS = 2048
"""Tokens of a pass on a processor: larger ones are no faster, take more memory, and are padded more."""

CPU_WRITING = 8192
"""The same where the model writes texts: the decoder runs once for each token of a whole pass."""


def out_of_memory(error: BaseException) -> bool:
    """Whether the device or the host could not give the memory that was asked for."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and should_reduce_batch_size(error)


@dataclass
class Budget:
    """Tokens a forward pass at most, padding included; smaller once memory has run out.

    Attributes:
        training: of a pass with its backward pass.
        prediction: of a pass without.
    """

    training: int
    prediction: int

    @classmethod
    def of(cls, max_tokens: int) -> Budget:
        """What passes may hold before anything is known of the memory."""
        return cls(max_tokens, max_tokens)

    def for_training(self, device: torch.device) -> int:
        """Tokens of a pass with its backward pass: so many as pay on a device."""
        return min(self.training, CPU_PASS) if device.type == "cpu" else self.training

    def for_prediction(self, model: nn.Module | None, device: torch.device) -> int:
        """Tokens of a pass of prediction with a model: so many as pay on its device."""
        if device.type != "cpu":
            return self.prediction
        writes = getattr(model, "can_generate", None)
        return min(self.prediction, CPU_WRITING if writes and writes() else CPU_PASS)

    def shrink(self, run: Run, kind: Kind, micro: Sequence[Feature], where: str = "") -> None:
        """Halve the pass for which memory ran out, and say so.

        Args:
            run: is told.
            kind: of pass.
            micro: what it was made over.
            where: the examples, for the message.

        Raises:
            TrainingError: it was made over a single example, which cannot be halved.
        """
        longest = max(lengths(micro))
        tokens = len(micro) * longest
        if len(micro) == 1:
            raise _does_not_fit(run, longest, where, text=any(k.endswith(IDS) for k in micro[0]))
        setattr(self, kind, tokens // 2)
        run.note(
            f"memory ran out in a pass of {kind} over {len(micro)} x {longest} tokens: from now on "
            f"at most {tokens // 2} tokens a pass, with the same result (run.max_tokens = "
            f"{tokens // 2} says so from the start)"
        )
        if run.device.type == "cuda":
            torch.cuda.empty_cache()


def _does_not_fit(run: Run, tokens: int, where: str, *, text: bool) -> TrainingError:
    ways = [f"lower run.max_length (now {run.max_length})"] if text else []
    if run.accelerator.mixed_precision == "no":
        ways.append("set run.precision = 'bf16'")
    ways.append("freeze a part of the encoder (run.freeze), or choose a smaller model")
    return TrainingError(
        "memory ran out on a single example" + (f" of {tokens} tokens" if text else ""),
        where=where or None,
        hint=", ".join(ways),
    )
