"""What several layers need of one tensor, made once."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def once(values: Tensor, name: str, make: Callable[[Tensor], Tensor]) -> Tensor:
    """What is made of a tensor; it is kept with the tensor, by a name, until that changes."""
    if values.is_inference():  # no changes are counted
        return make(values)
    version, made = getattr(values, name, (None, values))
    if version != values._version:
        made = make(values)
        setattr(values, name, (values._version, made))
    return made
