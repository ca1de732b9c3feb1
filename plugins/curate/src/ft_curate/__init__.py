"""For the data of a finished run: what to label next, labels that are wrong, and drift."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ft_curate.drifting.drift import drift as drift
    from ft_curate.picking.pick import pick as pick
    from ft_curate.suspects.suspect import suspect as suspect

__version__ = "0.1.0"

__all__ = ["drift", "pick", "suspect"]

_HOMES = {"drift": "drifting.drift", "pick": "picking.pick", "suspect": "suspects.suspect"}


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: `ft pick --help` needs no torch.
    if name not in _HOMES:
        raise AttributeError(f"module 'ft_curate' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"ft_curate.{_HOMES[name]}"), name)
    return value
