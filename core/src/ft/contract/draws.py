"""What the bootstrap drew for each metric, kept so that runs can be compared example by example.

The helpers of `ft.contract.intervals` draw the same examples in every run on the same data. Kept beside the
predictions, the scores of those draws give the difference of two runs draw by draw: a paired
bootstrap of any statistic, without its code, its plugin or the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ft.contract.errors import DataError

if TYPE_CHECKING:
    import numpy as np

SUFFIX = ".draws.safetensors"
_ABOUT = "draws"


@dataclass(frozen=True)
class Draws:
    """The scores of one metric on samples of test items, drawn with replacement.

    Attributes:
        values: (draws,), NaN where a draw does not define the metric.
        items: how many items there are, and a draw has.
        seed: of the draws; with the same ``items`` and ``seed`` the same items were drawn.
    """

    values: np.ndarray
    items: int
    seed: int

    def paired(self, other: Draws) -> bool:
        """Whether both drew the same items, provided that they are of the same data."""
        return (self.items, self.seed, len(self.values)) == (
            other.items,
            other.seed,
            len(other.values),
        )


def to_bytes(draws: Mapping[str, Draws]) -> bytes:
    """Draws by metric as safetensors."""
    import numpy as np
    from safetensors.numpy import save

    about = {name: {"items": one.items, "seed": one.seed} for name, one in draws.items()}
    values = {name: np.ascontiguousarray(one.values, np.float32) for name, one in draws.items()}
    return bytes(save(values, {_ABOUT: json.dumps(about)}))


def read_draws(run: str | Path, split: str = "test") -> dict[str, Draws]:
    """The draws of every metric of a run that has any, by the metric's name.

    Args:
        run: the run's folder.
        split: a scored split.

    Raises:
        DataError: there are none, or they cannot be read.
    """
    import numpy as np
    from safetensors import SafetensorError, safe_open

    path = Path(run) / "predictions" / f"{split}{SUFFIX}"
    try:
        with safe_open(path, "numpy") as stream:
            about = json.loads((stream.metadata() or {})[_ABOUT])
            return {
                name: Draws(np.asarray(stream.get_tensor(name), np.float64), **about[name])
                for name in about
            }
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            "what the bootstrap drew cannot be read"
            if path.exists()
            else f"the run has nothing to compare of its split '{split}'",
            where=str(path),
            hint=f"score the split again: ft evaluate {run} --split {split}",
        ) from error
